"""Telling people. Called in the transaction of what happened; mails go through the outbox."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from portal.accounts.models import User
from portal.notices.models import By, Notice


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of news: its name, what it is called on the preferences page, and how it is mailed by default."""

    name: str
    label: str
    mailed: By = By.NOW


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("assigned", "A request was given to me"),
        Kind("handed_back", "A customer has handed back"),
        Kind("stuck", "A customer is stuck"),
        Kind("customer_message", "A customer wrote"),
        Kind("mentioned", "Somebody mentioned me"),
        Kind("submitted", "A request needs a decision", By.DIGEST),
        Kind("approved", "My request was approved"),
        Kind("sent_back", "My request was sent back"),
        Kind("rejected", "My request was rejected"),
        Kind("live", "My request is live", By.DIGEST),
        Kind("failed", "A connection failed"),
        Kind("overdue", "Something is over its target", By.DIGEST),
        Kind("expiring", "A secret is about to expire"),
        Kind("revealed", "A secret that I gave was looked at"),
        Kind("delegated", "The customer handed something on", By.DIGEST),
        Kind("jira_comment", "A developer commented in Jira", By.DIGEST),
    )
}


def notify(
    people: Iterable[User], kind: str, *, words: str, url: str, marker: str, detail: str = ""
) -> list[Notice]:
    """One notice each, for those who are active and have not had this marker. Raises KeyError for an unknown kind."""
    known = KINDS[kind]
    made = []
    for user in {person.pk: person for person in people if person.is_active}.values():
        notice, created = Notice.objects.get_or_create(
            user=user,
            marker=marker,
            defaults={"kind": known.name, "words": words[:300], "detail": detail[:1000], "url": url},
        )
        if created:
            made.append(notice)
    return made
