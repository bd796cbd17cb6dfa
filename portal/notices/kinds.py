"""The kinds of news: what each is called on the preferences page, whom it concerns, how it is mailed by default."""

from __future__ import annotations

from dataclasses import dataclass

from portal.accounts.models import STAFF_ROLES, Role
from portal.notices.models import By

_DESK = frozenset({Role.CSM, Role.TL})
_LEADS = frozenset({Role.TL})
_TECHNICAL = frozenset({Role.CSM, Role.TL, Role.DEVELOPER})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of news. `roles` are those who see it among their preferences."""

    name: str
    label: str
    mailed: By = By.NOW
    roles: frozenset[Role] = _DESK


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("submitted", "A request needs a decision", By.DIGEST, _LEADS),
        Kind("assigned", "A request was given to me"),
        Kind("handed_back", "A customer has handed back"),
        Kind("stuck", "A customer is stuck"),
        Kind("customer_message", "A customer wrote"),
        Kind("mentioned", "Somebody mentioned me", roles=STAFF_ROLES),
        Kind("approved", "My request was approved"),
        Kind("sent_back", "My request was sent back"),
        Kind("rejected", "My request was rejected"),
        Kind("live", "My request is live"),
        Kind("set_up", "A customer has set a connection up", By.DIGEST),
        Kind("failed", "A connection failed"),
        Kind("quarantined", "A connection has stopped working", roles=_TECHNICAL),
        Kind("paused", "A connection was paused after failing for days", roles=_TECHNICAL),
        Kind("held", "A run held removals"),
        Kind("held_decided", "Held removals were decided", By.DIGEST),
        Kind("undone", "A run was undone"),
        Kind("overdue", "Something is over its target", By.DIGEST),
        Kind("expiring", "A secret is about to expire"),
        Kind("revealed", "A secret that I gave was looked at"),
        Kind("delegated", "The customer handed something on", By.DIGEST),
        Kind("jira_comment", "A developer commented in Jira", By.DIGEST, _TECHNICAL),
    )
}
