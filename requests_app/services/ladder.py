"""The ladder of reminders: which rungs a request has, on which day each is due, and which items it is about.

jira-salesforce-intake.md §4.3, lesson 8. The unlock is the invitation itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db.models import DateTimeField, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from integrations.provider import Audience, Owner
from requests_app.lifecycle import Stage
from requests_app.models import Answer, AnswerState, Reminder, Request, RequestQuerySet
from requests_app.queries import Line
from requests_app.services.calendar import business_calendar

DAYS = (5, 10, 15, 21)  # after the request went to the customer
PROMISES = {"due-1": -1, "due+1": 1}  # rung -> days from the day that was promised
TELL_OWNER, TELL_LEADS = "day-15", "day-21"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rung:
    """One step. `since` tells it from the same step of another wait; `promised` is set for those of a promise."""

    name: str
    since: datetime
    due_on: date
    promised: date | None = None

    def is_about(self, line: Line, today: date) -> bool:
        """A promise has its own rungs; until its day is over, the others leave it alone."""
        answer = line.answer
        kept = answer.due_on if answer.state == AnswerState.POSTPONED else None
        if self.promised:
            return kept == self.promised
        return kept is None or kept < today


def rungs_of(req: Request, lines: Iterable[Line]) -> list[Rung]:
    """Every rung of this wait, in the order of their days."""
    began = req.stage_since.astimezone(business_calendar().zone).date()
    found = [Rung(f"day-{days}", req.stage_since, began + days * _DAY) for days in DAYS]
    promised = {line.answer.due_on for line in lines if line.answer.state == AnswerState.POSTPONED}
    for day in sorted(day for day in promised if day):
        found += [Rung(name, midnight(day), day + shift * _DAY, day) for name, shift in PROMISES.items()]
    return sorted(found, key=lambda rung: (rung.due_on, rung.name))


def theirs(lines: Iterable[Line]) -> list[Line]:
    """The customer's part of a checklist."""
    return [
        line
        for line in lines
        if line.item.owner == Owner.CUSTOMER and line.item.is_visible_to(Audience.CUSTOMER)
    ]


def due_requests(now: datetime) -> RequestQuerySet:
    """Requests with a rung that is due and was not climbed, the longest wait first. Snoozed ones wait."""
    today = day_of(now)
    wanted = Q(pk__in=[])
    for days in DAYS:
        climbed = Reminder.objects.filter(
            req=OuterRef("pk"), rung=f"day-{days}", since=OuterRef("stage_since")
        )
        wanted |= Q(stage_since__lt=_start(today - (days - 1) * _DAY)) & Q(~Exists(climbed))
    for name, shift in PROMISES.items():
        wanted |= Q(Exists(_promised(name, today - shift * _DAY)))
    awake = Q(reminders_snoozed_until=None) | Q(reminders_snoozed_until__lte=now)
    found: RequestQuerySet = Request.objects.filter(awake, wanted, stage=Stage.WAITING_ON_CUSTOMER)
    return found.order_by("stage_since", "pk")


def _promised(rung: str, latest: date) -> QuerySet[Answer]:
    """Promises for `latest` or before whose rung was not climbed; a query, for Exists."""
    climbed = Reminder.objects.filter(req=OuterRef("item__req"), rung=rung, since=OuterRef("midnight"))
    answers = Answer.objects.filter(
        item__req=OuterRef("pk"),
        item__owner=Owner.CUSTOMER,
        state=AnswerState.POSTPONED,
        due_on__lte=latest,
    )
    # The connection speaks UTC, so that this is the midnight below.
    return answers.annotate(midnight=Cast("due_on", DateTimeField())).filter(~Exists(climbed))


# --- days and hours -----------------------------------------------------------------------------------------


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def day_of(now: datetime) -> date:
    """The desk's day."""
    return now.astimezone(business_calendar().zone).date()


def works_on(day: date) -> bool:
    calendar = business_calendar()
    return day.weekday() in calendar.days and day not in calendar.closed


def may_send(now: datetime) -> bool:
    """Customers are written to on business days within REMINDER_HOURS, both in the desk's time zone."""
    opens, _, closes = settings.REMINDER_HOURS.partition("-")
    local = now.astimezone(business_calendar().zone)
    within = time.fromisoformat(opens.strip()) <= local.time() < time.fromisoformat(closes.strip())
    return within and works_on(local.date())


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), business_calendar().zone)
