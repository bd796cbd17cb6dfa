"""The CSM's way in a browser: how few interactions a request takes, and a conversation that nobody can confuse."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from portal.accounts.models import Role, User
from portal.sandbox.server import Running
from portal.sandbox.world import World
from requests_app.lifecycle import Stage
from requests_app.models import Message, Reach, Request
from requests_app.services.filing import file_request
from requests_app.services.talk import write_message
from tests.browser.test_accessible import signed_in
from tests.requests_app.factories import customer_of
from tests.support.people import a_company, a_user
from tests.support.queue import drain

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
Profile = Callable[..., Page]
MOST = 12


class Counted:
    """A person at a page: every click, choice and key that is no text counts; typing and Tab do not."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def click(self, target: Locator) -> None:
        self.count += 1
        target.click()

    def press(self, key: str) -> None:
        self.count += key != "Tab"
        self.page.keyboard.press(key)

    def choose(self, name: str, value: str) -> None:
        """A radio button or a box, by its label, as a pointer does it."""
        control = self.page.locator(f'[name="{name}"][value="{value}"], [name="{name}"][type="checkbox"]')
        label = self.page.locator(f'label[for="{control.get_attribute("id")}"]')
        self.click(label if label.count() else control)
        expect(control).to_be_checked()

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self.page.keyboard.type(text)


@pytest.fixture
def csm(transactional_db: None) -> User:
    return a_user()


@pytest.mark.slow
def test_from_new_request_to_the_customers_mail_in_twelve_interactions(
    profile: Profile, live_server: LiveServer, sandbox: Running, world: World, csm: User
) -> None:
    page = signed_in(profile(), csm, live_server)
    page.goto("/my-work/")
    person = Counted(page)
    person.click(page.get_by_role("navigation").get_by_role("link", name="New request"))
    expect(page.get_by_role("combobox", name="Company")).to_be_focused()
    person.type("river")
    person.click(page.get_by_role("option", name=re.compile("Riverside Community Health")))
    person.click(page.locator("label.choice", has_text="ADP Workforce Now"))
    expect(page.locator("#questions")).to_contain_text("Send it to the customer")
    person.choose("hris.brand_new", "false")
    expect(page.locator('[name="hris.company_age"]').first).not_to_be_visible()
    person.choose("hris.company_exists", "true")
    person.choose("hris.company_age", "old_customer")
    person.click(page.locator('[name="hris.goal"]'))
    person.type("Keep employees in step with payroll")
    person.choose("hris.employees_exist", "true")
    person.choose("hris.connector_ok", "on")
    person.choose("hris.consent_ok", "on")
    person.press("Tab")
    page.get_by_label("E-mail address of the customer's admin").focus()  # the next stop of Tab
    person.type("dana@riverside.example")
    person.click(page.get_by_role("button", name="Create and send to customer"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Waiting on customer")
    assert person.count <= MOST, person.count
    req = Request.objects.get()
    assert (req.stage, req.company.lms_id) == (Stage.WAITING_ON_CUSTOMER, "48213")
    missing = req.items.filter(owner="csm", answer__state="missing")
    assert list(missing.values_list("key", flat=True)) == []
    drain()
    assert [list(mail.to) for mail in world.mails] == [["dana@riverside.example"]]
    assert "/accounts/link/" in world.mails[0].text


@pytest.mark.slow
def test_the_company_is_found_by_keyboard_alone(
    profile: Profile, live_server: LiveServer, sandbox: Running, csm: User
) -> None:
    page = signed_in(profile(), csm, live_server)
    page.goto("/requests/new/")
    box = page.get_by_role("combobox", name="Company")
    page.keyboard.type("river")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#desk-live")).to_have_text(re.compile(r"\d+ results?"))
    page.keyboard.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_have_value("river")
    page.keyboard.press("ArrowDown")
    active = box.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(page.locator('[name="salesforce_id"]')).not_to_have_value("")
    expect(page.locator("#desk-live")).to_have_text(re.compile("chosen"))


@pytest.mark.slow
def test_a_duplicate_is_linked_to_and_what_was_typed_stays(
    profile: Profile, live_server: LiveServer, csm: User
) -> None:
    old = file_request(a_company("Lakeshore Pediatrics", ""), "adp_workforce_now", by=csm)
    page = signed_in(profile(), csm, live_server)
    page.goto("/requests/new/?by_hand=1")
    page.get_by_role("textbox", name="Company").fill("Lakeshore Pediatrics")
    page.locator("label.choice", has_text="Personio").click()
    page.locator('[name="hris.goal"]').fill("Fewer tickets")
    page.locator("label.choice", has_text="ADP Workforce Now").click()
    expect(page.locator("#asked")).to_contain_text("This company already has one")
    expect(page.locator('[name="hris.goal"]')).to_have_value("Fewer tickets")
    expect(page.get_by_role("link", name=f"Open {old}")).to_be_visible()
    page.get_by_text(f"Link to it: a new request, related to {old}").click()
    page.get_by_role("button", name="Create draft").click()
    expect(page).to_have_url(re.compile(r"/requests/\d+/$"))
    made = Request.objects.get(related_to=old)
    assert made.duplicate_reason == "linked"
    expect(page.locator("main")).to_contain_text(f"Linked to {old}")


@pytest.mark.slow
def test_a_note_and_a_message_have_each_their_own_form_and_button(
    profile: Profile, live_server: LiveServer, csm: User
) -> None:
    lead = a_user(Role.TL, "Maya Ortiz")
    req = file_request(a_company(), "adp_workforce_now", by=csm)
    Request.objects.filter(pk=req.pk).update(stage=Stage.WAITING_ON_CUSTOMER)
    dana = customer_of(req)
    write_message(req, "Where do I find this?", by=dana, reach=Reach.CUSTOMER, is_stuck=True)
    page = signed_in(profile(), csm, live_server)
    page.goto(f"/requests/{req.number}/")
    expect(page.get_by_role("button", name="Save note")).to_be_visible()
    expect(page.get_by_role("button", name="Send to customer")).not_to_be_visible()
    note = page.get_by_label("Internal note")
    note.focus()
    page.keyboard.type("Please look @may")
    expect(page.get_by_role("option", name=re.compile("Maya Ortiz"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(note).to_have_value("Please look @maya.ortiz ")
    page.get_by_role("button", name="Message to the customer").click()
    expect(page.get_by_role("button", name="Save note")).not_to_be_visible()
    expect(page.locator("#write-customer")).to_contain_text(
        "Dana Whitfield (dana@riverside.example) reads this"
    )
    page.get_by_label("Message to the customer").fill("Look under Settings")
    page.get_by_role("button", name="Send to customer").click()
    expect(page.locator("#talk-list .talk-to")).to_contain_text("Look under Settings")
    page.locator("[data-write=note]").click()
    expect(note).to_have_value("Please look @maya.ortiz ")  # the other form is as it was left
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("#talk-list .talk-note")).to_contain_text("Please look")
    assert list(Message.objects.get(reach=Reach.INTERNAL).mentions.all()) == [lead]
    page.locator(".stuck").get_by_role("button", name="Resolved").click()
    expect(page.locator(".stuck")).to_have_count(0)
