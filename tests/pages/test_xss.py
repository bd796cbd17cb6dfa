"""Whatever a person or a vendor wrote is shown as text: no payload becomes an element, an attribute or a script."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Change, Connection, DirectoryPerson, Problem, Run
from portal.accounts.models import Company, Role, User
from portal.audit.services import record
from portal.notices.models import Notice
from requests_app.models import Answer, Evidence, Item, Message, Reach, Request, SavedView
from tests.support.pages import HTMX, Side, a_side
from tests.support.people import a_user

# Every element and attribute that a payload would make bears this word, so that one look finds it.
MARK = "xpwned"
PAYLOADS = (
    f"<script {MARK}>alert(1)</script>",
    f"<img {MARK} src=x onerror=alert(1)>",
    f"<svg {MARK} onload=alert(1)>",
    f"<svg><animate {MARK} onbegin=alert(1) attributeName=x dur=1s>",
    f"<iframe {MARK} srcdoc='<script>alert(1)</script>'></iframe>",
    f"<body {MARK} onload=alert(1)>",
    f"<details {MARK} open ontoggle=alert(1)>",
    f"<math {MARK}><mi href='javascript:alert(1)'>x",
    f"<form {MARK} action='https://evil.example'><input name=q>",
    f"<base {MARK} href='https://evil.example/'>",
    f"<meta {MARK} http-equiv=refresh content='0;url=https://evil.example'>",
    f"<link {MARK} rel=stylesheet href='https://evil.example/x.css'>",
    f"<style {MARK}>*{{display:none}}</style>",
    f"<object {MARK} data='data:text/html,x'></object>",
    f"<a {MARK} href='javascript:alert(1)'>x</a>",
    f"<template {MARK}><script>alert(1)</script></template>",
    f"\"><img {MARK} src=x onerror=alert(1)>",
    f"'><img {MARK} src=x onerror=alert(1)>",
    f"\" {MARK}=1 onmouseover=alert(1) x=\"",
    f"' {MARK}=1 onmouseover=alert(1) x='",
    f"` {MARK}=1 onmouseover=alert(1)",
    f"\" autofocus {MARK} onfocus=alert(1) \"",
    f"\" hx-get=/x {MARK} hx-trigger=load \"",
    f"\" hx-on:load=alert(1) {MARK} \"",
    f"</title><script {MARK}>alert(1)</script>",
    f"</textarea><script {MARK}>alert(1)</script>",
    f"</script><script {MARK}>alert(1)</script>",
    f"</style><img {MARK} src=x onerror=alert(1)>",
    f"</option></select><img {MARK} src=x onerror=alert(1)>",
    f"--><script {MARK}>alert(1)</script>",
    f"<![CDATA[<script {MARK}>alert(1)</script>]]>",
    f"<scr<script {MARK}>ipt>alert(1)</scr</script>ipt>",
    f"<ScRiPt {MARK} >alert(1)</sCrIpT>",
    f"<img/{MARK}/src=x/onerror=alert(1)>",
    f"<<img {MARK} src=x onerror=alert(1)>",
    f"&lt;img {MARK} src=x onerror=alert(1)&gt;<b {MARK}>",
    f"&#60;script {MARK}&#62;alert(1)&#60;/script&#62;",
    f"\\u003cscript {MARK}\\u003ealert(1)\\u003c/script\\u003e",
    f"\uff1cscript {MARK}\uff1ealert(1)\uff1c/script\uff1e",
    f"{{{{ {MARK}|safe }}}}{{% debug %}}<b {MARK}>",
    f"javascript:alert(1)//<b {MARK}>",
    f"\u202e<b {MARK}>\u2066",
)  # fmt: skip


class Elements(HTMLParser):
    """Collects what a browser would make of a page; a stray closing tag is as bad as an opening one."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if MARK in name or (
                name in {"href", "src", "action"} and (value or "").strip().lower().startswith("javascript:")
            ):
                self.made.append(f"<{tag} {name}>")
        if MARK in tag:
            self.made.append(f"<{tag}>")
        if tag in {"base", "iframe", "object", "math", "animate"} or (tag == "style"):
            self.made.append(f"<{tag}>")

    def handle_comment(self, data: str) -> None:
        if MARK in data:
            self.made.append("a comment")


def elements_made_of(html: str) -> list[str]:
    parser = Elements()
    parser.feed(html)
    parser.close()
    return parser.made


