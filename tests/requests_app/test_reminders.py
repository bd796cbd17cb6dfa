"""The ladder of reminders under a moved clock: the right mails, each once, and none when there is nothing to say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations.provider import Owner
from portal.accounts.models import AccessLink, Role, User
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson
from portal.notices.models import Notice
from portal.outbox.models import Effect
from requests_app import duties
from requests_app.lifecycle import Stage
from requests_app.models import Answer, AnswerState, Event, Item, Reminder, Request
from requests_app.services.answers import give_answer, postpone_answer
from requests_app.services.ladder import due_requests
from requests_app.services.moves import make_move
from requests_app.services.reminders import LONGEST_SNOOZE, climb, remind_now, snooze, state_of
from tests.requests_app.factories import a_csm, a_request, a_tl, item_of, let_in, submitted, value_for
from tests.support.people import a_company, a_customer, a_user
from tests.support.queue import drain
from tests.support.together import together

pytestmark = pytest.mark.django_db

MONDAY = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
FIRST = MONDAY.date()
LATER = MONDAY + timedelta(days=30)
TICKS = (time(8, 0), time(17, 0))


@pytest.fixture
def _on_monday() -> Iterator[None]:
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def req(_on_monday: None) -> Request:
    """With the customer since Monday morning; Dana may answer all of the customer's part."""
    return with_customer(a_request())


def with_customer(req: Request, since: datetime = MONDAY) -> Request:
    let_in(req, a_customer(req.company))
    req = make_move(req, "send_to_customer", by=req.owner)
    Request.objects.filter(pk=req.pk).update(stage_since=since)
    req.refresh_from_db()
    return req


def days_pass(count: int, *, start: date = FIRST) -> list[tuple[date, str]]:
    """Ticks through every hour that matters; returns (day, address) of every mail to a customer."""
    sent = []
    for step in range(count):
        day = start + timedelta(days=step)
        for at in TICKS:
            now = datetime.combine(day, at, UTC)
            if now <= MONDAY:
                continue
            with time_machine.travel(now, tick=False):
                duties.do_duties()
                drain()
            sent += [(day, message.to[0]) for message in mail.outbox if "example" in message.to[0]]
            mail.outbox.clear()
    return [(day, address) for day, address in sent if not address.endswith("@support.example")]


def march(*days: int) -> list[tuple[date, str]]:
    return [(date(2027, 3, day), "dana@riverside.example") for day in days]


def open_keys(req: Request) -> list[str]:
    return [
        item.key
        for item in Item.objects.filter(req=req, owner=Owner.CUSTOMER).select_related("answer")
        if item.answer.state == AnswerState.MISSING
    ]


def answer_everything(req: Request, customer: User) -> None:
    for item in Item.objects.filter(req=req, owner=Owner.CUSTOMER):
        give_answer(req, item, value_for(item), by=customer)


def customer_of(req: Request) -> User:
    return User.objects.get(role=Role.CUSTOMER_ADMIN, memberships__company=req.company)


def promise(req: Request, key: str, day: date) -> None:
    """A promise that was made long ago, for a day of the moved clock."""
    with time_machine.travel(day - timedelta(days=30), tick=False):
        postpone_answer(req, item_of(req, key), reason="Ordered", due_on=day, by=customer_of(req))


# --- the ladder ---------------------------------------------------------------------------------------------


def test_the_duties_are_done_by_the_tick() -> None:
    assert duties.do_duties in queue._ON_TICK


@pytest.mark.slow
def test_the_whole_ladder_is_four_mails_on_business_days(req: Request) -> None:
    # Five days after Monday is a Saturday, so that the first goes out on the Monday after.
    assert days_pass(40) == march(8, 11, 16, 22)
    assert Reminder.objects.filter(req=req).count() == 4


