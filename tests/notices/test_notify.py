"""Notices: in the portal for everybody whom they concern, by mail as each of them chose."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from portal.accounts.models import Role, User
from portal.notices.models import By, Digest, Notice, Preference
from portal.notices.services import KINDS, kinds_for, mark_read, notify, set_wishes, wishes_of
from portal.outbox.models import Effect
from tests.support.people import a_company, a_customer, a_user
from tests.support.queue import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def jamie() -> User:
    return a_user(Role.CSM, "Jamie Park")


def tell(*people: User, kind: str = "approved", marker: str = "m1", detail: str = "") -> list[Notice]:
    return notify(people, kind, words="Ben approved REQ-7", url="/requests/7/", marker=marker, detail=detail)


def test_what_is_wanted_at_once_is_mailed_with_the_same_words(jamie: User) -> None:
    tell(jamie, detail="Nothing to do.")
    drain()
    [message] = mail.outbox
    assert (message.to, message.subject) == ([jamie.email], "Ben approved REQ-7")
    assert "Ben approved REQ-7\n\nNothing to do." in message.body
    assert "http://localhost:8000/requests/7/" in message.body
    assert "/notices/preferences/" in message.body


def test_the_same_news_comes_once(jamie: User) -> None:
    assert len(tell(jamie)) == 1
    assert tell(jamie) == []
    drain()
    assert len(mail.outbox) == 1
    assert Notice.objects.count() == 1


def test_a_notice_and_its_mail_are_rolled_back_together(jamie: User) -> None:
    with transaction.atomic():
        tell(jamie)
        transaction.set_rollback(True)
    assert not Notice.objects.exists()
    assert not Effect.objects.exists()


@pytest.mark.parametrize("by", [By.DIGEST, By.NEVER])
def test_what_is_not_wanted_at_once_is_in_the_portal_alone(jamie: User, by: By) -> None:
    set_wishes(jamie, {"approved": by}, digest_hour=8)
    tell(jamie)
    assert Notice.objects.get().by == by
    assert not Effect.objects.exists()


def test_each_person_has_wishes_of_their_own(jamie: User) -> None:
    rosa = a_user(Role.CSM, "Rosa Silva")
    set_wishes(rosa, {"approved": By.NEVER}, digest_hour=8)
    tell(jamie, rosa)
    drain()
    assert [message.to for message in mail.outbox] == [[jamie.email]]
    assert Notice.objects.count() == 2


def test_customers_and_those_who_left_get_no_notices(jamie: User) -> None:
    User.objects.filter(pk=jamie.pk).update(is_active=False)
    jamie.refresh_from_db()
    assert tell(jamie, a_customer(a_company())) == []
    assert not Notice.objects.exists()


def test_an_unknown_kind_is_our_bug(jamie: User) -> None:
    with pytest.raises(KeyError):
        tell(jamie, kind="weather")


def test_a_long_reason_is_cut_with_a_sign(jamie: User) -> None:
    [notice] = tell(jamie, detail="x" * 2000)
    assert len(notice.detail) == 1000
    assert notice.detail.endswith("…")


def test_everybody_chooses_among_the_kinds_of_their_role(jamie: User) -> None:
    lead, developer = a_user(Role.TL, "Ben Ortiz"), a_user(Role.DEVELOPER, "Dev One")
    assert "submitted" in {kind.name for kind in kinds_for(lead)}
    assert "submitted" not in {kind.name for kind in kinds_for(jamie)}
    assert {kind.name for kind in kinds_for(developer)} == {
        "mentioned",
        "jira_comment",
        "quarantined",
        "paused",
    }
    set_wishes(jamie, {"submitted": By.NOW}, digest_hour=None)
    assert not Preference.objects.exists()
    assert Digest.objects.get().hour is None


def test_without_a_choice_the_kinds_own_default_holds(jamie: User) -> None:
    assert wishes_of(jamie)["approved"] == KINDS["approved"].mailed == By.NOW
    assert wishes_of(jamie)["live"] == KINDS["live"].mailed == By.NOW
    assert wishes_of(jamie)["set_up"] == By.DIGEST


def test_marking_read_leaves_what_came_later(jamie: User) -> None:
    [first] = tell(jamie)
    [later] = tell(jamie, marker="m2")
    [foreign] = tell(a_user(Role.CSM, "Rosa Silva"))
    assert mark_read(jamie, upto=first.pk) == 1
    assert set(Notice.objects.filter(read_at=None)) == {later, foreign}


def test_an_hour_that_no_day_has_cannot_be_stored(jamie: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Digest.objects.create(user=jamie, hour=24)
