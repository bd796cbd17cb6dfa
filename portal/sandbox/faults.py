"""Faults that can be switched on per vendor: what can go wrong between the portal and an outside system."""

from dataclasses import dataclass
from typing import Final

# Answered before the vendor sees the request.
REFUSALS: Final = ("401", "403", "429", "500", "503")
# The same in words: kind -> status and what the answer says.
WORDED: Final = {
    "ip_blocked": (403, "Access denied: your IP address is not on the allow list of this account."),
    "certificate": (401, "The client certificate has expired or was revoked."),
    "no_right": (403, "This user may not see employees."),
    "not_granted": (403, "The field 'department' is not permitted for these credentials."),
    "no_tenant": (404, "There is no such account."),
    "maintenance": (503, "We are down for maintenance."),
}
# The connection closes without an answer. A listening server cannot refuse, so `down` looks like `drop`.
SILENCES: Final = ("drop", "down", "drop_after")
# Change what a list of people contains; never touch the sign-in call.
CONTENTS: Final = ("empty", "half", "same_page", "truncated", "break_off", "empty_second", "too_few")
# About people: whoever fetches a token is not told.
_ABOUT_PEOPLE: Final = (*CONTENTS, "no_right", "not_granted", "drop_after")
KINDS: Final = (*REFUSALS, *WORDED, *SILENCES, *CONTENTS, "slow")


class Dropped(ConnectionError):
    """Close the connection without an answer, as a failed TLS handshake or a dead peer would look."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one vendor.

    `times` limits how many requests it hits (None: until cleared). `path` and `method` narrow it to requests
    whose path contains the text or whose method is equal. `retry_after` (seconds) goes into 429 and 503, as
    an HTTP date when `as_date`. `seconds` is the delay of `slow`. `break_off` answers the first page of a list and
    then closes; `empty_second` has nobody on the later pages; `too_few` tells a larger total than it sends.
    """

    vendor: str
    kind: str
    times: int | None = None
    path: str = ""
    method: str = ""
    retry_after: int | None = 2
    as_date: bool = False
    seconds: float = 2.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; choose one of {', '.join(KINDS)}")

    @property
    def status(self) -> int | None:
        """That of the answer which refuses; None where the vendor answers itself, or nobody does."""
        return int(self.kind) if self.kind in REFUSALS else WORDED.get(self.kind, (None, ""))[0]

    @property
    def message(self) -> str:
        return WORDED.get(self.kind, (0, ""))[1]

    def hits(self, method: str, path: str, *, sign_in: bool) -> bool:
        """Whether this request is affected; `sign_in` says that it only fetches a token."""
        if sign_in and self.kind in _ABOUT_PEOPLE:
            return False
        # A lost answer matters where something was written: the issue exists, but nobody was told.
        wanted = self.method or ("POST" if self.kind == "drop_after" and self.vendor == "jira" else "")
        return self.path in path and wanted in ("", method)
