"""Secrets that expire and stages that last too long: told in time, each step once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail

from portal.accounts.models import AccessLink
from portal.kit import clock
from portal.notices.models import Notice
from portal.outbox.models import Effect
from requests_app import duties
from requests_app.lifecycle import Stage
from requests_app.models import Answer, Reminder, Request
from requests_app.services.expiry import due_answers, tell_expiry
from requests_app.services.targets import tell_late
from tests.requests_app.factories import ENTRA, approved, put_in_stage, submitted
from tests.support.queue import drain
from tests.support.together import together

pytestmark = pytest.mark.django_db

KEY = "secret_expires_on"
EXPIRES = date(2027, 5, 31)


def noon(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12)


def before(days: int) -> datetime:
    return noon(EXPIRES - timedelta(days=days))


@pytest.fixture
def req() -> Request:
    """Live, with a secret that is said to expire on 31 May 2027; the customer's access lasts longer."""
    req = put_in_stage(approved(ENTRA), Stage.LIVE)
    answer_date(req, EXPIRES.isoformat())
    AccessLink.objects.update(expires_at=noon(EXPIRES) + timedelta(days=90))
    return req


def answer_date(req: Request, value: str) -> None:
    Answer.objects.filter(item__req=req, item__key=KEY).update(value=value)


def told(first: int, last: int) -> list[int]:
    """Days before the end on which the customer is mailed, walking through all of them."""
    sent = []
    for days in range(first, last - 1, -1):
        count = Effect.objects.filter(payload__template="expiring").count()
        for answer in list(due_answers(before(days))):
            tell_expiry(answer.pk, now=before(days))
        sent += [days] * (Effect.objects.filter(payload__template="expiring").count() - count)
    return sent


@pytest.mark.slow
def test_a_secret_is_announced_at_every_step_and_never_twice(req: Request) -> None:
    assert told(70, -10) == [60, 30, 14, 7, 1, 0]
    assert Notice.objects.filter(kind="expiring", user=req.owner).count() == 6
    assert told(70, -10) == []


def test_owner_and_customer_read_what_to_do(req: Request) -> None:
    told(30, 30)
    drain()
    to_owner = next(message for message in mail.outbox if message.to == [req.owner.email])
    to_customer = next(message for message in mail.outbox if message.to == ["dana@riverside.example"])
    assert "expires in 30 days" in to_owner.subject
    assert "expires on 31 May 2027" in to_customer.body
    assert "Never send it by mail" in to_customer.body
    assert "/accounts/link/" in to_customer.body


def test_a_date_that_was_given_late_is_told_once_not_five_times(req: Request) -> None:
    assert told(5, 5) == [5]
    assert Notice.objects.filter(kind="expiring").count() == 1
    assert told(4, 0) == [1, 0]


def test_a_new_date_starts_afresh(req: Request) -> None:
    told(30, 30)
    answer_date(req, "2028-05-31")
    assert told(30, -10) == []
    assert list(due_answers(noon(date(2028, 5, 1))))


@pytest.mark.slow
@pytest.mark.parametrize("stage", [Stage.SUBMITTED, Stage.CLOSED, Stage.REJECTED])
def test_only_what_is_in_use_is_watched(req: Request, stage: Stage) -> None:
    put_in_stage(req, stage)
    assert told(70, -10) == []


def test_other_answers_are_never_taken_for_dates(req: Request) -> None:
    Answer.objects.filter(item__req=req).exclude(item__key=KEY).exclude(value=None).update(value="no date")
    assert told(60, 60) == [60]


@pytest.mark.django_db(transaction=True)
def test_two_workers_announce_once() -> None:
    req = put_in_stage(approved(ENTRA), Stage.LIVE)
    answer_date(req, EXPIRES.isoformat())
    pk = Answer.objects.get(item__req=req, item__key=KEY).pk
    together(*[lambda: tell_expiry(pk, now=before(7)) for _ in range(3)])
    assert Effect.objects.filter(payload__template="expiring").count() == 1
    assert Reminder.objects.filter(rung="expiry-7").count() == 1


# --- service targets ----------------------------------------------------------------------------------------


def test_the_owner_hears_once_per_stage_that_a_request_is_late() -> None:
    req = submitted()
    wednesday = datetime(2027, 3, 3, 12, tzinfo=UTC)
    Request.objects.update(stage_since=wednesday - timedelta(hours=2))
    duties.tell_of_late_requests(wednesday)
    assert not Notice.objects.filter(kind="overdue").exists()
    for days in (2, 3, 4):
        duties.tell_of_late_requests(wednesday + timedelta(days=days))
    [notice] = Notice.objects.filter(kind="overdue")
    assert notice.user == req.owner
    assert notice.words.startswith(f"{req} is over its target in the stage")
    Request.objects.update(stage=Stage.CHANGES_REQUESTED, stage_since=wednesday)
    assert tell_late(req.pk, now=wednesday + timedelta(days=14))
    assert Notice.objects.filter(kind="overdue").count() == 2


def test_a_request_that_waits_for_the_customer_is_not_late() -> None:
    req = put_in_stage(submitted(), Stage.WAITING_ON_CUSTOMER)
    assert not tell_late(req.pk, now=clock.now() + timedelta(days=60))
