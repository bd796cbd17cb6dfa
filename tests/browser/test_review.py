"""The team lead's and the developer's way in a browser: one answer goes round, four eyes, a secret for a minute."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from portal.accounts.models import Role, User
from portal.sandbox.server import Running
from portal.sandbox.world import World
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.services.moves import make_move
from tests.browser.test_accessible import flaws, signed_in
from tests.browser.walker import open_mailed_link
from tests.requests_app.factories import (
    ADP,
    ENTRA,
    VALUES,
    a_csm,
    a_request,
    a_tl,
    answer_of,
    complete,
    customer_of,
    give,
    item_of,
    submitted,
)
from tests.support.people import PASSWORD, a_user
from tests.support.queue import drain

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(180),
]
Profile = Callable[..., Page]
ASKED, COMMENT = "client_id", "This is the ID of your test system"


def answer_in(page: Page, req: Request, key: str) -> Locator:
    return page.locator(f"#item-{item_of(req, key).pk}")


def mailed_link(world: World, to: str) -> str:
    """The text of the newest mail to this address that has a link."""
    drain()
    return next(
        mail.text for mail in reversed(world.mails) if to in mail.to and "/accounts/link/" in mail.text
    )


def send_one_back(lead: Page, req: Request) -> None:
    """Accepts a section and asks for one answer again."""
    lead.goto("/my-work/")
    lead.get_by_role("link", name=re.compile(req.company.name)).click()
    lead.get_by_role("link", name="Review", exact=True).click()
    section = lead.locator(f"#section-{item_of(req, 'hris.goal').topic}")
    section.get_by_role("button", name="Accept all").click()
    expect(section.get_by_role("button", name="Accept all")).to_have_count(0)
    expect(answer_in(lead, req, "hris.goal")).to_contain_text("Accepted")
    asked = answer_in(lead, req, ASKED)
    asked.locator("summary", has_text="Send back…").click()
    asked.get_by_label("What should be changed?").fill(COMMENT)
    lead.locator("#decision").get_by_role("button", name="Send back").click()
    expect(lead.get_by_role("heading", level=1)).to_contain_text("Changes requested")


def send_out_again(desk: Page, req: Request) -> None:
    desk.goto("/my-work/")
    desk.get_by_role("link", name=re.compile(req.company.name)).click()
    desk.get_by_role("link", name=re.compile("Send to customer")).click()
    desk.get_by_role("button", name="Send the link").click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("Waiting on customer")


def get_unstuck(customer: Page, desk: Page, req: Request) -> None:
    """The customer says where they are stuck, and the CSM's words are on their page."""
    asked = answer_in(customer, req, ASKED)
    asked.locator("summary").click()
    asked.get_by_label("Where are you stuck?").fill("There are two IDs")
    asked.get_by_role("button", name="Ask Jamie Park").click()
    expect(customer.locator("main")).to_contain_text("Jamie Park knows that you are stuck")
    desk.goto(f"/requests/{req.number}/")
    expect(desk.locator(".stuck")).to_contain_text("There are two IDs")
    desk.locator(".stuck").get_by_role("link", name="Reply").click()
    desk.get_by_label("Message to the customer").fill("Take the upper one")
    desk.get_by_role("button", name="Send to customer").click()
    expect(desk.locator("#talk-list")).to_contain_text("Take the upper one")
    customer.goto(f"/your/{req.public_id}/")
    expect(customer.locator("#talk")).to_contain_text("Take the upper one")


def answer_and_hand_back(customer: Page, req: Request) -> None:
    part = f"/your/{req.public_id}/"
    customer.goto(f"{part}details/")
    field = customer.locator(f'[name="{ASKED}"]')
    field.fill("the-upper-one")
    field.blur()
    expect(customer.locator("[data-save-state]")).to_contain_text("Saved")
    customer.goto(part)
    customer.get_by_role("link", name="Check and hand back").click()
    customer.get_by_role("button", name="Hand back", exact=True).click()
    expect(customer.locator("main")).to_contain_text("Thank you")


