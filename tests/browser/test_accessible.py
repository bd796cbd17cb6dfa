"""Every page, on a desktop in light and a phone in dark: axe finds nothing serious, nothing scrolls sideways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from portal.accounts.models import Role, User
from portal.accounts.policy import GET, Rule
from portal.accounts.services import create_link
from portal.policy import POLICY
from tests.pages.policy.rows import Rows, args_of, query_of, some_rows
from tests.requests_app.factories import ADP, a_tl, submitted
from tests.support.links import path_of
from tests.support.pages import a_side

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
Profile = Callable[..., Page]
VARIANTS = [pytest.param(False, False, id="desktop-light"), pytest.param(True, True, id="phone-dark")]
WALKERS = (Role.TL, Role.CUSTOMER_ADMIN)  # between them they see every page
ONLY_FOR: dict[str, tuple[Role | None, ...]] = {
    "account_logout": (Role.TL,),
    "account_set_password": (Role.CUSTOMER_ADMIN,),
}
# Where a refused form stands.
REFUSED_AT = (
    "access_link_renew",
    "company_edit",
    "holds_decide",
    "message_new",
    "request_bulk",
    "review_decide",
    "saved_view_save",
    "setup_confirm",
    "setup_rehearse",
)
# What answers a GET without a page of its own.
NO_PAGE = {
    "home": "leads on",
    "notice_open": "leads on",
    "saved_view": "leads on",
    "company_search": "a fragment",
    "connection_status": "a fragment",
    "request_status": "a fragment",
    "run_progress": "a fragment",
    "directory_options": "a fragment",
    "setup": "leads on",
    "setup_forward": "leads on",
    "setup_preview": "a fragment",
    "setup_options": "a fragment",
    "setup_person": "a fragment",
    "setup_plan": "a fragment",
    "inquiry_status": "a fragment",
    "directory_export": "a download",
    "staff_search": "a fragment",
    "evidence": "a download",
    "request_export": "a download",
    "company_style": "a style sheet",
    "healthz": "for machines",
    "readyz": "for machines",
    **dict.fromkeys(REFUSED_AT, "leads back to the page of its form"),
    **{name: "JSON" for name in POLICY if name.startswith("api_")},
}
LOOKING = ("search", "why", "connection_list", "directory")
LONG = f"{'somebody' * 8}@nowhere.example"
STATUS = {"/accounts/link/made-up-token/": 410, "/invitation/made-up-token/": 410, "/nothing-here/": 404}


def signed_in(page: Page, user: User, server: LiveServer) -> Page:
    """The session of a person who signed in elsewhere; the sign-in page has its own test."""
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server.url}])
    return page


def flaws(page: Page) -> list[str]:
    """What is wrong with the page that is open."""
    found = [
        f"{page.url}: {violation['id']} ({violation['impact']}) {[node['target'] for node in violation['nodes']][:3]}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append(f"{page.url}: scrolls sideways")
    return found


def troubles(page: Page, address: str, wanted: int = 200) -> list[str]:
    answer = page.goto(address)
    assert answer is not None
    page.wait_for_load_state("networkidle")
    found = flaws(page)
    if urlsplit(page.url).path != urlsplit(address).path and "/reset/key/" not in address:
        found.append(f"{address}: led to {page.url}")
    if answer.status != wanted:
        found.append(f"{address}: answered {answer.status}")
    return found


def pages_of(role: Role | None) -> list[str]:
    """The names that answer with a page of their own, as the policy has them for this role; None: for strangers."""
    return [name for name, rule in POLICY.items() if name not in NO_PAGE and role in _seen_by(name, rule)]


def _seen_by(name: str, rule: Rule) -> tuple[Role | None, ...]:
    if name in ONLY_FOR or GET not in rule.methods:
        return ONLY_FOR.get(name, ())
    who = rule.methods[GET]
    return (None,) if who is None else tuple(role for role in WALKERS if role in who)


def addresses(role: Role | None, rows: Rows) -> list[str]:
    found = [
        reverse(name, kwargs=args_of(name, rows, role or Role.CSM)) + query_of(name, rows)
        for name in pages_of(role)
    ]
    if role in (Role.CUSTOMER_ADMIN, Role.TL):  # what somebody looked for has to fit a phone
        found += [f"{reverse(name, kwargs=args_of(name, rows, role))}?q={LONG}" for name in LOOKING]
    topics = sorted(set(rows.side.req.items.values_list("owner", "topic")))
    if role == Role.CUSTOMER_ADMIN:
        part = reverse("customer_request", args=[rows.side.req.public_id])
        return found + [f"{part}{topic}/" for owner, topic in topics if owner == "customer"]
    if role == Role.TL:
        waiting = submitted(ADP).number
        found += [f"/requests/{waiting}/", f"/requests/{waiting}/review/", f"/requests/{waiting}/check/"]
        return found + [f"/requests/{rows.side.req.number}/{topic}/" for _owner, topic in topics]
    side = rows.side
    link = create_link(side.company, side.req.public_id, "new.admin@alder.example", by=side.csm)
    return [*found, _key_of(rows.people[Role.TL]), path_of(link), "/nothing-here/"]


def _key_of(user: User) -> str:
    """A link to a new password that works; the made-up one of the policy's rows does not."""
    return reverse(
        "account_reset_password_from_key",
        args=[user_pk_to_url_str(user), default_token_generator.make_token(user)],
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("phone", "dark"), VARIANTS)
@pytest.mark.parametrize("role", [*WALKERS, None], ids=["desk", "customer", "stranger"])
def test_no_page_shuts_anybody_out(
    profile: Profile,
    live_server: LiveServer,
    settings: Settings,
    *,
    role: Role | None,
    phone: bool,
    dark: bool,
) -> None:
    rows = some_rows("Alder", Path(settings.MEDIA_ROOT))
    customer = rows.people[Role.CUSTOMER_ADMIN]
    customer.set_unusable_password()  # as theirs are, who come by a link
    customer.save()
    page = profile(phone=phone, dark=dark)
    if phone:
        page.set_viewport_size({"width": 360, "height": 780})
    if role:
        signed_in(page, rows.people[role], live_server)
    found = [
        trouble
        for address in dict.fromkeys(addresses(role, rows))
        for trouble in troubles(page, address, wanted=STATUS.get(address, 200))
    ]
    assert found == [], "\n".join(found)


def test_every_address_that_can_be_opened_is_walked_or_said_to_be_no_page() -> None:
    walked = {name for role in (*WALKERS, None) for name in pages_of(role)}
    assert walked | set(NO_PAGE) == {name for name, rule in POLICY.items() if GET in rule.methods}
    assert walked.isdisjoint(NO_PAGE)


@pytest.mark.slow
def test_the_pages_used_most_shut_nobody_out(profile: Profile, live_server: LiveServer) -> None:
    req = submitted(ADP)
    desk = signed_in(profile(), a_tl(), live_server)
    pages = ("/my-work/", "/requests/", f"/requests/{req.number}/", f"/requests/{req.number}/review/")
    found = [trouble for address in pages for trouble in troubles(desk, address)]
    side = a_side("Alder")
    customer = signed_in(profile(phone=True, dark=True), side.customer, live_server)
    part = f"/your/{side.req.public_id}/"
    assert found + troubles(customer, part) + troubles(customer, f"{part}details/") == []


@pytest.mark.slow
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
    expect(page.locator("[data-save-state]")).to_contain_text("Saved")
    assert side.req.items.get(key="client_id").answer.value == "papi-keyboard-client"
