"""What a connection does where there is a choice: who leaves, who has no address, groups, invitations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from integrations.people import ATTRIBUTES


class Leaving(StrEnum):
    """Three different things: the HR system says they left, it no longer lists them, the filter lets them go."""

    TERMINATED = "terminated"
    ABSENT = "absent"
    OUTSIDE = "outside"


class OnLeave(StrEnum):
    DEACTIVATE = "deactivate"
    KEEP = "keep"


class NoAddress(StrEnum):
    """What happens to somebody without a usable work e-mail address."""

    SKIP = "skip"
    PERSONAL = "personal"


BY_EVENT = "event"  # groups are the vendor's events


@dataclass(frozen=True, slots=True)
class Policy:
    """`group_by` is an attribute, BY_EVENT, or "" for no groups. `match_by` is the order in which people who are
    already there are recognised. `invites`: new people get an invitation, mailed only if `mails` says so.
    """

    terminated: OnLeave = OnLeave.DEACTIVATE
    absent: OnLeave = OnLeave.DEACTIVATE
    outside: OnLeave = OnLeave.DEACTIVATE
    no_address: NoAddress = NoAddress.SKIP
    group_by: str = "department"
    match_by: tuple[str, ...] = ("email", "employee_number")
    invites: bool = False
    mails: bool = False

    def __post_init__(self) -> None:
        if self.group_by not in ("", *ATTRIBUTES, BY_EVENT):
            raise ValueError(f"nobody is grouped by {self.group_by!r}")
        if not (isinstance(self.invites, bool) and isinstance(self.mails, bool)):
            raise ValueError("people are invited and mailed, or not")
        if not set(self.match_by) <= {"email", "employee_number"}:
            raise ValueError("people are recognised by e-mail address or employee number")

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Policy:
        """The inverse of `as_data`; what is not named is as by default. Raises ValueError."""
        try:
            return cls(
                OnLeave(data.get("terminated", OnLeave.DEACTIVATE)),
                OnLeave(data.get("absent", OnLeave.DEACTIVATE)),
                OnLeave(data.get("outside", OnLeave.DEACTIVATE)),
                NoAddress(data.get("no_address", NoAddress.SKIP)),
                data.get("group_by", "department"),
                tuple(data.get("match_by", ("email", "employee_number"))),
                data.get("invites", False),
                data.get("mails", False),
            )
        except (AttributeError, TypeError) as error:
            raise ValueError("not a policy") from error

    def as_data(self) -> dict[str, Any]:
        """Only what differs from the defaults."""
        plain, default = asdict(self), asdict(Policy())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
            if value != default[name]
        }

    def on(self, why: Leaving) -> OnLeave:
        match why:
            case Leaving.TERMINATED:
                return self.terminated
            case Leaving.ABSENT:
                return self.absent
            case Leaving.OUTSIDE:
                return self.outside

    def with_leaving(self, why: Leaving, what: OnLeave) -> Policy:
        match why:
            case Leaving.TERMINATED:
                return replace(self, terminated=what)
            case Leaving.ABSENT:
                return replace(self, absent=what)
            case Leaving.OUTSIDE:
                return replace(self, outside=what)
