"""What the page of a request shows beside its checklist: exceptions, secrets that expire, what it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q

from integrations.provider import ItemKind, Owner
from portal.accounts.models import User
from portal.kit import clock
from requests_app.models import AnswerState, Item, Request
from requests_app.queries import Line
from requests_app.views.tasklist import TopicRow

_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Expiry:
    """A secret of the request that ends within 30 days, or has ended."""

    item: Item
    on: date

    @property
    def is_over(self) -> bool:
        return self.on < clock.now().date()


@dataclass(frozen=True, slots=True)
class Relative:
    req: Request
    words: str


def lines_in(topics: Iterable[TopicRow]) -> list[Line]:
    return [line for row in topics for line in row.state.lines if line.applies]


def exceptions(lines: Iterable[Line]) -> list[Line]:
    """What was waived or promised for later, each with its reason."""
    return [line for line in lines if line.answer.state in (AnswerState.WAIVED, AnswerState.POSTPONED)]


def expiring(lines: Iterable[Line]) -> list[Expiry]:
    """By the date that the customer gave beside the secret."""
    limit = clock.now().date() + _SOON
    dated = [line for line in lines if line.item.kind == ItemKind.DATE and "expires" in line.item.key]
    found = [Expiry(line.item, date.fromisoformat(line.answer.value)) for line in dated if line.answer.value]
    return [each for each in found if each.on <= limit]


def still_open(lines: Iterable[Line]) -> list[Item]:
    """The customer's items that somebody waits for."""
    return [line.item for line in lines if line.is_open and line.item.owner == Owner.CUSTOMER]


def relatives(req: Request, user: User) -> list[Relative]:
    """What it was linked to or copied from, and the reverse, as far as this person may see it. One query."""
    near = Q(pk__in=[pk for pk in (req.related_to_id, req.copied_from_id) if pk])
    found = Request.objects.for_actor(user).filter(near | Q(related_to=req) | Q(copied_from=req))
    return [Relative(other, _words(req, other)) for other in found.select_related("company")]


def _words(req: Request, other: Request) -> str:
    if req.copied_from_id == other.pk:
        return "Copied from"
    if other.copied_from_id == req.pk:
        return "Copied to"
    return "Linked to" if req.related_to_id == other.pk else "Linked from"
