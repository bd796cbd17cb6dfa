"""The link by which a customer admin comes in: bound, hashed, used once, by a person."""

from __future__ import annotations

import re
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from portal.accounts import services
from portal.accounts.models import AccessLink, Company, Membership, Role, User
from portal.accounts.services import LinkUnusable, create_link, find_link, link_url, open_link, revoke_link
from portal.kit.errors import NeedsPerson
from portal.outbox.models import Effect
from tests.support.people import a_company, a_user

pytestmark = pytest.mark.django_db
REQUEST = uuid.UUID("6c9b1f0e-0000-4000-8000-000000000001")


def token_of(link: AccessLink) -> str:
    return link_url(link).rstrip("/").rpartition("/")[2]


def without_csrf(page: bytes) -> bytes:
    return re.sub(rb"[A-Za-z0-9]{64}", b"", page)


@pytest.fixture
def link() -> AccessLink:
    return create_link(a_company(), REQUEST, "Dana@Riverside.example", by=a_user())


def test_a_token_has_256_bits_and_only_its_hash_is_stored(link: AccessLink) -> None:
    token = token_of(link)
    assert len(token) == 43
    assert AccessLink.hash_of(token) == bytes(link.token_hash)
    stored = " ".join(str(value) for value in AccessLink.objects.values_list().get())
    assert token not in stored


def test_a_mail_scanner_may_fetch_the_link_as_often_as_it_likes(link: AccessLink) -> None:
    scanner = Client(enforce_csrf_checks=True)
    address = f"/accounts/link/{token_of(link)}/"
    for _ in range(20):
        assert scanner.get(address).status_code == 200
    assert scanner.head(address).status_code == 200
    assert scanner.post(address).status_code == 403  # no cookie of a browser that saw the page
    assert find_link(token_of(link)).used_at is None


def test_the_person_who_saw_the_page_opens_it_and_is_signed_in_as_this_customer(link: AccessLink) -> None:
    browser = Client(enforce_csrf_checks=True)
    address = f"/accounts/link/{token_of(link)}/"
    page = browser.get(address)
    answer = browser.post(address, {"csrfmiddlewaretoken": page.context["csrf_token"]})
    assert answer.status_code == 302
    assert answer["Location"] == f"/your/{REQUEST}/"
    user = User.objects.get(email="dana@riverside.example")
    assert user.role == Role.CUSTOMER_ADMIN
    assert browser.session["_auth_user_id"] == str(user.pk)
    assert list(Company.objects.for_actor(user)) == [link.company]


def test_a_link_is_used_once(link: AccessLink) -> None:
    open_link(token_of(link))
    with pytest.raises(LinkUnusable):
        open_link(token_of(link))


@pytest.mark.parametrize("change", ["truncated", "case", "padded", "hash", "empty"])
def test_nothing_but_the_token_itself_opens_it(link: AccessLink, change: str) -> None:
    token = token_of(link)
    wrong = {
        "truncated": token[:-1],
        "case": token.swapcase(),
        "padded": token + "=",
        "hash": bytes(link.token_hash).hex(),
        "empty": "",
    }[change]
    with pytest.raises(LinkUnusable):
        open_link(wrong)


def test_a_link_ends_at_its_second(link: AccessLink) -> None:
    AccessLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(LinkUnusable):
        open_link(token_of(link))


def test_every_dead_link_gets_the_same_page(link: AccessLink) -> None:
    revoke_link(link)
    revoked = Client().get(f"/accounts/link/{token_of(link)}/")
    made_up = Client().get(f"/accounts/link/{'x' * 43}/")
    assert revoked.status_code == made_up.status_code == 410
    assert link.company.name.encode() not in revoked.content


def test_revoking_ends_the_access_that_came_by_the_link(link: AccessLink) -> None:
    opened, user = open_link(token_of(link))
    revoke_link(opened)
    assert not Company.objects.for_actor(user).exists()


def test_a_new_link_for_the_same_address_kills_the_unused_old_one(link: AccessLink) -> None:
    create_link(link.company, REQUEST, "dana@riverside.example", by=None)
    with pytest.raises(LinkUnusable):
        open_link(token_of(link))


def test_a_disabled_person_stays_outside(link: AccessLink) -> None:
    _, user = open_link(token_of(link))
    User.objects.filter(pk=user.pk).update(is_active=False)
    again = create_link(link.company, REQUEST, user.email, by=None)
    with pytest.raises(LinkUnusable):
        open_link(token_of(again))
    assert AccessLink.objects.get(pk=again.pk).used_at is None


def test_a_colleagues_address_is_refused_with_a_sentence() -> None:
    csm = a_user()
    with pytest.raises(NeedsPerson, match="colleague"):
        create_link(a_company(), REQUEST, csm.email, by=csm)


def test_access_lasts_while_one_of_the_links_that_were_used_is_not_revoked(link: AccessLink) -> None:
    first, user = open_link(token_of(link))
    second, _ = open_link(token_of(create_link(link.company, uuid.uuid4(), user.email, by=None)))
    revoke_link(second)
    assert Company.objects.for_actor(user).exists()
    revoke_link(first)
    assert not Company.objects.for_actor(user).exists()


def test_deleting_a_link_ends_what_came_by_it(link: AccessLink) -> None:
    _, user = open_link(token_of(link))
    AccessLink.objects.all().delete()
    assert not Company.objects.for_actor(user).exists()


def test_fresh_links_cannot_be_asked_for_faster_than_one_a_minute(link: AccessLink) -> None:
    open_link(token_of(link))
    AccessLink.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert services.renew_link(token_of(link))
    assert not services.renew_link(token_of(link))
    assert Effect.objects.count() == 1


def test_asking_for_a_fresh_link_answers_alike_for_known_and_unknown(link: AccessLink) -> None:
    open_link(token_of(link))
    AccessLink.objects.update(created_at=timezone.now() - timedelta(hours=1))
    known = Client().post(f"/accounts/link/{token_of(link)}/renew/")
    unknown = Client().post(f"/accounts/link/{'y' * 43}/renew/")
    assert known.status_code == unknown.status_code == 200
    assert without_csrf(known.content) == without_csrf(unknown.content)
    assert AccessLink.objects.filter(used_at=None, revoked_at=None).count() == 1


def test_a_key_change_makes_old_links_unrenewable_but_not_wrong(link: AccessLink, settings: Settings) -> None:
    token = token_of(link)
    settings.SECRET_KEY = "another-key-" + "z" * 50
    assert services.find_link(token).pk == link.pk


@pytest.mark.django_db(transaction=True)
def test_of_twenty_simultaneous_openings_one_succeeds() -> None:
    link = create_link(a_company(), REQUEST, "dana@riverside.example", by=None)
    token, outcomes = token_of(link), []
    barrier = threading.Barrier(20)

    def race() -> None:
        barrier.wait()
        try:
            open_link(token)
            outcomes.append("opened")
        except LinkUnusable:
            outcomes.append("refused")
        finally:
            database.close()

    threads = [threading.Thread(target=race) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["opened"] + ["refused"] * 19
    assert Membership.objects.count() == 1
