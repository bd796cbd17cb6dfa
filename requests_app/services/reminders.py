"""Reminding the customer: by the ladder, or because somebody pressed the button. Each rung is climbed once.

The row of the rung and the mails are one transaction, under the lock of the request: two workers at the same time
send as many mails as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext

from portal.accounts.models import Role, User
from portal.audit.services import record
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.notices.services import notify
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import AnswerChange, ChangeOf, Event, Reminder, Request
from requests_app.queries import Line, lines_of
from requests_app.services.ladder import (
    TELL_LEADS,
    TELL_OWNER,
    Rung,
    day_of,
    due_requests,
    rungs_of,
    theirs,
    works_on,
)
from requests_app.services.news import leads, page_of, what
from requests_app.services.reaching import Reader, date_words, mail_reader, readers_of, speaking

LONGEST_SNOOZE = timedelta(days=90)
_BY_HAND = "now"
_APART = timedelta(hours=1)
_DAY = timedelta(days=1)


def climb(pk: int, *, now: datetime) -> int:
    """Climbs every rung of this request that is due, with one mail per address at most. Returns how many mails.

    A rung at whose day nothing is open, or nobody can be reached, is climbed without a mail.
    """
    today = day_of(now)
    with transaction.atomic():
        found = due_requests(now).filter(pk=pk).select_related("company", "owner")
        req = found.select_for_update(skip_locked=True, of=("self",)).first()
        if req is None:
            return 0
        lines = theirs(lines_of(req))
        due = [rung for rung in rungs_of(req, lines) if rung.due_on <= today]
        climbed = {rung: row for rung in due if (row := _climbed(req, rung, now))}
        told = {
            rung: [line for line in lines if line.is_open and _tells(rung, line, today)] for rung in climbed
        }
        pressing = {line.item.key for found in told.values() for line in found}
        if not pressing:
            return 0
        _escalate(req, {rung.name for rung, about in told.items() if about})
        return _mail(req, lines, pressing, max(row.pk for row in climbed.values()), now)


def remind_now(req: Request, *, by: User) -> int:
    """Mails whoever at the customer has something open; returns how many mails, 0 when there is nobody.

    At most once an hour per request. Raises NeedsPerson.
    """
    now = clock.now()
    _check_desk(req, by)
    with transaction.atomic():
        fresh = (
            Request.objects.select_related("company", "owner").select_for_update(of=("self",)).get(pk=req.pk)
        )
        if fresh.current_stage != Stage.WAITING_ON_CUSTOMER:
            raise NeedsPerson(
                "This request does not wait for the customer, so there is nothing to remind of."
            )
        last = Reminder.objects.filter(req=fresh, rung=_BY_HAND, sent_at__gt=now - _APART).last()
        if last:
            minutes = max(1, int((last.sent_at + _APART - now).total_seconds() // 60))
            raise NeedsPerson(
                f"The customer was reminded less than an hour ago. Try again in {minutes} min.",
                code="too_soon",
            )
        lines = theirs(lines_of(fresh))
        row = Reminder.objects.create(req=fresh, rung=_BY_HAND, since=now, sent_at=now)
        mails = _mail(fresh, lines, {line.item.key for line in lines if line.is_open}, row.pk, now)
        if not mails:
            row.delete()
            return 0
        Event.objects.create(req=fresh, by=by, move="remind", words=f"{by} reminded the customer")
        record(
            "request.remind", by=by, company_id=fresh.company_id, subject=str(fresh), details={"mails": mails}
        )
    return mails


def snooze(req: Request, until: datetime | None, *, by: User) -> None:
    """No reminders by the ladder until then; None ends it. What became due meanwhile is one mail. Raises NeedsPerson."""
    now = clock.now()
    _check_desk(req, by)
    if until and not now < until <= now + LONGEST_SNOOZE:
        raise NeedsPerson("Choose a day from tomorrow to 90 days from now.", code="day")
    words = (
        f"{by} let the reminders rest until {until.day} {until:%B %Y}"
        if until
        else f"{by} woke the reminders"
    )
    with transaction.atomic():
        Request.objects.filter(pk=req.pk).update(reminders_snoozed_until=until)
        Event.objects.create(req=req, by=by, move="snooze", words=words)
        record(
            "request.snooze",
            by=by,
            company_id=req.company_id,
            subject=str(req),
            details={"until": until.isoformat() if until else ""},
        )
    req.reminders_snoozed_until = until


# --- what the page shows ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reminders:
    """How far the ladder is. `next_on` is None when nobody will be reminded by itself."""

    last_at: datetime | None
    next_on: date | None
    snoozed_until: datetime | None
    something_open: bool


def state_of(req: Request) -> Reminders | None:
    """For the card with the customer's links; None unless the request waits for them. Three queries."""
    if req.current_stage != Stage.WAITING_ON_CUSTOMER:
        return None
    now = clock.now()
    lines = theirs(lines_of(req))
    climbed = set(Reminder.objects.filter(req=req).values_list("rung", "since"))
    is_open = [line for line in lines if line.is_open]
    ahead = [
        rung.due_on
        for rung in rungs_of(req, lines)
        if (rung.name, rung.since) not in climbed
        and any(rung.is_about(line, rung.due_on) for line in is_open)
    ]
    until = req.reminders_snoozed_until
    asleep = until if until and until > now else None
    earliest = max(day_of(asleep or now), min(ahead)) if ahead else None
    mails = Effect.objects.filter(subject=str(req.public_id), marker__startswith="reminder:")
    last = mails.filter(created_at__gte=req.stage_since).order_by("-pk").values_list("created_at", flat=True)
    return Reminders(last.first(), _next_business_day(earliest), asleep, bool(is_open))