def test_one_answer_goes_back_to_the_customer_and_comes_round_to_its_approval(
    profile: Profile, live_server: LiveServer, settings: Settings, sandbox: Running, world: World
) -> None:
    settings.SITE_URL = live_server.url
    req = submitted(ADP)
    dana = customer_of(req)
    lead = signed_in(profile(), a_tl("Maya Ortiz"), live_server)
    send_one_back(lead, req)
    assert list(req.items.filter(answer__state="change_requested").values_list("key", flat=True)) == [ASKED]
    desk = signed_in(profile(), req.owner, live_server)
    send_out_again(desk, req)

    customer = profile(phone=True)
    open_mailed_link(customer, mailed_link(world, dana.email))
    customer.goto(f"/your/{req.public_id}/details/")
    expect(customer.locator(".note-warn")).to_have_count(1)
    expect(answer_in(customer, req, ASKED).locator(".note-warn")).to_contain_text(COMMENT)
    get_unstuck(customer, desk, req)
    answer_and_hand_back(customer, req)

    desk.goto(f"/requests/{req.number}/")
    desk.get_by_role("button", name="Submit for approval").click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("Needs approval")
    lead.goto(f"/requests/{req.number}/review/")
    expect(lead.locator("main")).to_contain_text("1 answer changed since the last review")
    changed = answer_in(lead, req, ASKED).locator(".review-changed")
    expect(changed).to_contain_text("Was some text, now the-upper-one")
    lead.get_by_role("button", name="Approve", exact=True).click()
    expect(lead.get_by_role("heading", level=1)).to_contain_text("Approved")
    req.refresh_from_db()
    assert (req.stage, answer_of(req, ASKED).value) == (Stage.APPROVED, "the-upper-one")


def test_a_team_lead_who_answered_leaves_the_approval_to_another(
    profile: Profile, live_server: LiveServer
) -> None:
    answered, other = a_tl("Ben Ortiz"), a_tl("Maya Ortiz")
    req = complete(a_request(ADP, by=a_csm()))
    give(req, "hris.goal", "Fewer tickets", by=answered)
    make_move(req, "submit", by=req.owner)

    def review(user: User) -> Page:
        page = signed_in(profile(), user, live_server)
        page.goto(f"/requests/{req.number}/review/")
        expect(page.locator("#decision").get_by_role("button", name="Send back")).to_be_visible()
        return page

    approve = {"role": "button", "name": "Approve", "exact": True}
    own = review(answered)
    expect(own.locator("main")).to_contain_text("Another team lead approves this one.")
    expect(own.get_by_role(**approve)).to_have_count(0)  # type: ignore[arg-type]
    expect(answer_in(own, req, "hris.goal").get_by_role("button", name="Accept")).to_have_count(0)
    second = review(other)
    expect(second.locator("main")).not_to_contain_text("Another team lead approves this one.")
    expect(second.get_by_role(**approve)).to_be_visible()  # type: ignore[arg-type]


def test_a_developer_sees_the_test_password_once_for_a_minute(
    profile: Profile, live_server: LiveServer
) -> None:
    req = submitted(ENTRA)
    secret = str(VALUES["sso.test_password"])
    page = signed_in(profile(), a_user(Role.DEVELOPER, "Noor Said"), live_server)
    page.clock.install()
    page.goto(f"/requests/{req.number}/check/")
    answer = item_of(req, "sso.test_password")
    page.get_by_role("link", name=f"Show… {answer.label}", exact=True).click()
    assert secret not in page.content()
    page.get_by_label("Why do you need it?").fill("The sign-in of the test user fails")
    page.get_by_role("textbox", name="Your password").fill(PASSWORD)
    page.get_by_role("button", name="Show it for a minute").click()
    expect(page.locator("#shown-secret")).to_have_text(secret)
    assert flaws(page) == []
    page.clock.fast_forward(30_000)
    expect(page.locator("#shown-secret")).to_have_text(secret)
    page.clock.fast_forward(31_000)
    expect(page.locator("main")).to_contain_text("Hidden again.")
    expect(page.locator("#shown-secret")).to_have_count(0)
    assert secret not in page.content()
    page.reload()  # the browser sends the same form again
    expect(page.locator("main")).to_contain_text("This page was used already.")
    assert secret not in page.content()
    page.go_back()
    assert secret not in page.content()
