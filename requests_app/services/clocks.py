"""The two clocks of requests, and how far each is into the target of its stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from portal.kit import clock
from requests_app.business_time import Clocks, clocks_of, words_of
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request, RequestQuerySet
from requests_app.services.calendar import business_calendar, service_targets

__all__ = ["Clocks", "Due", "due_of", "in_order_of_due", "is_overdue", "overdue", "target_of", "times_of"]


@dataclass(frozen=True, slots=True)
class Due:
    """When a request should leave its stage. `used` is the percentage of the target that is gone; may pass 100."""

    at: datetime
    used: int
    is_late: bool
    late_words: str = ""


def times_of(requests: Iterable[Request], *, now: datetime | None = None) -> dict[int, Clocks]:
    """Primary key -> both clocks, for any number of requests in one query."""
    return times_by_key([req.pk for req in requests], now=now)


def times_by_key(keys: Sequence[int], *, now: datetime | None = None) -> dict[int, Clocks]:
    """The same, for those who have no instances."""
    moves = Event.objects.filter(req__in=keys).exclude(stage_after="").order_by("req_id", "at", "pk")
    lives: dict[int, list[tuple[datetime, Stage]]] = {key: [] for key in keys}
    for key, at, stage in moves.values_list("req_id", "at", "stage_after"):
        lives[key].append((at, Stage(stage)))
    calendar, instant = business_calendar(), now or clock.now()
    return {key: clocks_of(steps, calendar, instant) for key, steps in lives.items()}


def target_of(stage: Stage) -> timedelta | None:
    """How much business time this stage may take; None where nobody promised anything."""
    return service_targets().get(stage)


def due_of(stage: Stage, since: datetime, *, now: datetime | None = None) -> Due | None:
    """When what has been in `stage` since then is due; None for a stage without a target."""
    target, instant = target_of(stage), now or clock.now()
    if target is None:
        return None
    calendar = business_calendar()
    at, spent = calendar.after(since, target), calendar.between(since, instant)
    words = words_of(spent - target, day=calendar.day) if spent >= target else ""
    return Due(at, int(spent / target * 100), spent >= target, words)


def due_at(req: Request) -> datetime | None:
    due = due_of(req.current_stage, req.stage_since)
    return due.at if due else None


def is_overdue(req: Request, *, now: datetime | None = None) -> bool:
    due = due_of(req.current_stage, req.stage_since, now=now)
    return due is not None and due.is_late


def overdue(now: datetime | None = None) -> Q:
    """A condition for requests over the target of their stage, so that the database can filter and count them."""
    calendar, instant, found = business_calendar(), now or clock.now(), Q(pk__in=[])
    for stage, target in service_targets().items():
        found |= Q(stage=stage, stage_since__lte=calendar.before(instant, target))
    return found


def in_order_of_due(found: RequestQuerySet) -> list[int]:
    """The primary keys, what is due first at the top and what has no target at the end, the newest first. One query."""
    calendar, targets = business_calendar(), service_targets()
    rows = found.order_by("-number").values_list("pk", "stage", "stage_since")
    due = [
        (calendar.after(since, targets[Stage(stage)]) if stage in targets else None, pk)
        for pk, stage, since in rows
    ]
    timed = sorted((row for row in due if row[0] is not None), key=lambda row: (row[0], -row[1]))
    return [pk for _, pk in timed] + [pk for at, pk in due if at is None]
