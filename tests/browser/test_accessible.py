"""Every page, on desktop and phone, light and dark: axe finds nothing serious and nothing scrolls sideways."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from portal.accounts.models import Role, User
from portal.accounts.services import create_link, link_url
from tests.support.pages import Side, a_side
from tests.support.people import a_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
Profile = Callable[..., Page]
VARIANTS = [
    pytest.param(False, False, id="desktop-light"),
    pytest.param(True, True, id="phone-dark"),
    pytest.param(False, True, id="desktop-dark", marks=pytest.mark.slow),
    pytest.param(True, False, id="phone-light", marks=pytest.mark.slow),
]


def signed_in(page: Page, user: User, server: LiveServer) -> Page:
    """The session of a person who signed in elsewhere; the sign-in page has its own test."""
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server.url}])
    return page


def troubles(page: Page, address: str, wanted: int = 200) -> list[str]:
    answer = page.goto(address)
    assert answer is not None
    page.wait_for_load_state("networkidle")
    found = [
        f"{address}: {violation['id']} ({violation['impact']}) {[node['target'] for node in violation['nodes']][:3]}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append(f"{address}: scrolls sideways")
    if answer.status != wanted:
        found.append(f"{address}: answered {answer.status}")
    return found


def desk_pages(side: Side) -> list[str]:
    number, connection = side.req.number, side.connection.public_id
    return [
        "/my-work/",
        "/requests/",
        "/requests/new/",
        f"/requests/{number}/",
        f"/requests/{number}/company/",
        f"/requests/{number}/ticket/",
        f"/requests/{number}/review/",
        "/connections/",
        f"/connections/{connection}/",
        f"/connections/{connection}/credentials/",
        f"/runs/{side.run.public_id}/",
        f"/directory/?company={side.company.public_id}",
        f"/people/{side.person.public_id}/",
        "/search/?q=alder",
    ]


@pytest.mark.parametrize(("phone", "dark"), VARIANTS)
def test_no_page_of_the_desk_shuts_anybody_out(
    profile: Profile, live_server: LiveServer, *, phone: bool, dark: bool
) -> None:
    side = a_side("Alder")
    page = signed_in(profile(phone=phone, dark=dark), a_user(Role.TL, "Maya Ortiz"), live_server)
    assert [trouble for address in desk_pages(side) for trouble in troubles(page, address)] == []


@pytest.mark.parametrize(("phone", "dark"), VARIANTS)
def test_no_page_of_the_customer_shuts_anybody_out(
    profile: Profile, live_server: LiveServer, *, phone: bool, dark: bool
) -> None:
    side = a_side("Alder")
    link = create_link(side.company, side.req.public_id, "new.admin@alder.example", by=side.csm)
    stranger = profile(phone=phone, dark=dark)
    door = f"/accounts/link/{link_url(link).rstrip('/').rpartition('/')[2]}/"
    found = troubles(stranger, "/accounts/sign-in/") + troubles(stranger, door)
    found += troubles(stranger, f"/accounts/link/{'x' * 43}/", wanted=410)
    found += troubles(stranger, "/nothing-here/", wanted=404)
    part = f"/your/{side.req.public_id}/"
    page = signed_in(profile(phone=phone, dark=dark), side.customer, live_server)
    for address in (
        part,
        f"{part}details/",
        f"{part}preferences/",
        f"/connections/{side.connection.public_id}/",
    ):
        found += troubles(page, address)
    assert found == []


def test_the_customers_part_can_be_answered_by_keyboard_alone(
    profile: Profile, live_server: LiveServer
) -> None:
    side = a_side("Alder")
    page = signed_in(profile(), side.customer, live_server)
    page.goto(f"/your/{side.req.public_id}/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()").startswith("Skip")
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        if "/details/" in (page.evaluate("document.activeElement.href || ''")):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/details/")
    focused = page.locator("main form input:not([type=hidden])").first
    focused.focus()
    page.keyboard.type("papi-keyboard-client")
    page.keyboard.press("Tab")
    page.wait_for_load_state("networkidle")
    assert side.req.items.get(key="client_id").answer.value == "papi-keyboard-client"
