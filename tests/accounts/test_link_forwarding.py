"""The link cases, continued: forwarded, renewed, too many, and nothing that leaks (reliability-security.md T6, T8, T29)."""

from __future__ import annotations

import logging
import uuid
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from portal.accounts.codes import open_link
from portal.accounts.limits import LONGEST
from portal.accounts.models import AccessLink, Allowance, Role, User
from portal.accounts.services import create_link, find_link, link_url, renew_link, revoke_link
from portal.kit.errors import NeedsPerson
from portal.kit.logs import RedactFilter
from portal.outbox.models import Effect
from tests.accounts.test_link_cases import REQUEST, WRONG, other_than, text_of, token_of, with_code
from tests.support.links import link_at, newest_code, open_as, path_of, press
from tests.support.people import a_company, a_user
from tests.support.queue import drain

pytestmark = pytest.mark.django_db
SAME = "If this address may open the link, a code is on its way"


@pytest.fixture
def link() -> AccessLink:
    return create_link(a_company(), REQUEST, "Dana@Riverside.example", by=a_user())


def later() -> None:
    """All spans of limits are over."""
    Allowance.objects.update(started_at=timezone.now() - LONGEST)


# --- forwarding ---------------------------------------------------------------------------------------------


def test_a_colleague_who_got_the_link_forwarded_gets_a_code_at_their_own_address(link: AccessLink) -> None:
    AccessLink.objects.update(item_keys=["client_id"], language="de")
    client = Client()
    press(client, path_of(link), "forward", email="Kim@riverside.example")
    made = AccessLink.objects.get(email="kim@riverside.example")
    assert (made.item_keys, made.language, made.delegated_by) == (["client_id"], "de", None)
    assert made.created_by == link.created_by
    answer = press(client, path_of(link), "open", code=newest_code(made))
    assert answer.status_code == 302
    assert User.objects.get(pk=client.session["_auth_user_id"]).email == "kim@riverside.example"


@pytest.mark.parametrize(
    ("invited", "typed"),
    [
        ("dana@riverside.example", "kim@elsewhere.example"),
        ("dana@riverside.example", "kim@sub.riverside.example"),
        ("dana@gmail.com", "kim@gmail.com"),
        ("dana@riverside.example", "colleague@riverside.example"),
    ],
    ids=["other domain", "subdomain", "free mail", "staff"],
)
def test_an_address_that_may_not_come_in_gets_the_same_answer_and_nothing_else(
    invited: str, typed: str
) -> None:
    a_user(Role.CSM, "Kim", "colleague@riverside.example")
    link = create_link(a_company(), REQUEST, invited, by=None)
    client = Client()
    assert press(client, path_of(link), "forward", email=typed).status_code == 302
    page = text_of(client.get(path_of(link)))
    assert SAME in page and typed in page  # noqa: PT018
    assert WRONG in text_of(press(client, path_of(link), "open", code="123456"))
    assert AccessLink.objects.count() == 1
    assert not Effect.objects.exists()
    assert press(client, path_of(link), "forward", email=typed).status_code == 429


def test_a_link_is_forwarded_at_most_five_times_an_hour(link: AccessLink) -> None:
    for number in range(5):
        press(Client(), path_of(link), "forward", email=f"kim{number}@riverside.example")
        Allowance.objects.filter(key__contains="code.").delete()
    assert press(Client(), path_of(link), "forward", email="late@riverside.example").status_code == 429
    assert not AccessLink.objects.filter(email="late@riverside.example").exists()


def test_what_is_no_address_is_said_beside_the_field(link: AccessLink) -> None:
    answer = press(Client(), path_of(link), "forward", email="kim at riverside")
    assert answer.status_code == 422
    assert "This is not an e-mail address" in text_of(answer)


# --- renewing, ending ---------------------------------------------------------------------------------------


def test_a_fresh_link_has_the_scope_and_the_language_of_the_old_one(link: AccessLink) -> None:
    AccessLink.objects.update(item_keys=["client_id"], language="de", expires_at=timezone.now())
    assert renew_link(token_of(link))
    fresh = AccessLink.objects.latest("pk")
    assert (fresh.item_keys, fresh.language) == (["client_id"], "de")


def test_a_fresh_link_opens_the_page_that_the_old_one_was_to_open(
    link: AccessLink, mailoutbox: list[EmailMessage]
) -> None:
    AccessLink.objects.update(expires_at=timezone.now())
    client, lands = Client(), "/directory/connections/1/setup/"
    page = client.get(link_url(link, lands).removeprefix(settings.SITE_URL))
    assert f'name="next" value="{lands}"' in page.content.decode()
    client.post(f"/accounts/link/{token_of(link)}/renew/", {"next": lands})
    drain()
    assert f"?{urlencode({'next': lands})}" in str(mailoutbox[0].body)