def poison(side: Side, text: str) -> None:
    """Puts `text` into whatever a person, a customer, Jira or a vendor can fill."""
    User.objects.update(name=text[:120])
    Company.objects.filter(pk=side.company.pk).update(
        name=text, lms_id=text[:40], salesforce_owner=text[:120]
    )
    Request.objects.filter(pk=side.req.pk).update(
        jira_key=text[:40], jira_status=text[:80], duplicate_reason=text
    )
    Item.objects.filter(req=side.req).update(label=text, help=text)
    Answer.objects.filter(item__req=side.req, item__kind__in=("text", "longtext")).update(
        value=text, state="provided", comment=text, hint=text[:8]
    )
    Answer.objects.filter(item__req=side.req, item__kind="secret").update(comment=text)
    Evidence.objects.filter(req=side.req).update(name=text[:120])
    for reach in Reach.values:
        Message.objects.create(
            req=side.req, by=side.csm, author=text[:120], text=text, reach=reach, is_stuck=True
        )
    Connection.objects.update(reason=text, reason_code=text[:40], state="quarantined")
    Run.objects.update(failure=text[:200], objections=[text], outcome="held")
    DirectoryPerson.objects.update(
        first_name=text[:120], last_name=text[:120], job_title=text, department=text, location=text, city=text[:120],
        country=text[:120], legal_entity=text, phone=text[:40], employee_number=text[:60], manager_id=text[:100],
        email=f"{text[:60]}@x.example",
    )  # fmt: skip
    Change.objects.update(person_name=text, after={"city": text, text: text}, before={"city": text})
    Problem.objects.update(person_name=text, source_id=text[:100], field=text[:60], shape=text[:120])
    for person in User.objects.all():
        Notice.objects.create(
            user=person, kind="approved", words=text[:200], detail=text, url="/", marker=text[:60]
        )
        SavedView.objects.create(owner=person, name=text[:60], query="tab=all", shared=True)
    record(text, by=side.csm, company_id=side.company.pk, subject=text, details={text: text})


def pages_of(side: Side, lead: User) -> Iterator[tuple[User, str, dict[str, str]]]:
    """Who looks at which address, and as what."""
    number, req = side.req.number, side.req.public_id
    staff = [
        reverse("my_work"), reverse("request_list"), reverse("request_list") + "?tab=all", reverse("dashboard"),
        *(reverse(name, args=[number]) for name in ("request_detail", "request_ticket", "request_status",
          "request_invite", "request_check", "request_copy", "request_review", "staff_search")),
        *(reverse("request_topic", args=[number, topic]) for topic in ("company", "details")),
        reverse("company_detail", args=[side.company.public_id]), reverse("notice_list"), reverse("audit_list"),
        reverse("search") + "?q=alert", reverse("directory"), reverse("request_new"),
        f"{reverse('directory')}?company={side.company.public_id}&state=all", reverse("connection_list"),
    ]  # fmt: skip
    both = [
        reverse("connection_detail", args=[side.connection.public_id]),
        reverse("connection_credentials", args=[side.connection.public_id]),
        reverse("run_detail", args=[side.run.public_id]), reverse("run_progress", args=[side.run.public_id]),
        reverse("person_detail", args=[side.person.public_id]),
    ]  # fmt: skip
    customer = [
        *(reverse(name, args=[req]) for name in ("customer_request", "customer_check", "customer_message",
          "customer_delegate")),
        reverse("customer_topic", args=[req, "details"]), reverse("directory"), reverse("search") + "?q=alert",
    ]  # fmt: skip
    for user, addresses in ((lead, staff + both), (side.customer, customer + both)):
        for address in addresses:
            yield user, address, {}
            yield user, address, HTMX


POLYGLOT = f"""'"`></title></textarea></script></style></option></select>--><b {MARK} x="onload=1"""
FEW = (POLYGLOT, PAYLOADS[0], f'" {MARK}=1 hx-get=/x hx-trigger=load x="')
SHORT = 110  # so that the fields of 120 characters take all of it


@pytest.mark.django_db
@pytest.mark.parametrize(
    "payloads", [FEW, pytest.param(PAYLOADS, marks=(pytest.mark.slow, pytest.mark.timeout(900)))]
)
@pytest.mark.slow
def test_no_payload_becomes_an_element_or_an_attribute(payloads: tuple[str, ...]) -> None:
    side, lead = a_side("Amber"), a_user(Role.TL, "Maya Ortiz")
    client, shown = Client(raise_request_exception=False), 0
    wrong: list[tuple[str, ...]] = []
    for text in payloads:
        poison(side, text[:SHORT])
        for user, address, headers in pages_of(side, lead):
            if headers and payloads is not FEW:  # a fragment is made of the same templates
                continue
            client.force_login(user)
            answer = client.get(address, headers=headers)
            html = answer.content.decode()
            shown += MARK in html
            wrong += [(address, text, made) for made in elements_made_of(html)]
            if answer.status_code not in (200, 302):
                wrong.append((address, text, str(answer.status_code)))
    for line in wrong:
        print(*line)
    assert wrong == []
    assert shown > 25 * len(payloads)


def test_the_parser_sees_what_a_browser_would_make() -> None:
    """Unescaped, every payload that is about elements is noticed: the test above is worth something."""
    assert all(elements_made_of(f"<p>{payload}</p>") for payload in PAYLOADS[:16])
    assert elements_made_of(f'<input value="{POLYGLOT}">')
    assert elements_made_of(f'<input value="{FEW[2]}">')
