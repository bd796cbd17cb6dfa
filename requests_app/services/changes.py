"""What was changed since somebody last decided: for the review page and for the comment on the issue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from integrations.provider import InTicket
from portal.accounts.models import User
from requests_app.models import AnswerChange, ChangeOf, Event, Item, Request

_DECISIONS = ("send_back", "approve")
_NOTHING = "nothing"
_OF_CONTENTS = (ChangeOf.GIVEN, ChangeOf.POSTPONED, ChangeOf.WAIVED)


@dataclass(frozen=True, slots=True)
class Changed:
    """One item: what it was then and what it is now, in words, and who changed it last. Never a secret."""

    item: Item
    was: str
    now: str
    by: User | None
    at: datetime


def last_decision(req: Request) -> Event | None:
    """The last time that a team lead sent the request back or approved it."""
    return Event.objects.filter(req=req, move__in=_DECISIONS).select_related("by").first()


def changes_since(req: Request, since: datetime) -> dict[str, Changed]:
    """By key, in the checklist's order; an item that is again what it was is left out."""
    lines = AnswerChange.objects.filter(item__req=req, what__in=_OF_CONTENTS, at__gt=since)
    found: dict[str, Changed] = {}
    for line in lines.select_related("item", "by").order_by("item__position", "pk"):
        earlier = found.get(line.item.key)
        was = earlier.was if earlier else line.before or _NOTHING
        found[line.item.key] = Changed(line.item, was, _after(line), line.by, line.at)
    return {key: changed for key, changed in found.items() if changed.was != changed.now}


def changes_in_ticket(req: Request, *, since: datetime) -> str:
    """One line per item that the ticket shows, for the comment on an issue that was approved again."""
    shown = [each for each in changes_since(req, since).values() if each.item.ticket != InTicket.NONE]
    if not shown:
        return "Changed since the last approval: only details that are not in this ticket."
    lines = (f"{each.item.label}: {each.now} (was: {each.was})" for each in shown)
    return "\n".join(("Changed since the last approval:", *lines))


def _after(line: AnswerChange) -> str:
    if line.what == ChangeOf.POSTPONED:
        return f"not there yet: {line.reason}"
    if line.what == ChangeOf.WAIVED:
        return f"waived: {line.reason}" if line.reason else line.after
    return line.after or _NOTHING
