"""Tries at a password: limited by account and by network, never for good (reliability-security.md T10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from portal.accounts.limits import RateLimited, give_back, take
from portal.audit.services import record

_FIVE_MINUTES, _HOUR = timedelta(minutes=5), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tries:
    """Failures of one account, known or not, from one network. The right password is refused too while it waits."""

    account: str
    network: str

    def take(self) -> None:
        """Counts a try beforehand, so that guesses at the same time are counted. Raises RateLimited."""
        try:
            for name, key, most, per in self._limits():
                take(name, key, most=most, per=per)
        except RateLimited:
            self._tell_once()
            raise

    def succeeded(self) -> None:
        """It was no failure."""
        for name, key, _, per in self._limits():
            give_back(name, key, per=per)

    def failed(self) -> None:
        record("sign_in.failed", by=None, subject=self.account, details={"account": self.account[:254]})

    def _limits(self) -> tuple[tuple[str, str, int, timedelta], ...]:
        return (
            ("sign_in.account", self.account, 5, _FIVE_MINUTES),
            ("sign_in.account", self.account, 10, _HOUR),
            ("sign_in.network", self.network, 20, _FIVE_MINUTES),
        )

    def _tell_once(self) -> None:
        """One entry per account and span: whoever keeps trying must not fill the log."""
        try:
            take("sign_in.told", self.account, most=1, per=_FIVE_MINUTES)
        except RateLimited:
            return
        record("sign_in.locked", by=None, subject=self.account, details={"network": self.network})
