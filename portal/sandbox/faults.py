"""Faults that can be switched on per vendor: what can go wrong between the portal and an outside system."""

from dataclasses import dataclass
from typing import Final

# Answered before the vendor sees the request.
REFUSALS: Final = ("401", "403", "429", "500", "503")
# The connection closes without an answer. A listening server cannot refuse, so `down` looks like `drop`.
SILENCES: Final = ("drop", "down", "drop_after")
# Change what a list of people contains; never touch the sign-in call.
CONTENTS: Final = ("empty", "half", "same_page", "truncated")
KINDS: Final = (*REFUSALS, *SILENCES, *CONTENTS, "slow")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one vendor.

    `times` limits how many requests it hits (None: until cleared). `path` and `method` narrow it to requests
    whose path contains the text or whose method is equal. `retry_after` (seconds) goes into 429 and 503, as
    an HTTP date when `as_date`. `seconds` is the delay of `slow`.
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

    def hits(self, method: str, path: str, *, sign_in: bool) -> bool:
        """Whether this request is affected; `sign_in` says that it only fetches a token."""
        if sign_in and self.kind in (*CONTENTS, "drop_after"):
            return False
        # A lost answer matters where something was written: the issue exists, but nobody was told.
        wanted = self.method or ("POST" if self.kind == "drop_after" and self.vendor == "jira" else "")
        return self.path in path and wanted in ("", method)
