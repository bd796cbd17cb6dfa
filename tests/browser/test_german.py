"""The customer's way in German, on a small phone: from the mail through the door to the hand back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core import mail
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from integrations.models import RunKind
from portal.accounts.models import User
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.services.invitations import invite_customer
from tests.browser.walker import Answers, answer_topic
from tests.requests_app.factories import PERSONIO, a_request
from tests.support.links import mailed_code
from tests.support.pages import a_run, a_side
from tests.support.people import signed_in
from tests.support.queue import drain

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(180),
]
Profile = Callable[..., Page]
DETAILS: Answers = {"client_id": "papi-42", "client_secret": "s3cret-value-nobody-may-see"}
PREFERENCES: Answers = {"hris.notify_employees": False, "hris.update_org": True}
# No German sentence has these; English that was forgotten hardly goes without one of them.
ENGLISH = re.compile(r"\b(the|and|your|you|is|of|to|not|with|this|saved|continue)\b", re.IGNORECASE)


def is_german(page: Page, *words: str) -> None:
    """The page that is open says so, has these words and no English ones, and fits the phone."""
    main = page.locator("main")
    for each in words:
        expect(main).to_contain_text(each)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert ENGLISH.findall(page.title()) == []
    assert [line for line in main.inner_text().splitlines() if ENGLISH.search(line)] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def come_in(page: Page, address: str) -> None:
    page.goto(address)
    is_german(page, "Ihr Teil")
    page.get_by_role("button", name="Code schicken", exact=True).click()
    code = page.get_by_label("Code aus der Mail")
    expect(code).to_be_visible()
    is_german(page, "Code eingeben")
    code.fill(mailed_code())
    page.get_by_role("button", name="Meinen Teil öffnen").click()
    expect(page).to_have_url(re.compile(r"/your/"))


def test_the_customers_way_is_german_from_the_mail_to_the_hand_back(
    profile: Profile, live_server: LiveServer, settings: Settings
) -> None:
    settings.SITE_URL = live_server.url
    req = a_request(PERSONIO)
    invite_customer(req, "dana@riverside.example", by=req.owner, language="de")
    drain()
    page = profile(phone=True)
    page.set_viewport_size({"width": 360, "height": 780})
    come_in(page, re.findall(r"https?://\S+/accounts/link/\S+", str(mail.outbox[-1].body))[-1])
    part = f"/your/{req.public_id}/"
    is_german(page, "Ihr Teil", "Nicht begonnen")
    page.goto(f"{part}details/")
    is_german(page, "Weiter")
    answer_topic(page, DETAILS, go_on="Weiter")
    page.goto(f"{part}details/")
    is_german(page, "Gespeichert", "Ein Wert ist gespeichert")
    page.goto(f"{part}preferences/")
    answer_topic(page, PREFERENCES, go_on="Weiter")
    page.goto(f"{part}delegate/")
    is_german(page, "Link senden")
    page.goto(part)
    page.get_by_role("link", name="Prüfen und zurückgeben").click()
    is_german(page, "Ihre Antworten prüfen")
    page.get_by_role("button", name="Zurückgeben").click()
    is_german(page, "Danke, Ihr Teil liegt bei uns")
    assert Request.objects.get().stage == Stage.DRAFT


def test_the_runs_of_a_connection_fit_beside_what_is_set(profile: Profile, live_server: LiveServer) -> None:
    side = a_side("Fern")
    User.objects.filter(pk=side.customer.pk).update(language="de")
    a_run(side.connection, kind=RunKind.INCREMENTAL, added=1200, returned=300, deactivated=1100)
    a_run(side.connection, kind=RunKind.RELEASE, deactivated=12)
    page, client = profile(), signed_in(side.customer)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page.goto(reverse("connection_detail", args=[side.connection.public_id]))
    table = page.get_by_role("region", name="Läufe")
    expect(table).to_contain_text("nur Geändertes")
    assert table.evaluate("each => each.scrollWidth - each.clientWidth") <= 0
