"""The path of the product in a browser: from the first form to a connection that syncs."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from integrations.models import Change, Connection, DirectoryPerson, Run
from portal.accounts.models import Role, User
from portal.sandbox import credentials
from portal.sandbox.server import Running
from portal.sandbox.world import World
from requests_app.models import Request
from tests.browser.conftest import shoot
from tests.browser.walker import Answers, answer_topic, file_request, open_mailed_link, set_up, sign_in
from tests.support.people import a_user

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
]
Profile = Callable[..., Page]

COMPANY: Answers = {
    "hris.brand_new": False,
    "hris.company_exists": True,
    "hris.company_age": "old_customer",
    "hris.goal": "Keep employees in step with payroll",
    "hris.employees_exist": False,
}
PREFERENCES: Answers = {"hris.notify_employees": False, "hris.update_org": True}
CONTACT: Answers = {
    "sso.poc_timezone": "America/Chicago",
    "sso.poc_name": "Dana Whitfield",
    "sso.poc_email": "dana@riverside.example",
    "sso.poc_phone": "+1 312 555 0142",
}


@pytest.fixture
def world() -> World:
    return World(size=250, seed=1)


@pytest.fixture
def desk(workers: None) -> tuple[User, User]:
    return a_user(), a_user(Role.TL, "Maya Ortiz")


def invite(page: Page, world: World, number: int, *, email: str = "dana@riverside.example") -> str:
    """Sends the customer the link and returns the mail's text once it has arrived."""
    before = len(world.mails)
    page.goto(f"/requests/{number}/invite/")
    page.get_by_label("e-mail", exact=False).first.fill(email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Waiting on customer")
    for _ in range(150):
        if len(world.mails) > before:
            return world.mails[-1].text
        page.wait_for_timeout(100)
    raise AssertionError("the mail did not arrive")


def submit_and_approve(csm: Page, profile: Profile, number: int) -> Page:
    csm.goto(f"/requests/{number}/")
    csm.get_by_role("button", name="Submit for approval").click()
    expect(csm.get_by_role("heading", level=1)).to_contain_text("Needs approval")
    expect(csm.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    lead = profile()
    sign_in(lead, "maya.ortiz@support.example")
    lead.goto(f"/requests/{number}/review/")
    shoot(lead, f"review-{number}")
    lead.get_by_role("button", name="Approve", exact=True).click()
    return lead


def sync_and_wait(page: Page, connection: Connection) -> Run:
    page.goto(f"/connections/{connection.public_id}/")
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator("main")).to_contain_text("Finished", timeout=60_000)
    return Run.objects.filter(connection=connection).order_by("-pk")[0]


def test_a_request_for_adp_from_the_first_form_to_a_connection_that_syncs(
    profile: Profile, desk: tuple[User, User], world: World, sandbox: Running
) -> None:
    csm = profile()
    sign_in(csm, "jamie.park@support.example")
    number = file_request(
        csm, typed="river", company="Riverside Community Health", provider="ADP Workforce Now"
    )
    req = Request.objects.get(number=number)
    assert (req.company.lms_id, str(req.company.mrr), req.company.mrr_currency) == ("48213", "4250.00", "USD")
    csm.goto(f"/requests/{number}/company/")
    answer_topic(csm, COMPANY)
    csm.goto(f"/requests/{number}/consent/")
    answer_topic(csm, {"hris.connector_ok": True, "hris.consent_ok": True})
    mail = invite(csm, world, number)

    customer = profile(phone=True)
    open_mailed_link(customer, mail)
    assert "4,250" not in customer.content()
    shoot(customer, "customer-phone")
    part = customer.url
    certificate, key = credentials.adp_certificate()
    given = credentials.CREDENTIALS["adp"] | {"certificate": certificate, "private_key": key}
    customer.goto(f"{part}details/")
    shoot(customer, "customer-details-phone")
    answer_topic(customer, given)
    customer.goto(f"{part}consent/")
    shoot(customer, "customer-consent-phone")
    answer_topic(customer, {"hris.consent_file": "consent.png"})
    customer.goto(f"{part}preferences/")
    answer_topic(
        customer,
        {
            **PREFERENCES,
            "hris.location_source": "home_work_location",
            "hris.position_source": "primary_position",
            "hris.email_source": "work_email",
        },
    )
    customer.goto(part)
    set_up(customer)
    customer.goto(part)
    customer.get_by_role("link", name="Check and hand back").click()
    customer.get_by_role("button", name="Hand back").click()
    expect(customer.locator("main")).to_contain_text("Thank you")

    csm.goto(f"/requests/{number}/ticket/")
    ticket = csm.locator("main")
    expect(ticket).to_contain_text("Enable HRIS ADP Workforce Now Integration for Riverside Community Health")
    expect(ticket).to_contain_text("Is this a brand-new customer? No")
    shoot(csm, "ticket")
    lead = submit_and_approve(csm, profile, number)

    lead.goto(f"/requests/{number}/")
    expect(lead.locator("main")).to_contain_text("INT-1")
    expect(lead.get_by_role("heading", level=1)).to_contain_text("Live", timeout=60_000)
    shoot(lead, "request", whole=False)
    issue = world.issues["INT-1"]
    assert (
        issue["fields"]["summary"]
        == "Enable HRIS ADP Workforce Now Integration for Riverside Community Health"
    )
    for secret in (given["client_secret"], key.splitlines()[1]):
        assert secret not in str(issue["fields"])
    connection = Connection.objects.get()
    assert DirectoryPerson.objects.filter(connection=connection, state="active").count() == 250

    assert sync_and_wait(lead, connection).change_total == 0
    shoot(lead, "run-unchanged")
    world.let_go(7)
    world.rename(9, "Ottilie", "Färber")
    run = sync_and_wait(lead, connection)
    assert sorted(Change.objects.filter(run=run).values_list("kind", flat=True)) == ["changed", "deactivated"]
    expect(lead.locator("main")).to_contain_text("Ottilie")
    shoot(lead, "run-two-changes")
    assert DirectoryPerson.objects.filter(connection=connection, state="deactivated").count() == 1
    lead.goto(f"/connections/{connection.public_id}/")
    shoot(lead, "connection")
    lead.goto(f"/directory/?company={connection.company.public_id}")
    shoot(lead, "directory", whole=False)
    lead.get_by_role("searchbox").last.fill("Färber")
    lead.keyboard.press("Enter")
    lead.get_by_role("link", name="Ottilie Färber").click()
    expect(lead.get_by_role("heading", level=1)).to_contain_text("Ottilie Färber")
    shoot(lead, "person", whole=False)
    customer.goto(f"/connections/{connection.public_id}/")
    expect(customer.locator("main")).to_contain_text("Connected")


@pytest.mark.slow
def test_the_same_for_personio(profile: Profile, desk: tuple[User, User], world: World) -> None:
    csm = profile()
    sign_in(csm, "jamie.park@support.example")
    number = file_request(csm, typed="north", company="Northgate Dental Group", provider="Personio")
    csm.goto(f"/requests/{number}/company/")
    answer_topic(csm, COMPANY)
    customer = profile()
    open_mailed_link(customer, invite(csm, world, number))
    part = customer.url
    customer.goto(f"{part}details/")
    answer_topic(customer, credentials.CREDENTIALS["personio"])
    customer.goto(f"{part}preferences/")
    answer_topic(customer, PREFERENCES)
    customer.goto(part)
    set_up(customer)
    customer.goto(part)
    customer.get_by_role("link", name="Check and hand back").click()
    customer.get_by_role("button", name="Hand back").click()
    lead = submit_and_approve(csm, profile, number)
    lead.goto(f"/requests/{number}/")
    expect(lead.get_by_role("heading", level=1)).to_contain_text("Live", timeout=60_000)
    connection = Connection.objects.get()
    assert DirectoryPerson.objects.filter(connection=connection, state="active").count() == 250
    assert sync_and_wait(lead, connection).change_total == 0


@pytest.mark.slow
def test_a_sign_in_request_ends_in_a_checked_tenant(
    profile: Profile, desk: tuple[User, User], world: World
) -> None:
    csm = profile(dark=True)
    sign_in(csm, "jamie.park@support.example")
    number = file_request(
        csm, typed="river", company="Riverside Community Health", provider="Microsoft Entra ID"
    )
    customer = profile(dark=True)
    open_mailed_link(customer, invite(csm, world, number))
    part = customer.url
    given = credentials.CREDENTIALS["entra"]
    customer.goto(f"{part}contact/")
    answer_topic(customer, CONTACT)
    customer.goto(f"{part}details/")
    keys = ("tenant_domain", "application_id", "client_secret")
    answer_topic(customer, {key: given[key] for key in keys})
    customer.goto(f"{part}test_user/")
    answer_topic(
        customer,
        {"sso.test_username": "sso.test@riverside.example", "sso.test_password": "Test!pass-word-77"},
    )
    customer.goto(f"{part}preferences/")
    answer_topic(customer, {"sso.auto_creation": True})
    customer.goto(part)
    shoot(customer, "customer-dark")
    customer.get_by_role("link", name="Check and hand back").click()
    customer.get_by_role("button", name="Hand back").click()
    lead = submit_and_approve(csm, profile, number)
    lead.goto(f"/requests/{number}/")
    expect(lead.get_by_role("heading", level=1)).to_contain_text("Live", timeout=60_000)
    title = "Enable SSO Microsoft Entra ID Integration for Riverside Community Health"
    assert world.issues["INT-1"]["fields"]["summary"] == title
    assert "Test!pass-word-77" not in str(world.issues["INT-1"]["fields"])
    connection = Connection.objects.get()
    lead.goto(f"/connections/{connection.public_id}/")
    expect(lead.locator("main")).to_contain_text(re.compile("tenant|organisation", re.IGNORECASE))
    assert connection.state == "connected"
    shoot(lead, "connection-sso")
