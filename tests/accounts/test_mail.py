"""Mails: the same words in both parts, to people whom we know and nobody else, with nothing slipped into a header."""

from __future__ import annotations

import html
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from portal.accounts.models import AccessLink, Role
from portal.accounts.services import create_link
from portal.kit import clock
from portal.kit.mails import html_of
from portal.outbox.models import Effect
from portal.outbox.services import request_effect
from tests.support.people import a_company, a_user
from tests.support.queue import drain

pytestmark = pytest.mark.django_db

EMAILS = settings.BASE_DIR / "templates" / "emails"
TEMPLATES = sorted(
    (folder.name, language)
    for folder in EMAILS.iterdir()
    if (folder / "body.txt").exists()
    for language in ("en", "de")
)
SITE = settings.SITE_URL
CONTEXT: dict[str, Any] = {
    "to_name": "Jamie Park",
    "who": "Dana <b>Whitfield</b> & Co",
    "csm": "Jamie Park",
    "company": "Riverside & Sons <Health>",
    "provider": "Personio",
    "words": "Dana Whitfield has completed the customer’s part of REQ-12",
    "detail": "First line\n- a point\n- another\n\n<script>alert(1)</script>",
    "text": "Where is it?\n\nhttps://evil.example/steal",
    "reason": "The screenshot shows another company",
    "url": f"{SITE}/requests/12/",
    "link": f"{SITE}/accounts/link/abc/",
    "code": "123456",
    "expires_on": "3 May 2027",
    "item": "Client secret",
    "items": ["Client secret", "Tenant"],
    "lines": [{"label": "Client secret", "due_on": "3 May 2027"}, {"label": "Tenant", "due_on": ""}],
    "waiting": ["Changes requested: 2"],
    "news": ["Ben Ortiz approved REQ-7", "REQ-8 is live"],
    "news_count": 2,
    "more": 3,
}


def send(to: str, template: str = "notice", *, about: str = "", **payload: Any) -> Effect:
    row = request_effect(
        "mail.send",
        marker=f"test:{uuid.uuid4()}",
        subject=about,
        payload={"template": template, "to": [to], "context": dict(CONTEXT), **payload},
    )
    drain()
    row.refresh_from_db()
    return row


def parts(message: Any) -> tuple[str, str]:
    assert isinstance(message, EmailMultiAlternatives)
    [other] = message.alternatives
    assert other[1] == "text/html"
    return str(message.body), str(other[0])


def words_of(page: str) -> list[str]:
    """What a person reads of the HTML, in order."""
    return re.findall(r"\w+", html.unescape(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2])))


@pytest.mark.parametrize(("template", "language"), TEMPLATES)
def test_both_parts_of_every_mail_have_the_same_words(template: str, language: str) -> None:
    send(a_user().email, template, language=language)
    text, page = parts(mail.outbox[0])
    said = re.findall(r"\w+", text)
    assert words_of(page) == said
    assert len(said) > 20
    assert "\n" not in mail.outbox[0].subject


@pytest.mark.parametrize("template", sorted({name for name, _ in TEMPLATES}))
def test_nothing_that_people_write_is_markup_or_a_link(template: str) -> None:
    send(a_user().email, template)
    page = parts(mail.outbox[0])[1]
    assert "<script" not in page
    assert "<b>" not in page
    assert 'href="https://evil' not in page
    for address in re.findall(r'href="([^"]+)"', page):
        assert address.startswith(SITE)


def test_a_line_before_our_address_becomes_its_button() -> None:
    page = html_of(f"Go on:\n{SITE}/a/\n\n- one\n- two\nplain", site_url=SITE)
    assert f'<a class="button" href="{SITE}/a/">Go on</a>' in page
    assert "<ul><li>one</li>\n<li>two</li></ul>\n<p>plain</p>" in page


@pytest.mark.parametrize("address", [f"{SITE}.evil.example/", f"{SITE}@evil.example/", "javascript:alert(1)"])
def test_only_an_address_of_ours_is_a_link(address: str) -> None:
    assert "href" not in html_of(f"Look:\n{address}", site_url=SITE)


def test_a_mail_says_that_a_machine_wrote_it_and_keeps_its_id() -> None:
    row = send(a_user().email)
    headers = mail.outbox[0].extra_headers
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Message-ID"] == f"<effect-{row.pk}@localhost>"


def test_a_line_break_in_a_value_begins_no_header() -> None:
    user = a_user()
    send(user.email, context={**CONTEXT, "words": "News\r\nBcc: all@evil.example"})
    message = mail.outbox[0].message()
    assert message["Subject"] == "News Bcc: all@evil.example"
    assert message["Bcc"] is None
    assert mail.outbox[0].recipients() == [user.email]


@pytest.mark.parametrize(
    "address",
    [
        "jamie.park@support.example\nBcc: all@evil.example",
        "jamie.park@support.example\r",
        "jamie.park@support.example, all@evil.example",
        "Jamie <jamie.park@support.example>",
        "",
    ],
)
def test_an_address_with_more_in_it_is_refused(address: str) -> None:
    a_user()
    assert send(address).job_state == "failed"
    assert mail.outbox == []


def test_strangers_get_no_mail() -> None:
    row = send("anybody@else.example")
    assert (row.job_state, row.failure_code) == ("failed", "stranger")
    assert mail.outbox == []


def test_staff_who_left_get_no_mail() -> None:
    user = a_user()
    type(user).objects.update(is_active=False)
    assert send(user.email).failure_code == "stranger"


def test_a_mail_about_a_request_reaches_those_with_a_link_to_it_and_no_other_customer() -> None:
    company, about, other = a_company(), uuid.uuid4(), uuid.uuid4()
    create_link(company, about, "dana@riverside.example", by=None)
    create_link(company, other, "kim@other.example", by=None)
    send("dana@riverside.example", about=str(about))
    assert send("kim@other.example", about=str(about)).failure_code == "stranger"
    assert [message.to for message in mail.outbox] == [["dana@riverside.example"]]


def test_answers_go_to_the_colleague_who_is_named_and_to_nobody_else() -> None:
    user = a_user(Role.CSM)
    send(user.email, context={**CONTEXT, "reply_to": user.email})
    assert mail.outbox[0].reply_to == [user.email]
    assert send(user.email, context={**CONTEXT, "reply_to": "all@evil.example"}).failure_code == "stranger"


def test_a_german_link_gets_german_words_and_why_in_german() -> None:
    about = uuid.uuid4()
    link = create_link(a_company(), about, "dana@riverside.example", by=None, language="de")
    send(link.email, "reminder", about=str(about), language="de", link=link.pk)
    text, page = parts(mail.outbox[0])
    assert "noch offen" in mail.outbox[0].subject
    assert "Guten Tag" in text
    assert "Sie erhalten diese Mail" in text
    assert '<html lang="de">' in page


def test_a_link_that_was_revoked_or_ran_out_takes_its_mail_with_it() -> None:
    about = uuid.uuid4()
    link = create_link(a_company(), about, "dana@riverside.example", by=None)
    for gone in ({"revoked_at": clock.now()}, {"expires_at": clock.now() - timedelta(minutes=1)}):
        AccessLink.objects.filter(pk=link.pk).update(**gone)
        assert "skipped" in send(link.email, "invite", about=str(about), link=link.pk).result
        AccessLink.objects.filter(pk=link.pk).update(
            revoked_at=None, expires_at=clock.now() + timedelta(days=1)
        )
    assert mail.outbox == []
