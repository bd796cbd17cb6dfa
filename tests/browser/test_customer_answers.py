"""What the customer's pages do while one answers: explain at once, keep what was typed, try again, take files."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from portal.accounts.models import Role, User
from requests_app.models import Request
from requests_app.services.moves import make_move
from tests.browser.test_accessible import signed_in
from tests.browser.walker import a_screenshot
from tests.requests_app.factories import ADP, ENTRA, a_request, answer_of, customer_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
GUID = "11111111-2222-3333-4444-555555555555"


def opened(browser: Browser, server: LiveServer, req: Request, topic: str) -> Page:
    customer = customer_of(req)
    make_move(req, "send_to_customer", by=req.owner)
    context = browser.new_context(base_url=server.url, timezone_id="Europe/Berlin", reduced_motion="reduce")
    page = signed_in(context.new_page(), customer, server)
    page.goto(f"/your/{req.public_id}/{topic}/")
    return page


@pytest.mark.slow
def test_a_secrets_id_is_explained_while_it_is_typed(browser: Browser, live_server: LiveServer) -> None:
    req = a_request(ENTRA)
    page = opened(browser, live_server, req, "details")
    field = page.locator('[name="client_secret"]')
    field.fill(GUID)
    expect(page.locator("[data-now]")).to_contain_text("This is the Secret ID.")
    field.blur()
    page.wait_for_load_state("networkidle")
    expect(page.locator('[name="client_secret"]')).to_have_value(
        GUID
    )  # what was typed is kept beside the error
    expect(page.locator("main")).to_contain_text("This is the Secret ID.")
    page.context.close()


@pytest.mark.slow
def test_without_a_connection_nothing_is_lost_and_it_is_tried_again(
    browser: Browser, live_server: LiveServer
) -> None:
    req = a_request(ENTRA)
    page = opened(browser, live_server, req, "contact")
    page.context.set_offline(True)
    field = page.locator('[name="sso.poc_name"]')
    field.fill("Jane Roe")
    field.blur()
    expect(page.locator("[data-save-state]")).to_contain_text("Not saved yet")
    expect(field).to_have_value("Jane Roe")
    page.context.set_offline(False)
    expect(page.locator("[data-save-state]")).to_contain_text("Saved")
    assert answer_of(req, "sso.poc_name").value == "Jane Roe"
    page.context.close()


@pytest.mark.slow
def test_the_time_zone_of_the_device_is_offered_and_saved_only_when_taken(
    browser: Browser, live_server: LiveServer
) -> None:
    req = a_request(ENTRA)
    page = opened(browser, live_server, req, "contact")
    assert answer_of(req, "sso.poc_timezone").value is None
    page.get_by_role("button", name="Use Europe/Berlin").click()
    expect(page.locator("[data-save-state]")).to_contain_text("Saved")
    assert answer_of(req, "sso.poc_timezone").value == "Europe/Berlin"
    # Their own times are those of the device, whatever they answer.
    assert User.objects.get(role=Role.CUSTOMER_ADMIN).time_zone == "Europe/Berlin"
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_picture_can_be_pasted_or_dropped(browser: Browser, live_server: LiveServer, way: str) -> None:
    req = a_request(ADP)
    page = opened(browser, live_server, req, "consent")
    target, name = (
        ("document", "clipboardData")
        if way == "paste"
        else ("document.querySelector('[data-drop]')", "dataTransfer")
    )
    page.evaluate(
        f"""(bytes) => {{
            const carried = new DataTransfer();
            carried.items.add(new File([new Uint8Array(bytes)], "proof.png", {{ type: "image/png" }}));
            const event = new Event("{way}", {{ bubbles: true, cancelable: true }});
            Object.defineProperty(event, "{name}", {{ value: carried }});
            {target}.dispatchEvent(event);
        }}""",
        list(a_screenshot()),
    )
    expect(page.locator(".uploaded")).to_contain_text("proof.png")
    expect(page.locator("[data-save-state]")).to_contain_text("Saved")
    page.context.close()


@pytest.mark.slow
def test_without_scripts_everything_still_works(browser: Browser, live_server: LiveServer) -> None:
    req = a_request(ADP)
    page = opened(browser, live_server, req, "details")
    cookies = page.context.cookies()
    page.context.close()
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    context.add_cookies([{"name": c["name"], "value": c["value"], "url": live_server.url} for c in cookies])
    plain = context.new_page()
    plain.goto(f"/your/{req.public_id}/details/")
    plain.locator('[name="client_id"]').fill("without-scripts")
    plain.get_by_role("button", name="Continue").click()
    expect(plain).to_have_url(f"{live_server.url}/your/{req.public_id}/consent/")
    assert answer_of(req, "client_id").value == "without-scripts"
    plain.goto(f"/your/{req.public_id}/details/")
    answer = plain.locator("[data-answer]", has=plain.locator('[name="certificate"]'))
    answer.locator("summary").click()
    answer.get_by_label("Where are you stuck?").fill("No API Central")
    answer.get_by_role("button", name="Ask Jamie Park").click()
    expect(plain.locator("main")).to_contain_text("knows that you are stuck")
    assert req.messages.get().is_stuck
    context.close()
