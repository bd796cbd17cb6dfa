"""The link cases of reliability-security.md T6 to T8: stolen, guessed, raced, scanned, forwarded, leaked."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from portal.accounts.codes import WrongCode, code_of, open_link, send_code
from portal.accounts.limits import LONGEST
from portal.accounts.models import AccessLink, Allowance, Company, Membership, Role, User
from portal.accounts.services import LinkUnusable, create_link, find_link, link_url, revoke_link
from portal.outbox.models import Effect
from tests.support.links import mailed_code, newest_code, open_as, path_of, press
from tests.support.people import a_company, a_user
from tests.support.queue import drain

pytestmark = pytest.mark.django_db
REQUEST = uuid.UUID("6c9b1f0e-0000-4000-8000-000000000001")
HERE = "a-browser"
WRONG = "This code is wrong"
SAME = "If this address may open the link, a code is on its way"


@pytest.fixture
def link() -> AccessLink:
    return create_link(a_company(), REQUEST, "Dana@Riverside.example", by=a_user())


def token_of(link: AccessLink) -> str:
    return link_url(link).rstrip("/").rpartition("/")[2]


def later() -> None:
    """All spans of limits are over."""
    Allowance.objects.update(started_at=timezone.now() - LONGEST)


def text_of(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined,no-any-return]


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def with_code(link: AccessLink) -> tuple[Client, str]:
    """A browser that asked for a code, and the code."""
    client = Client()
    assert press(client, path_of(link), "send").status_code == 302
    return client, newest_code(link)


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


# --- the way it is meant ------------------------------------------------------------------------------------


def test_the_code_from_the_mail_signs_the_customer_in(link: AccessLink) -> None:
    client = Client(enforce_csrf_checks=True)
    assert press(client, path_of(link), "send").status_code == 302
    assert "Enter the code" in text_of(client.get(path_of(link)))
    answer = press(client, path_of(link), "open", code=f" {mailed_code()[:3]} {mailed_code()[3:]}-")
    assert urlsplit(answer["Location"]).path == f"/your/{REQUEST}/"
    user = User.objects.get(email="dana@riverside.example")
    assert user.role == Role.CUSTOMER_ADMIN
    assert client.session["_auth_user_id"] == str(user.pk)
    assert list(Company.objects.for_actor(user)) == [link.company]


def test_the_mail_says_what_the_code_is_for_and_holds_no_link(
    link: AccessLink, mailoutbox: list[object]
) -> None:
    with_code(link)
    code = mailed_code()
    sent = mailoutbox[-1]
    assert sent.to == ["dana@riverside.example"]  # type: ignore[attr-defined]
    words = f"{sent.subject} {sent.body}"  # type: ignore[attr-defined]
    assert link.company.name in words and code in words  # noqa: PT018
    assert "/accounts/link/" not in words
    assert code not in sent.subject  # type: ignore[attr-defined]


def test_the_mail_speaks_the_language_of_the_link(link: AccessLink, mailoutbox: list[object]) -> None:
    AccessLink.objects.update(language="de")
    with_code(link)
    mailed_code()
    assert "Ihr Code" in mailoutbox[-1].subject  # type: ignore[attr-defined]


def test_the_link_opens_again_with_a_fresh_code_and_lives_on_while_it_is_used(link: AccessLink) -> None:
    open_as(Client(), link)
    first = AccessLink.objects.get()
    assert first.expires_at > timezone.now() + timedelta(days=89)
    later()
    again = Client()
    open_as(again, link)
    assert is_in(again)
    assert AccessLink.objects.get().used_at == first.used_at


# --- codes --------------------------------------------------------------------------------------------------


def test_a_code_works_once(link: AccessLink) -> None:
    client, code = with_code(link)
    press(client, path_of(link), "open", code=code)
    with pytest.raises(WrongCode):
        open_link(link, code, browser=HERE)
    thief = Client()
    thief.cookies["sessionid"] = "made-up"
    assert not is_in(thief)


def test_a_code_that_ran_out_a_second_ago_is_refused(link: AccessLink) -> None:
    client, code = with_code(link)
    AccessLink.objects.update(code_expires_at=timezone.now() - timedelta(seconds=1))
    answer = press(client, path_of(link), "open", code=code)
    assert answer.status_code == 422
    assert not is_in(client)


def test_after_five_wrong_codes_the_right_one_is_refused(link: AccessLink) -> None:
    client, code = with_code(link)
    for _ in range(5):
        assert WRONG in text_of(press(client, path_of(link), "open", code=other_than(code)))
    assert WRONG in text_of(press(client, path_of(link), "open", code=code))
    assert not is_in(client)


def test_four_wrong_codes_are_forgiven(link: AccessLink) -> None:
    client, code = with_code(link)
    for _ in range(4):
        press(client, path_of(link), "open", code=other_than(code))
    press(client, path_of(link), "open", code=code)
    assert is_in(client)


def test_a_new_code_ends_the_one_before(link: AccessLink) -> None:
    send_code(link, browser=HERE)
    old = code_of(link)
    send_code(link, browser=HERE)
    with pytest.raises(WrongCode):
        open_link(link, old, browser=HERE)
    open_link(link, code_of(link), browser=HERE)


def test_a_mail_with_an_older_code_is_not_sent_any_more(link: AccessLink, mailoutbox: list[object]) -> None:
    send_code(link, browser=HERE)
    send_code(link, browser=HERE)
    drain()
    assert len(mailoutbox) == 1


def test_a_code_of_another_link_opens_nothing(link: AccessLink) -> None:
    other = create_link(link.company, uuid.uuid4(), link.email, by=None)
    send_code(link, browser=HERE)
    send_code(other, browser=HERE)
    with pytest.raises(WrongCode):
        open_link(link, code_of(other), browser=HERE)


def test_a_code_opens_only_in_the_browser_that_asked_for_it(link: AccessLink) -> None:
    _, code = with_code(link)
    elsewhere = Client()
    assert press(elsewhere, path_of(link), "open", code=code).status_code == 422
    assert not is_in(elsewhere)
    assert AccessLink.objects.get().code_tries == 0, "a stranger must not use up the tries"
    with pytest.raises(WrongCode):
        open_link(link, code, browser="another-browser")


def test_a_hash_or_a_code_of_another_purpose_opens_nothing(link: AccessLink) -> None:
    send_code(link, browser=HERE)
    stored = AccessLink.objects.get()
    for made_up in (bytes(stored.code_hash or b"").hex(), token_of(link), ""):
        with pytest.raises(WrongCode):
            open_link(link, made_up, browser=HERE)


def test_the_second_code_within_half_a_minute_and_the_sixth_within_an_hour_are_refused(
    link: AccessLink,
) -> None:
    client = Client()
    assert press(client, path_of(link), "send").status_code == 302
    refused = press(client, path_of(link), "send")
    assert refused.status_code == 429
    assert "You can ask for the next one in" in text_of(refused)
    for _ in range(4):
        Allowance.objects.filter(key__contains=".soon/").update(started_at=timezone.now() - LONGEST)
        assert press(client, path_of(link), "send").status_code == 302
    Allowance.objects.filter(key__contains=".soon/").update(started_at=timezone.now() - LONGEST)
    assert press(Client(), path_of(link), "send").status_code == 429
    assert Effect.objects.filter(marker__startswith="mail:code:").count() == 5


@pytest.mark.django_db(transaction=True)
def test_of_fifty_simultaneous_openings_one_succeeds() -> None:
    link = create_link(a_company(), REQUEST, "dana@riverside.example", by=None)
    send_code(link, browser=HERE)
    code, outcomes, barrier = code_of(link), [], threading.Barrier(50)

    def race() -> None:
        barrier.wait()
        try:
            open_link(link, code, browser=HERE)
            outcomes.append("opened")
        except WrongCode:
            outcomes.append("refused")
        finally:
            database.close()

    threads = [threading.Thread(target=race) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["opened"] + ["refused"] * 49
    assert Membership.objects.count() == 1


# --- tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["truncated", "case", "padded", "hash", "empty"])
def test_nothing_but_the_token_itself_finds_the_link(link: AccessLink, change: str) -> None:
    token = token_of(link)
    wrong = {
        "truncated": token[:-1],
        "case": token.upper(),
        "padded": token + "=",
        "hash": bytes(link.token_hash).hex(),
        "empty": "",
    }[change]
    with pytest.raises(LinkUnusable):
        find_link(wrong)


def test_a_token_has_256_bits_and_only_its_hash_is_stored(link: AccessLink) -> None:
    token = token_of(link)
    assert len(token) == 64
    assert AccessLink.hash_of(token) == bytes(link.token_hash)
    assert token not in " ".join(str(value) for value in AccessLink.objects.values_list().get())


@pytest.mark.parametrize("ending", ["revoked", "expired", "disabled", "staff"])
def test_every_dead_link_gets_the_same_page_even_between_code_and_opening(
    link: AccessLink, ending: str
) -> None:
    client, code = with_code(link)
    if ending == "revoked":
        revoke_link(link)
    elif ending == "expired":
        AccessLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    else:
        role = Role.CSM if ending == "staff" else Role.CUSTOMER_ADMIN
        User.objects.create_user(link.email, name="Dana", role=role, is_active=ending == "staff")
    for answer in (client.get(path_of(link)), client.post(path_of(link), {"action": "open", "code": code})):
        assert answer.status_code == 410
        assert link.company.name not in text_of(answer)
    assert not is_in(client)
    with pytest.raises((WrongCode, LinkUnusable)):
        open_link(link, code, browser=client.session["door"]["browser"])
    assert not Membership.objects.exists()


def test_a_page_that_was_left_open_cannot_be_used_by_somebody_who_signed_in_since(link: AccessLink) -> None:
    client = Client()
    client.get(path_of(link))
    client.session.save()
    client, code = with_code(link)
    before = client.session.session_key
    press(client, path_of(link), "open", code=code)
    assert client.session.session_key != before
    thief = Client()
    thief.cookies["sessionid"] = str(before)
    assert not is_in(thief)


# --- scanners -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0 (compatible; SafeLinks preview)"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {},
    ],
    ids=["scanner", "prerender", "prefetch", "plain"],
)
def test_a_scanner_may_fetch_the_link_as_often_as_it_likes(link: AccessLink, headers: dict[str, str]) -> None:
    scanner = Client(enforce_csrf_checks=True, headers=headers)
    before = AccessLink.objects.values().get()
    for _ in range(20):
        assert scanner.get(path_of(link)).status_code == 200
    assert scanner.head(path_of(link)).status_code == 200
    for action in ("send", "open", "forward"):
        assert Client(enforce_csrf_checks=True).post(path_of(link), {"action": action}).status_code == 403
    assert AccessLink.objects.values().get() == before
    assert not Effect.objects.exists()
    assert not scanner.cookies.get("sessionid")
    open_as(Client(), link)  # then the person succeeds