def test_fresh_links_cannot_be_asked_for_faster_than_one_a_minute(link: AccessLink) -> None:
    assert renew_link(token_of(link))
    assert not renew_link(token_of(link))
    assert Effect.objects.count() == 1


def test_asking_for_a_fresh_link_answers_alike_for_known_unknown_and_disabled(link: AccessLink) -> None:
    User.objects.create_user("off@riverside.example", name="Off", role=Role.CUSTOMER_ADMIN, is_active=False)
    off = create_link(link.company, REQUEST, "off@riverside.example", by=None)
    pages = [
        Client(enforce_csrf_checks=False).post(f"/accounts/link/{token}/renew/")
        for token in (token_of(link), "y" * 64, token_of(off))
    ]
    assert {page.status_code for page in pages} == {200}
    assert Effect.objects.count() == 1


def test_at_most_five_live_links_per_address_and_the_oldest_unopened_one_ends(link: AccessLink) -> None:
    open_as(Client(), link)
    others = []
    for _ in range(5):
        later()
        others.append(create_link(link.company, uuid.uuid4(), link.email, by=None))
    for each in others:
        each.refresh_from_db()
    assert [each.revoked_at is None for each in others] == [False, True, True, True, True]
    assert find_link(token_of(link)).pk == link.pk


def test_a_company_gets_at_most_twenty_links_an_hour() -> None:
    company = a_company()
    for number in range(20):
        create_link(company, REQUEST, f"kim{number}@riverside.example", by=None)
    with pytest.raises(NeedsPerson, match="Try again in 60 minutes"):
        create_link(company, REQUEST, "one.more@riverside.example", by=None)
    create_link(a_company("Another", "1"), REQUEST, "kim@other.example", by=None)


# --- leaks --------------------------------------------------------------------------------------------------


def test_neither_token_nor_code_is_in_a_log_line_or_in_the_outbox(
    link: AccessLink, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        client, code = with_code(link)
        press(client, path_of(link), "open", code=other_than(code))
        press(client, path_of(link), "send")
        drain()
        open_link(link, code, browser=client.session["door"]["browser"])
        Client(enforce_csrf_checks=True).post(path_of(link), {"action": "send"})
        revoke_link(link)
        client.get(path_of(link))
    assert len(caplog.records) >= 3
    for record in caplog.records:
        RedactFilter().filter(record)
    lines = "\n".join(record.getMessage() for record in caplog.records)
    stored = str(list(Effect.objects.values())) + str(list(AccessLink.objects.values()))
    for secret in (token_of(link), code):
        assert secret not in lines
        assert secret not in stored


def test_pages_with_a_token_are_not_kept_and_name_nothing_outside(link: AccessLink) -> None:
    for address in (path_of(link), "/accounts/link/" + "x" * 64 + "/"):
        page = Client().get(address)
        assert page["Referrer-Policy"] == "no-referrer"
        assert "no-store" in page["Cache-Control"]
        text = text_of(page)
        assert '<meta name="referrer" content="strict-origin">' in text
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8000",
        "localhost@evil.example",
        "evil.example#localhost",
        "127.0.0.1.evil.example",
        "LOCALHOST.EVIL.EXAMPLE",
        "[::2]",
        "localhost, evil.example",
        "évil.example",
    ],
)
def test_links_in_mails_come_from_the_site_and_never_from_the_host_header(
    link: AccessLink, settings: Settings, mailoutbox: list[object], host: str
) -> None:
    settings.SITE_URL = "https://desk.example"
    renew_link(token_of(link))
    spoofed = host.encode().decode("latin-1")  # as the bytes would arrive
    answer = Client().post(
        "/accounts/password/reset/", {"email": "jamie.park@support.example"}, HTTP_HOST=spoofed
    )
    assert answer.status_code == 400
    Client().post(
        "/accounts/password/reset/",
        {"email": "jamie.park@support.example"},
        HTTP_X_FORWARDED_HOST=spoofed,
    )
    drain()
    assert len(mailoutbox) == 2
    for sent in mailoutbox:
        assert "https://desk.example/accounts/" in sent.body  # type: ignore[attr-defined]
        assert "evil" not in sent.body.lower()  # type: ignore[attr-defined]


def test_a_link_is_found_by_its_mailed_address(link: AccessLink) -> None:
    assert link_at(link_url(link)) == link


def test_opening_again_in_the_same_browser_gives_a_new_session_key_too(link: AccessLink) -> None:
    client = Client()
    open_as(client, link)
    before = client.session.session_key
    later()
    open_as(client, link)
    assert client.session.session_key != before
