"""The life of a request as one table. It feeds the check, the buttons, the drawing and the tests. No Django."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    DRAFT = "draft"
    WAITING_ON_CUSTOMER = "waiting_on_customer"
    SUBMITTED = "submitted"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    LIVE = "live"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CLOSED = "closed"

    @property
    def label(self) -> str:
        return _LABELS[self][0]

    @property
    def tone(self) -> str:
        """How a badge is coloured; the words carry the meaning."""
        return _LABELS[self][1]

    @property
    def is_in_preparation(self) -> bool:
        """Before the review: answers are still being collected."""
        return self in _PREPARATION

    @property
    def can_be_edited(self) -> bool:
        """The desk may give or change answers. In review that raises the version; after it, it reopens."""
        return self.is_in_preparation or self == Stage.SUBMITTED or self.is_reopened_by_edits

    @property
    def can_be_edited_by_customer(self) -> bool:
        return self == Stage.WAITING_ON_CUSTOMER

    @property
    def is_reopened_by_edits(self) -> bool:
        """Approved contents: whoever changes them sends the request back into review (reliability-security.md T4)."""
        return self in BY_NAME["reopen"].frm

    @property
    def is_open(self) -> bool:
        return self not in (Stage.REJECTED, Stage.CANCELLED, Stage.CLOSED, Stage.LIVE)


_LABELS = {
    Stage.DRAFT: ("Draft", "neutral"),
    Stage.WAITING_ON_CUSTOMER: ("Waiting on customer", "info"),
    Stage.SUBMITTED: ("Needs approval", "warn"),
    Stage.CHANGES_REQUESTED: ("Changes requested", "warn"),
    Stage.APPROVED: ("Approved", "purple"),
    Stage.REJECTED: ("Rejected", "bad"),
    Stage.LIVE: ("Live", "good"),
    Stage.FAILED: ("Failed", "bad"),
    Stage.CANCELLED: ("Cancelled", "neutral"),
    Stage.CLOSED: ("Closed", "neutral"),
}
_PREPARATION = frozenset({Stage.DRAFT, Stage.WAITING_ON_CUSTOMER, Stage.CHANGES_REQUESTED})


class Actor(StrEnum):
    """Who may make a move. SYSTEM is a task that reports what happened outside."""

    CSM = "csm"
    TL = "tl"
    CUSTOMER_ADMIN = "customer_admin"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Move:
    """One step. `needs_all` refuses while something required is missing; `four_eyes` refuses who filed or edited."""

    name: str
    label: str
    frm: frozenset[Stage]
    to: Stage
    actors: frozenset[Actor]
    needs_all: bool = False
    needs_reason: bool = False
    four_eyes: bool = False
    words: str = ""


_DESK = frozenset({Actor.CSM, Actor.TL})
_TL = frozenset({Actor.TL})
_SYSTEM = frozenset({Actor.SYSTEM})

MOVES: tuple[Move, ...] = (
    Move(
        "send_to_customer",
        "Send to customer",
        frozenset({Stage.DRAFT, Stage.CHANGES_REQUESTED, Stage.WAITING_ON_CUSTOMER}),
        Stage.WAITING_ON_CUSTOMER,
        _DESK,
        words="sent the customer a link",
    ),
    Move(
        "hand_back",
        "Hand back",
        frozenset({Stage.WAITING_ON_CUSTOMER}),
        Stage.DRAFT,
        frozenset({Actor.CUSTOMER_ADMIN}),
        words="handed the customer's part back",
    ),
    Move(
        "take_back",
        "Take back",
        frozenset({Stage.WAITING_ON_CUSTOMER}),
        Stage.DRAFT,
        _DESK,
        words="took the request back from the customer",
    ),
    Move(
        "submit",
        "Submit for approval",
        frozenset({Stage.DRAFT, Stage.CHANGES_REQUESTED, Stage.WAITING_ON_CUSTOMER}),
        Stage.SUBMITTED,
        _DESK,
        needs_all=True,
        words="submitted the request for approval",
    ),
    Move(
        "withdraw",
        "Withdraw",
        frozenset({Stage.SUBMITTED}),
        Stage.DRAFT,
        _DESK,
        words="withdrew the request from review",
    ),
    Move(
        "send_back",
        "Send back",
        frozenset({Stage.SUBMITTED}),
        Stage.CHANGES_REQUESTED,
        _TL,
        needs_reason=True,
        words="sent the request back",
    ),
    Move(
        "approve",
        "Approve",
        frozenset({Stage.SUBMITTED}),
        Stage.APPROVED,
        _TL,
        needs_all=True,
        four_eyes=True,
        words="approved the request",
    ),
    Move(
        "reject",
        "Reject",
        frozenset({Stage.SUBMITTED}),
        Stage.REJECTED,
        _TL,
        needs_reason=True,
        words="rejected the request",
    ),
    Move(
        "go_live",
        "Go live",
        frozenset({Stage.APPROVED, Stage.FAILED}),
        Stage.LIVE,
        _SYSTEM,
        words="The connection works: the request is live",
    ),
    Move(
        "fail",
        "Fail",
        frozenset({Stage.APPROVED}),
        Stage.FAILED,
        _SYSTEM,
        needs_reason=True,
        words="The connection could not be activated",
    ),
    Move(
        "reopen",
        "Reopen",
        frozenset({Stage.APPROVED, Stage.FAILED}),
        Stage.SUBMITTED,
        _SYSTEM,
        words="changed an answer after the approval, so it needs a new one",
    ),
    Move(
        "cancel",
        "Cancel request",
        frozenset({Stage.DRAFT, Stage.WAITING_ON_CUSTOMER, Stage.CHANGES_REQUESTED, Stage.SUBMITTED}),
        Stage.CANCELLED,
        _DESK,
        needs_reason=True,
        words="cancelled the request",
    ),
    Move(
        "close",
        "Close",
        frozenset({Stage.LIVE, Stage.FAILED}),
        Stage.CLOSED,
        _TL,
        words="closed the request",
    ),
)

BY_NAME = {move.name: move for move in MOVES}


def moves_from(stage: Stage, actor: Actor) -> tuple[Move, ...]:
    """What this actor may try now, in the order of the table."""
    return tuple(move for move in MOVES if stage in move.frm and actor in move.actors)


def drawing() -> str:
    """The table as a Mermaid state diagram; the README holds it, and a test keeps the two the same."""
    lines = ["stateDiagram-v2", "    [*] --> draft"]
    for move in MOVES:
        who = "/".join(actor.upper() if len(actor) < 4 else actor for actor in sorted(move.actors))
        lines += [f"    {stage} --> {move.to}: {move.name} ({who})" for stage in sorted(move.frm)]
    return "\n".join(lines)
