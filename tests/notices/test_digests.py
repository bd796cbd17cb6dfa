"""The daily digest: one mail a day at each person's own hour, and none when there is nothing to say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from portal.accounts.models import Role, User
from portal.notices.models import By, Digest, Notice
from portal.notices.services import mark_read, notify, set_wishes
from portal.outbox.models import Effect
from requests_app.duties import send_digests
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.queries import my_work
from requests_app.services.digests import OF_OTHERS, send_digest
from tests.requests_app.factories import a_request, put_in_stage
from tests.support.people import a_user
from tests.support.queue import drain
from tests.support.together import together

pytestmark = pytest.mark.django_db
MONDAY = datetime(2027, 3, 1, tzinfo=UTC)


@pytest.fixture
def jamie() -> User:
    return a_user(Role.CSM, "Jamie Park")


def news(user: User, marker: str = "m1", words: str = "REQ-8 is set up") -> Notice:
    return notify([user], "set_up", words=words, url="/requests/8/", marker=marker)[0]


def hours_pass(count: int, *, start: datetime = MONDAY) -> list[datetime]:
    """A tick an hour; the instants at which a mail went out."""
    sent = []
    for step in range(count):
        before, now = len(mail.outbox), start + timedelta(hours=step)
        send_digests(now)
        drain()
        sent += [now] * (len(mail.outbox) - before)
    return sent


def test_a_digest_comes_once_at_eight_with_the_news_of_the_day(jamie: User) -> None:
    news(jamie)
    assert hours_pass(48) == [MONDAY + timedelta(hours=8)]
    [message] = mail.outbox
    assert (message.to, message.subject) == ([jamie.email], "Your day: 1 piece of news")
    assert "- REQ-8 is set up" in message.body


def test_at_the_hour_that_was_chosen_where_the_person_is(jamie: User) -> None:
    User.objects.update(time_zone="America/Chicago")
    set_wishes(jamie, {}, digest_hour=17)
    news(jamie)
    assert hours_pass(48) == [MONDAY + timedelta(hours=23)]


def test_who_wants_no_digest_gets_none(jamie: User) -> None:
    set_wishes(jamie, {}, digest_hour=None)
    news(jamie)
    assert hours_pass(48) == []


def test_none_at_the_weekend(jamie: User) -> None:
    news(jamie)
    saturday = MONDAY - timedelta(days=2)
    assert hours_pass(72, start=saturday) == [MONDAY + timedelta(hours=8)]


def test_nothing_to_say_is_no_mail_and_the_day_is_done_with(jamie: User) -> None:
    assert hours_pass(12) == []
    news(jamie)
    assert hours_pass(12, start=MONDAY + timedelta(hours=12)) == []
    assert Digest.objects.get().last_on == MONDAY.date()
    assert hours_pass(12, start=MONDAY + timedelta(hours=24)) == [MONDAY + timedelta(hours=32)]


def test_what_was_read_in_the_portal_is_no_news(jamie: User) -> None:
    mark_read(jamie, upto=news(jamie).pk)
    assert hours_pass(24) == []


def test_what_was_mailed_at_once_is_not_mailed_again(jamie: User) -> None:
    notify([jamie], "approved", words="Ben approved REQ-7", url="/requests/7/", marker="m1")
    set_wishes(jamie, {"approved": By.DIGEST}, digest_hour=8)
    drain()
    mail.outbox.clear()
    assert hours_pass(24) == []


def test_a_digest_says_what_waits_for_the_person_and_not_what_waits_for_others(jamie: User) -> None:
    put_in_stage(a_request(by=jamie), Stage.WAITING_ON_CUSTOMER)
    assert {group.title for group in my_work(jamie)} <= OF_OTHERS
    assert hours_pass(24) == []
    Request.objects.update(stage=Stage.CHANGES_REQUESTED)
    assert hours_pass(24, start=MONDAY + timedelta(days=1)) == [MONDAY + timedelta(hours=32)]
    assert "- Changes requested: 1\n" in mail.outbox[0].body
    assert mail.outbox[0].subject == "Your day: 1 thing to do"


def test_after_a_night_without_workers_the_digest_comes_late_and_once(jamie: User) -> None:
    news(jamie)
    noon = MONDAY + timedelta(hours=12)
    assert hours_pass(6, start=noon) == [noon]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_one_digest() -> None:
    for attempt in range(5):
        person = a_user(Role.CSM, f"Person {attempt}")
        news(person)
        now = MONDAY + timedelta(hours=9)
        results = together(*[lambda who=person.pk, now=now: send_digest(who, now=now) for _ in range(3)])
        assert sorted(map(bool, results)) == [False, False, True]
    assert Effect.objects.filter(payload__template="digest").count() == 5