def test_nobody_is_written_to_in_the_evening_or_at_night(req: Request) -> None:
    for hour, minute in ((7, 59), (18, 0), (23, 0)):
        duties.remind_customers(datetime(2027, 3, 11, hour, minute, tzinfo=UTC))
    assert not Effect.objects.filter(marker__startswith="reminder:").exists()
    duties.remind_customers(datetime(2027, 3, 11, 17, 59, tzinfo=UTC))
    assert Effect.objects.filter(marker__startswith="reminder:").count() == 1


@pytest.mark.slow
def test_the_owner_hears_after_fifteen_days_and_the_team_leads_after_twenty_one(req: Request) -> None:
    lead = a_tl()
    days_pass(15)
    assert not Notice.objects.filter(kind="overdue").exists()
    days_pass(1, start=date(2027, 3, 16))
    assert [notice.user for notice in Notice.objects.filter(kind="overdue")] == [req.owner]
    days_pass(10, start=date(2027, 3, 17))
    told = Notice.objects.filter(kind="overdue", user=lead)
    assert [notice.words for notice in told] == [
        f"The customer has not answered for 21 days: {req}, Personio for Riverside Community Health"
    ]


def test_what_became_due_while_the_system_slept_is_one_mail(req: Request) -> None:
    assert days_pass(5, start=date(2027, 4, 1)) == [(date(2027, 4, 1), "dana@riverside.example")]
    assert Reminder.objects.filter(req=req).count() == 4


@pytest.mark.slow
def test_reminders_stop_when_everything_is_answered(req: Request) -> None:
    assert days_pass(9) == march(8)
    answer_everything(req, customer_of(req))
    assert days_pass(40, start=date(2027, 3, 10)) == []


@pytest.mark.slow
def test_reminders_stop_when_the_customer_hands_back(req: Request) -> None:
    make_move(req, "hand_back", by=customer_of(req))
    assert days_pass(40) == []


@pytest.mark.slow
def test_reminders_stop_when_the_access_is_revoked(req: Request) -> None:
    AccessLink.objects.update(revoked_at=MONDAY)
    assert days_pass(40) == []


@pytest.mark.slow
def test_a_new_wait_starts_the_ladder_afresh(req: Request) -> None:
    assert days_pass(12) == march(8, 11)
    make_move(req, "hand_back", by=customer_of(req))
    make_move(req, "send_to_customer", by=req.owner)
    Request.objects.update(stage_since=datetime(2027, 3, 15, 9, tzinfo=UTC))
    # Until 11 April: the 20th and the 4th are on a weekend.
    again = [date(2027, 3, 22), date(2027, 3, 25), date(2027, 3, 30), date(2027, 4, 5)]
    assert [day for day, _ in days_pass(30, start=date(2027, 3, 15))] == again


# --- promises -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_promise_is_remembered_the_day_before_and_the_day_after(req: Request) -> None:
    customer = customer_of(req)
    key, *others = open_keys(req)
    promise(req, key, date(2027, 3, 24))
    for other in others:
        give_answer(req, item_of(req, other), value_for(item_of(req, other)), by=customer)
    # The others are there, so that the ladder itself has nothing to say before the day is over.
    assert days_pass(40) == march(23, 25)


def test_who_promises_something_for_tomorrow_is_not_reminded_today() -> None:
    req = with_customer(a_request(), since=clock.now())
    today = clock.now().date()
    for key in open_keys(req):
        postpone_answer(
            req,
            item_of(req, key),
            reason="Ordered",
            due_on=today + timedelta(days=1),
            by=customer_of(req),
        )
    assert climb(req.pk, now=clock.now()) == 0
    assert Reminder.objects.filter(rung="due-1").count() == 1
    assert climb(req.pk, now=clock.now() + timedelta(days=2)) == 1


def test_a_kept_promise_is_not_mentioned(req: Request) -> None:
    key = open_keys(req)[0]
    promise(req, key, date(2027, 3, 3))
    give_answer(req, item_of(req, key), value_for(item_of(req, key)), by=customer_of(req))
    assert days_pass(6) == []


