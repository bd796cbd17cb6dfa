"""A refused form stands at the address that it was sent to: from there one goes on as from its own page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from portal.accounts.models import AccessLink, User
from portal.sandbox.server import Running
from tests.support.pages import Side
from tests.support.people import signed_in
from tests.support.wizard import Wizard, html_values

pytestmark = pytest.mark.django_db


def leads_to(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 302, (address, answer.status_code)
    return str(answer["Location"])


def links_of(html: str, *, holding: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'href="([^"]+)"', html) if holding in link]


def test_a_refused_number_leaves_every_part_of_the_plan_within_reach(
    wizard: Wizard, sandbox: Running
) -> None:
    wizard.to_the_plan()
    digest = html_values(wizard.html("plan"), "plan_digest")[0]
    refused = wizard.send("setup_confirm", {"typed": "1", "plan_digest": digest})
    assert refused.status_code == 422
    links = links_of(refused.content.decode(), holding="page=")
    assert links
    assert {urlsplit(link).path for link in links} == {wizard.url("setup_step", "plan")}
    assert wizard.client.get(links[-1]).status_code == 200


def test_whoever_looks_at_the_address_of_the_number_sees_the_plan_that_they_looked_at(
    wizard: Wizard, sandbox: Running
) -> None:
    wizard.to_the_plan()
    found = leads_to(wizard.client, wizard.url("setup_confirm") + "?kind=added&page=2")
    assert found == wizard.url("setup_step", "plan") + "?kind=added&page=2"


def test_after_a_refused_file_the_credentials_go_to_their_own_page(wizard: Wizard) -> None:
    wizard.begin()
    wizard.consent()
    file = SimpleUploadedFile("people.csv", b"\x00\x01", content_type="text/csv")
    refused = wizard.send("setup_rehearse", {"file": file})
    assert refused.status_code == 422
    page = wizard.url("setup_step", "authenticate")
    assert f'method="post" action="{page}"' in refused.content.decode()
    assert leads_to(wizard.client, wizard.url("setup_rehearse")) == page


def test_after_a_refused_decision_the_other_pages_of_those_who_wait_are_theirs(side: Side) -> None:
    args = [side.connection.public_id]
    found = leads_to(signed_in(side.csm), reverse("holds_decide", args=args) + "?page=2")
    assert found == reverse("holds_detail", args=args) + "?page=2"


@pytest.mark.parametrize(
    ("name", "page", "args_of"),
    [
        ("message_new", "request_detail", lambda side: [side.req.number]),
        ("review_decide", "request_review", lambda side: [side.req.number]),
        ("company_edit", "company_detail", lambda side: [side.company.public_id]),
        ("saved_view_save", "request_list", lambda side: []),
        ("request_bulk", "request_list", lambda side: []),
    ],
)
def test_whoever_looks_at_the_address_of_a_form_comes_to_its_page(
    side: Side, lead: User, name: str, page: str, args_of: Callable[[Side], list[Any]]
) -> None:
    args = args_of(side)
    assert leads_to(signed_in(lead), reverse(name, args=args)).rstrip("?") == reverse(page, args=args)


def test_whoever_looks_at_the_address_that_sends_a_fresh_link_sends_none(side: Side) -> None:
    before = AccessLink.objects.count()
    found = leads_to(Client(), reverse("access_link_renew", args=["made-up"]))
    assert found == reverse("access_link", args=["made-up"])
    assert AccessLink.objects.count() == before