def _next_business_day(day: date | None) -> date | None:
    for step in range(60):
        if day is None or works_on(day + step * _DAY):
            return day + step * _DAY if day else None
    return day


# --- one mail -----------------------------------------------------------------------------------------------


def _climbed(req: Request, rung: Rung, now: datetime) -> Reminder | None:
    """The new row, or None where somebody climbed it before."""
    row, created = Reminder.objects.get_or_create(
        req=req, rung=rung.name, since=rung.since, defaults={"sent_at": now}
    )
    return row if created else None


def _tells(rung: Rung, line: Line, today: date) -> bool:
    """Whoever promises something for tomorrow needs no reminder of it the same day."""
    if not rung.is_about(line, today):
        return False
    if rung.name != "due-1":
        return True
    lines = AnswerChange.objects.filter(item=line.item, what=ChangeOf.POSTPONED)
    said_at = lines.aggregate(at=Max("at"))["at"]
    return said_at is None or day_of(said_at) < rung.due_on


def _escalate(req: Request, rungs: set[str]) -> None:
    for rung, people, days in ((TELL_OWNER, [req.owner], 15), (TELL_LEADS, leads(), 21)):
        if rung in rungs:
            notify(
                people,
                "overdue",
                words=f"The customer has not answered for {days} days: {req}, {what(req)}",
                detail="They were reminded by mail each time. A call may help more than another mail.",
                url=page_of(req),
                marker=f"{rung}:{req.pk}:{req.stage_since:%Y%m%d%H%M%S}",
            )


def _mail(req: Request, lines: list[Line], pressing: set[str], reminder: int, now: datetime) -> int:
    """To every address that has something pressing open: all that is open for it. Returns how many."""
    mails = 0
    for reader in readers_of(req):
        mine = [line for line in lines if line.is_open and reader.sees(line.item.key)]
        if not any(line.item.key in pressing for line in mine):
            continue
        with speaking(reader.link):
            told = [{"label": gettext(line.item.label), "due_on": _promised(line, reader)} for line in mine]
        marker = f"reminder:{reminder}:{reader.link.pk}"
        mails += mail_reader(req, reader, "reminder", {"lines": told}, marker=marker, now=now)
    return mails


def _promised(line: Line, reader: Reader) -> str:
    return date_words(line.answer.due_on, reader.link) if line.answer.due_on else ""


def _check_desk(req: Request, by: User) -> None:
    seen = Request.objects.for_actor(by).filter(pk=req.pk).exists()
    if not seen or by.role not in (Role.CSM, Role.TL):
        raise NeedsPerson("You cannot do this with this request.", code="not_yours")