# --- what is in the mail ------------------------------------------------------------------------------------


def test_a_mail_lists_what_is_open_and_how_to_get_in(req: Request) -> None:
    key, other, *_ = open_keys(req)
    promise(req, key, date(2027, 3, 30))
    climb(req.pk, now=MONDAY + timedelta(days=10))
    drain()
    [message] = mail.outbox
    assert f"- {item_of(req, key).label} (promised for 30 March 2027)" in message.body
    assert f"- {item_of(req, other).label}\n" in message.body
    assert "/accounts/link/" in message.body
    assert message.reply_to == [req.owner.email]


def test_a_german_link_gets_a_german_mail(req: Request) -> None:
    AccessLink.objects.update(language="de")
    promise(req, open_keys(req)[0], date(2027, 3, 30))
    climb(req.pk, now=MONDAY + timedelta(days=10))
    drain()
    assert "noch offen für die Anbindung von Personio" in mail.outbox[0].subject
    assert "(zugesagt für den 30. März 2027)" in mail.outbox[0].body


def test_whoever_has_only_some_items_is_reminded_of_those_alone(req: Request) -> None:
    first, second, *_ = open_keys(req)
    colleague = User.objects.create_user("kim@riverside.example", name="Kim", role=Role.CUSTOMER_ADMIN)
    AccessLink.objects.filter(pk=let_in(req, colleague).pk).update(item_keys=[first])
    climb(req.pk, now=MONDAY + timedelta(days=5))
    drain()
    theirs = next(message.body for message in mail.outbox if message.to == [colleague.email])
    assert item_of(req, first).label in theirs
    assert item_of(req, second).label not in theirs
    assert len(mail.outbox) == 2
    give_answer(req, item_of(req, first), value_for(item_of(req, first)), by=customer_of(req))
    mail.outbox.clear()
    climb(req.pk, now=MONDAY + timedelta(days=10))
    drain()
    assert [message.to for message in mail.outbox] == [["dana@riverside.example"]]


def test_who_overlooked_the_invitation_gets_a_link_that_works(req: Request) -> None:
    AccessLink.objects.update(used_at=None, used_by=None, item_keys=open_keys(req)[:1], language="de")
    with time_machine.travel(MONDAY + timedelta(days=10), tick=False):
        assert climb(req.pk, now=clock.now()) == 1
        drain()
        fresh = AccessLink.objects.get(revoked_at=None)
        assert fresh.expires_at > clock.now() + timedelta(days=6)
        assert (fresh.item_keys, fresh.language) == (open_keys(req)[:1], "de")
    assert len(mail.outbox) == 1


# --- by hand, and resting -----------------------------------------------------------------------------------


def test_by_hand_the_customer_is_reminded_once_an_hour(req: Request) -> None:
    assert remind_now(req, by=req.owner) == 1
    with pytest.raises(NeedsPerson, match="less than an hour ago"):
        remind_now(req, by=a_tl())
    with time_machine.travel(MONDAY + timedelta(minutes=61), tick=False):
        assert remind_now(req, by=req.owner) == 1
    assert Event.objects.filter(req=req, words="Jamie Park reminded the customer").count() == 2


def test_by_hand_nobody_is_reminded_of_nothing(req: Request) -> None:
    answer_everything(req, customer_of(req))
    assert remind_now(req, by=req.owner) == 0
    assert not Event.objects.filter(req=req, move="remind").exists()
    assert not Reminder.objects.exists()


def test_only_the_desk_reminds_and_only_their_own(req: Request) -> None:
    for by in (a_csm("Rosa Silva"), a_user(Role.DEVELOPER, "Dev One"), customer_of(req)):
        with pytest.raises(NeedsPerson):
            remind_now(req, by=by)
        with pytest.raises(NeedsPerson):
            snooze(req, None, by=by)
    assert not Effect.objects.filter(marker__startswith="reminder:").exists()


