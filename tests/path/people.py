"""The people of the path, each with a session of their own, speaking HTTP to the portal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from integrations.models import Run, RunKind, RunOutcome
from portal.accounts.models import User
from portal.sandbox import credentials
from portal.sandbox.world import World
from requests_app.models import Request
from tests.browser.walker import a_screenshot
from tests.support.links import link_at, open_as
from tests.support.people import PASSWORD
from tests.support.pressing import press
from tests.support.queue import drain

CSM_ANSWERS = {
    "hris.brand_new": "false",
    "hris.company_exists": "true",
    "hris.company_age": "old_customer",
    "hris.goal": "Keep employees in step with payroll",
    "hris.employees_exist": "true",
}
PREFERENCES = {"hris.notify_employees": "false", "hris.update_org": "true"}
ADP_PREFERENCES = {
    "hris.location_source": "home_work_location",
    "hris.position_source": "primary_position",
    "hris.email_source": "work_email",
}
CONTACT = {
    "sso.poc_name": "Dana Whitfield",
    "sso.poc_email": "dana@riverside.example",
    "sso.poc_phone": "+1 312 555 0142",
    "sso.poc_timezone": "America/Chicago",
}


def adp_credentials() -> dict[str, str]:
    certificate, key = credentials.adp_certificate()
    return {**credentials.CREDENTIALS["adp"], "certificate": certificate, "private_key": key}


def sign_in(user: User) -> Client:
    client = Client()
    answer = client.post("/accounts/sign-in/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content.decode()
    return client


COMPANIES = {"river": "Riverside Community Health", "northgate": "Northgate Dental Group"}


def pick_company(client: Client, typed: str) -> dict[str, str]:
    """The company that the search offers under its full name, as the page's script would fill it in."""
    page = client.get(
        "/requests/companies/", {"company": typed}, headers={"HX-Request": "true"}
    ).content.decode()
    option = next(each for each in page.split("</li>") if COMPANIES[typed] in each)
    filled = dict(re.findall(r'data-fill-([a-z_]+)="([^"]*)"', option))
    return {"company": COMPANIES[typed], **{name: unescape(value) for name, value in filled.items()}}


def file_request(client: Client, typed: str, provider: str) -> Request:
    answer = client.post("/requests/new/", {**pick_company(client, typed), "provider": provider})
    assert answer.status_code == 302, answer.content.decode()
    return Request.objects.latest("pk")


def answer_topic(client: Client, base: str, topic: str, answers: Mapping[str, Any]) -> None:
    answer = client.post(f"{base}{topic}/", dict(answers))
    assert answer.status_code == 302, answer.content.decode()


def invite(client: Client, req: Request, world: World, email: str = "dana@riverside.example") -> str:
    """Sends the link and lets the worker mail it. Returns the address in the mail."""
    assert client.post(f"/requests/{req.number}/invite/", {"email": email}).status_code == 302
    drain()
    return str(re.findall(r"https?://[^/]+(/accounts/link/\S+)", world.mails[-1].text)[-1])


def open_link(address: str) -> Client:
    client = Client(enforce_csrf_checks=True)
    open_as(client, link_at(address))
    client.handler.enforce_csrf_checks = False
    return client


def move(client: Client, req: Request, name: str, **more: str) -> str:
    """Makes a move from the page and returns the page that follows."""
    answer = client.post(f"/requests/{req.number}/move/", {"move": name, **more}, follow=True)
    return str(answer.content.decode())


def set_up(client: Client, req: Request) -> None:
    """The wizard as the customer walks it, everything as it is proposed, up to the confirmed plan."""
    here = connect(client, f"/your/{req.public_id}/", "Set it up")
    choose_and_confirm(client, press(client, here, "Test and continue"), req)


def connect(client: Client, page: str, begin: str) -> str:
    """From a request's page to the step at which credentials are entered."""
    here = press(client, page, begin)
    for words in ("I have this", "Yes, I am", "Agree and continue"):
        here = press(client, here, words)
    return here


def choose_and_confirm(client: Client, here: str, req: Request) -> None:
    """Filter and mapping as they are proposed, the plan worked out by a worker, its number typed."""
    drain()
    here = press(client, here, "Save and continue")
    here = press(client, here, "Save and continue")
    press(client, here, "Work")
    drain()
    req.refresh_from_db()
    assert req.connection is not None
    plan = Run.objects.filter(connection=req.connection, kind=RunKind.DRY).latest("pk")
    assert plan.outcome == RunOutcome.PLANNED
    press(client, here, "Confirm the plan", typed=str(plan.change_total))


def hand_back_until_live(customer: Client, csm: Client, lead: Client, req: Request) -> None:
    """The way from the customer's last answer to a connection that works."""
    customer.post(f"/your/{req.public_id}/hand-back/")
    move(csm, req, "submit")
    move(lead, req, "approve")
    drain()
    req.refresh_from_db()
    assert req.stage == "live"


def a_consent() -> SimpleUploadedFile:
    return SimpleUploadedFile("consent.png", a_screenshot(), "image/png")


def fill_in_adp(csm: Client, req: Request, world: World, **changed: str) -> Client:
    """Everything up to the hand-back for an ADP request. Returns the customer's session."""
    answer_topic(csm, f"/requests/{req.number}/", "company", CSM_ANSWERS)
    answer_topic(
        csm, f"/requests/{req.number}/", "consent", {"hris.connector_ok": "on", "hris.consent_ok": "on"}
    )
    customer = open_link(invite(csm, req, world))
    part = f"/your/{req.public_id}/"
    answer_topic(customer, part, "details", {**adp_credentials(), **changed})
    answer_topic(customer, part, "consent", {"hris.consent_file": a_consent()})
    answer_topic(customer, part, "preferences", {**PREFERENCES, **ADP_PREFERENCES})
    if not changed:
        set_up(customer, req)
    assert customer.post(f"{part}hand-back/").status_code == 302
    return customer
