"""Secrets that are about to expire: the owner and the customer hear of it in time, each step once."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Case, CharField, DateTimeField, Exists, Func, OuterRef, Q, QuerySet, When
from django.db.models.functions import Cast

from integrations.provider import ItemKind
from portal.notices.services import notify
from requests_app.lifecycle import Stage
from requests_app.models import Answer, Reminder, Request
from requests_app.queries import SETTLED
from requests_app.services.ladder import day_of, midnight
from requests_app.services.news import page_of, what
from requests_app.services.reaching import date_words, mail_reader, readers_of

STEPS = (60, 30, 14, 7, 1, 0)  # days before
_WATCHED = (Stage.APPROVED, Stage.LIVE)
_DAY = timedelta(days=1)


def due_answers(now: datetime) -> QuerySet[Answer]:
    """Dates of expiry with a step that is due and was not told, the soonest first."""
    today = day_of(now)
    dates = Answer.objects.filter(
        item__key__endswith="expires_on",
        item__kind=ItemKind.DATE,
        item__req__stage__in=_WATCHED,
        state__in=SETTLED,
    ).annotate(midnight=_midnight())
    wanted = Q(pk__in=[])
    for days in STEPS:
        told = Reminder.objects.filter(
            req=OuterRef("item__req"), rung=f"expiry-{days}", since=OuterRef("midnight")
        )
        wanted |= Q(midnight__lte=midnight(today + days * _DAY)) & Q(~Exists(told))
    return dates.filter(wanted).order_by("midnight", "pk")


def _midnight() -> Case:
    """The answer as an instant, or NULL. The database may look at other answers first, which are no dates."""
    text = Func("value", template="(%(expressions)s #>> '{}')", output_field=CharField())
    return Case(When(item__kind=ItemKind.DATE, then=Cast(text, DateTimeField())))


def tell_expiry(pk: int, *, now: datetime) -> int:
    """Tells the steps of this date that are due, as one piece of news. Returns how many mails went to the customer.

    A date that was given late skips the steps that are over: who says it ten days before hears of ten days.
    """
    today = day_of(now)
    with transaction.atomic():
        answer = due_answers(now).filter(pk=pk).select_related("item").first()
        if answer is None:
            return 0
        locked = Request.objects.select_for_update(skip_locked=True, of=("self",)).select_related(
            "company", "owner"
        )
        req = locked.filter(pk=answer.item.req_id).first()
        if req is None:
            return 0
        day = date.fromisoformat(str(answer.value))
        due = [days for days in STEPS if day - days * _DAY <= today]
        made = [row for days in due if (row := _told(req, days, day, now))]
        if not made:
            return 0
        return _tell(req, day, today, made[-1], now)


def _told(req: Request, days: int, day: date, now: datetime) -> Reminder | None:
    row, created = Reminder.objects.get_or_create(
        req=req, rung=f"expiry-{days}", since=midnight(day), defaults={"sent_at": now}
    )
    return row if created else None


def _tell(req: Request, day: date, today: date, step: Reminder, now: datetime) -> int:
    over = day <= today
    left = (day - today).days
    when = f"expired on {_english(day)}" if over else f"expires in {left} day{'s' if left > 1 else ''}"
    notify(
        [req.owner],
        "expiring",
        words=f"{req}: a secret of {what(req)} {when}",
        detail=f"It is valid until {_english(day)}. The customer was told, and has to enter a new one.",
        url=page_of(req),
        marker=f"{step.rung}:{req.pk}:{day:%Y%m%d}",
    )
    mails = 0
    for reader in readers_of(req):
        context: dict[str, object] = {"expires_on": date_words(day, reader.link), "over": over}
        marker = f"expiring:{step.pk}:{reader.link.pk}"
        mails += mail_reader(req, reader, "expiring", context, marker=marker, now=now)
    return mails


def _english(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