@pytest.mark.usefixtures("_on_monday")
def test_a_request_that_waits_for_nobody_cannot_be_reminded_of() -> None:
    req = submitted()
    with pytest.raises(NeedsPerson, match="does not wait for the customer"):
        remind_now(req, by=req.owner)


@pytest.mark.slow
def test_resting_reminders_become_one_mail_afterwards(req: Request) -> None:
    snooze(req, datetime(2027, 3, 18, tzinfo=UTC), by=req.owner)
    assert days_pass(40) == march(18, 22)


def test_ending_the_rest_sends_what_is_due(req: Request) -> None:
    snooze(req, MONDAY + timedelta(days=60), by=req.owner)
    assert days_pass(12) == []
    with time_machine.travel(MONDAY + timedelta(days=12), tick=False):
        snooze(req, None, by=req.owner)
    assert days_pass(3, start=date(2027, 3, 15)) == march(15, 16)


@pytest.mark.parametrize("until", [timedelta(), -timedelta(days=1), LONGEST_SNOOZE + timedelta(days=1)])
def test_a_rest_ends_within_ninety_days(req: Request, until: timedelta) -> None:
    with pytest.raises(NeedsPerson, match="Choose a day"):
        snooze(req, MONDAY + until, by=req.owner)


def test_the_card_knows_the_last_and_the_next(req: Request) -> None:
    state = state_of(req)
    assert state is not None
    assert (state.last_at, state.next_on, state.something_open) == (None, date(2027, 3, 8), True)
    snooze(req, MONDAY + timedelta(days=20), by=req.owner)
    state = state_of(req)
    assert state is not None
    assert state.next_on == date(2027, 3, 22)  # the day after the rest is a Sunday
    with CaptureQueriesContext(database) as captured:
        state_of(req)
    assert len(captured) == 3
    answer_everything(req, customer_of(req))
    assert (done := state_of(req)) is not None
    assert (done.next_on, done.something_open) == (None, False)


# --- many, and many at once ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("_on_monday")
def test_a_tick_takes_a_bounded_share_and_the_next_one_the_rest() -> None:
    csm = a_csm()
    for number in range(3):
        company = a_company(f"Company {number}", lms_id=str(number))
        req = a_request(by=csm, company=company)
        let_in(req, a_customer(company, f"dana@company{number}.example"))
        make_move(req, "send_to_customer", by=csm)
    Request.objects.update(stage_since=MONDAY)
    most, duties.MOST_PER_TICK = duties.MOST_PER_TICK, 2
    try:
        for done in (2, 3, 3):
            duties.remind_customers(LATER)
            assert Effect.objects.filter(marker__startswith="reminder:").count() == done
    finally:
        duties.MOST_PER_TICK = most
    assert not due_requests(LATER).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_ticks_at_once_each_customer_gets_one_mail() -> None:
    csm = a_csm()
    for attempt in range(5):
        company = a_company(f"Company {attempt}", lms_id=os.urandom(4).hex())
        req = a_request(by=csm, company=company)
        let_in(req, a_customer(company, f"dana@company{attempt}.example"))
        make_move(req, "send_to_customer", by=csm)
        assert together(*[lambda: duties.remind_customers(LATER) for _ in range(3)]) == [None] * 3
        assert Effect.objects.filter(payload__template="reminder").count() == attempt + 1


def test_one_broken_request_does_not_keep_the_others_waiting(req: Request) -> None:
    broken = a_request(by=req.owner, company=a_company("Broken", lms_id="9"))
    Request.objects.filter(pk=broken.pk).update(
        stage=Stage.WAITING_ON_CUSTOMER, stage_since=MONDAY - timedelta(days=1), provider_slug="gone"
    )
    let_in(broken, a_customer(broken.company, "kim@broken.example"))
    duties.remind_customers(MONDAY + timedelta(days=7))
    drain()
    assert [message.to for message in mail.outbox] == [["dana@riverside.example"]]
    assert Answer.objects.filter(item__req=broken).exists()
