"""The set-up of a connection in a browser, with real services, workers and the sandbox, on desktop and phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Locator, Page, Route, expect

from integrations.models import Connection, ConnectionState, DirectoryPerson, Draft, Receipt
from portal.accounts.models import Role, User
from portal.kit import clock
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.staff import Population
from portal.sandbox.world import World
from tests.browser.conftest import shoot
from tests.browser.walker import sign_in
from tests.support.pages import a_connection
from tests.support.people import a_company, a_user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
]
Profile = Callable[..., Page]
CARD = "bamboohr"
FILE = """Employee number,First name,Last name,Work e-mail,Department
1,Ada,Lovelace,ada@a.example,Care
2,Bob,Marsh,bob@a.example,Kitchen
"""


@pytest.fixture
def lead(transactional_db: None) -> User:
    return a_user(Role.TL, "Maya Ortiz")


@pytest.fixture
def connection(transactional_db: None) -> Connection:
    found = a_connection(
        a_company("Amber Clinic"),
        provider=CARD,
        state=ConnectionState.SETTING_UP,
        last_success_at=None,
        approved_at=clock.now(),
    )
    found.credentials.all().delete()
    return found


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=False).first.click()


def begin(page: Page, connection: Connection) -> Locator:
    """Up to the credentials."""
    sign_in(page, "maya.ortiz@support.example")
    page.goto(f"/connections/{connection.public_id}/setup/")
    press(page, "Begin")
    expect(page.get_by_role("heading", level=1)).to_have_text("Before you start")
    press(page, "I have this")
    press(page, "Yes, I am")
    expect(page.get_by_role("heading", level=1)).to_have_text("What is read")
    press(page, "Agree and continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Connect")
    return page.locator("main")


def fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def rehearse(page: Page, connection: Connection) -> Locator:
    main = begin(page, connection)
    page.get_by_label("CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    )
    press(page, "Rehearse with this file")
    return main


@pytest.mark.slow
def test_a_file_is_rehearsed_by_keyboard_with_lists_that_follow(
    profile: Profile, lead: User, connection: Connection
) -> None:
    page = profile()
    main = rehearse(page, connection)
    expect(main).to_contain_text("This is a rehearsal.")
    expect(page.locator("#matches")).to_contain_text("of 2 people match")
    press(page, "Add a rule")
    expect(page.locator("#include-0-0-field")).to_be_focused()
    page.keyboard.type("Department")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("care")
    expect(page.locator("#matches .match-count strong")).to_have_text("1")
    expect(page.locator("#desk-live")).to_have_text("1 of 2 people match")
    expect(page.locator("#matches")).to_contain_text("matches no rule")
    press(page, "And a condition")
    expect(page.locator("#include-0-1-field")).to_be_focused()
    expect(page.locator("#include-0-0-values")).to_have_value("care")
    assert Draft.objects.get().filter == {}


@pytest.mark.slow
def test_what_is_typed_while_the_values_of_a_field_are_on_their_way_stays(
    profile: Profile, lead: User, connection: Connection
) -> None:
    page = profile()
    rehearse(page, connection)
    press(page, "Add a rule")
    on_their_way: list[Route] = []
    page.route("**/setup/options/**", lambda route: on_their_way.append(route))
    with page.expect_request("**/setup/options/**"):
        page.locator("#include-0-0-field").select_option("department")
    page.locator("#include-0-0-values").fill("Care")
    page.keyboard.press("Tab")
    on_their_way.pop().continue_()
    expect(page.locator("#include-0-0-known option")).to_have_count(2)
    expect(page.locator("#include-0-0-values")).to_have_value("Care")
    expect(page.locator("#matches .match-count strong")).to_have_text("1")


@pytest.mark.slow
def test_an_ended_session_is_told_beside_the_rules_and_what_was_typed_stays(
    profile: Profile, lead: User, connection: Connection
) -> None:
    page = profile()
    main = rehearse(page, connection)
    expect(page.locator("#matches")).to_contain_text("of 2 people match")
    press(page, "Add a rule")
    page.locator("#include-0-0-field").select_option("department")
    page.locator("#include-0-0-values").fill("Care")
    expect(page.locator("#matches .match-count strong")).to_have_text("1")
    Session.objects.all().delete()
    press(page, "And a condition")
    expect(main.get_by_role("alert")).to_contain_text("Your session has ended.")
    expect(main.get_by_role("link", name="Go on in a new tab")).to_have_attribute("target", "_blank")
    expect(page.locator("#include-0-0-values")).to_have_value("Care")


@pytest.mark.slow
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_whole_set_up_until_everybody_is_there(
    profile: Profile, lead: User, workers: None, connection: Connection, world: World, phone: bool
) -> None:
    page = profile(phone=phone, dark=phone)
    kind = "phone" if phone else "desktop"
    if phone:
        page.set_viewport_size({"width": 360, "height": 780})
    sign_in(page, "maya.ortiz@support.example")
    page.goto(f"/connections/{connection.public_id}/setup/")
    shoot(page, f"setup-{kind}-0-start")
    press(page, "Begin")
    expect(page.get_by_role("heading", level=1)).to_have_text("Before you start")
    shoot(page, f"setup-{kind}-1-prerequisites")
    press(page, "I have this")
    shoot(page, f"setup-{kind}-2-admin")
    press(page, "Yes, I am")
    expect(page.get_by_role("heading", level=1)).to_have_text("What is read")
    shoot(page, f"setup-{kind}-3-consent")
    press(page, "Agree and continue")
    main = page.locator("main")
    page.locator('[name="subdomain"]').fill(CREDENTIALS[CARD]["subdomain"])
    page.locator('[name="api_key"]').fill("not-the-key")
    press(page, "Test and continue")
    expect(main).to_contain_text("BambooHR does not accept this API key")
    shoot(page, f"setup-{kind}-4-refused")
    page.locator('[name="api_key"]').fill(CREDENTIALS[CARD]["api_key"])
    press(page, "Test and continue")
    expect(main).to_contain_text("The test passed")
    expect(page.locator("#matches")).to_contain_text("people match", timeout=30_000)
    _choose_rules(page)
    shoot(page, f"setup-{kind}-5-filter")
    assert fits(page)
    expect(page.locator("#desk-offline")).to_be_hidden()
    matching = int(page.locator("#matches .match-count strong").inner_text())
    assert DirectoryPerson.objects.count() == 0
    main.get_by_role("button", name="Save and continue").last.click()
    expect(page.locator("#person")).to_contain_text("Will show")
    page.locator("#map-department-more").click()
    page.locator("#map-department-more + .attribute-body").get_by_role("button", name="Add a step").click()
    page.locator("#map-department-step-0-do").select_option("case")
    page.locator("#map-department-step-0-how").select_option("upper")
    expect(page.locator("#person")).to_contain_text("Capital or small letters")
    shoot(page, f"setup-{kind}-6-map")
    assert fits(page)
    main.get_by_role("button", name="Save and continue").last.click()
    press(page, "Work the plan out")
    expect(main).to_contain_text("come in.", timeout=60_000)
    shoot(page, f"setup-{kind}-7-plan")
    assert fits(page)
    planned = int(re.findall(r"(\d+) people come in", main.inner_text())[0])
    assert planned <= matching <= len(world.indexes(Population.EMPLOYED))
    page.get_by_label("How many people are affected?").fill(str(planned + 1))
    press(page, "Confirm the plan")
    expect(main).to_contain_text("not the number of people")
    page.get_by_label("How many people are affected?").fill(str(planned))
    press(page, "Confirm the plan")
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirmed")
    shoot(page, f"setup-{kind}-8-done")
    assert Receipt.objects.get().affected == planned
    page.goto(f"/connections/{connection.public_id}/")
    expect(main).to_contain_text("Connected", timeout=60_000)
    assert DirectoryPerson.objects.filter(connection=connection, state="active").count() == planned


def _choose_rules(page: Page) -> None:
    """Two departments, without one place."""
    press(page, "Add a rule")
    page.locator("#include-0-0-field").select_option("department")
    page.locator("#include-0-0-op").select_option("one_of")
    ticks = page.locator("#include-0-0-values .tick")
    expect(ticks.first).to_be_visible()
    ticks.nth(0).click()
    ticks.nth(1).click()
    expect(page.locator("#matches")).to_contain_text("matches no rule")
    press(page, "Leave people out")
    page.locator("#exclude-0-0-field").select_option("location")
    page.locator("#exclude-0-0-op").select_option("empty")
    expect(page.locator("#exclude-0-0-value input")).to_have_count(0)
