"""The frame of every page: what it says about requests that did not go through."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from portal.accounts.models import Role
from tests.browser.test_accessible import signed_in
from tests.requests_app.factories import a_request
from tests.support.people import a_company, a_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
Profile = Callable[..., Page]

ASK = """([address, event]) => new Promise((done) => {
  const button = document.createElement("button");
  button.setAttribute("hx-get", address);
  button.setAttribute("hx-swap", "none");
  document.getElementById("main").append(button);
  htmx.process(button);
  document.addEventListener(event, () => setTimeout(done), { once: true });
  htmx.trigger(button, "click");
  if (event === "htmx:sendAbort") htmx.trigger(button, "htmx:abort");
})"""


def test_a_request_that_was_called_off_is_no_trouble_and_one_that_failed_is(
    profile: Profile, live_server: LiveServer
) -> None:
    page = signed_in(profile(), a_user(), live_server)
    page.goto("/my-work/")
    page.route("**/waits/", lambda route: None)
    page.route("**/broken/", lambda route: route.abort())
    note = page.locator("#desk-offline")
    page.evaluate(ASK, ["/waits/", "htmx:sendAbort"])
    expect(note).to_be_hidden()
    page.evaluate(ASK, ["/broken/", "htmx:sendError"])
    expect(note).to_be_visible()
    page.evaluate(ASK, ["/waits/", "htmx:sendAbort"])
    expect(note).to_be_visible()
    page.evaluate(ASK, ["/healthz", "htmx:afterRequest"])
    expect(note).to_be_hidden()


BEGIN = """(address) => {
  const alarm = () => console.info("alarm", !document.getElementById("desk-offline").hidden);
  document.addEventListener("htmx:sendError", () => setTimeout(alarm), { once: true });
  htmx.ajax("GET", address, { target: "#main", swap: "none" }).catch(() => {});
}"""


@pytest.mark.slow
def test_leaving_a_page_while_it_asks_for_something_raises_no_alarm(
    profile: Profile, live_server: LiveServer
) -> None:
    page = signed_in(profile(), a_user(), live_server)
    page.goto("/my-work/")
    under_way: list[Route] = []
    next_page: list[Route] = []
    page.route("**/waits/", lambda route: under_way.append(route))
    page.route("**/requests/", lambda route: next_page.append(route))
    with page.expect_request("**/waits/"):
        page.evaluate(BEGIN, "/waits/")
    with page.expect_request("**/requests/"):
        page.evaluate("() => { setTimeout(() => location.assign('/requests/')); }")
    with page.expect_console_message(lambda message: message.text.startswith("alarm")) as told:
        under_way[0].abort()
    assert told.value.text == "alarm false"
    next_page[0].continue_()
    page.wait_for_url("**/requests/")


@pytest.mark.slow
def test_a_row_that_is_chosen_right_after_a_search_stays_chosen(
    profile: Profile, live_server: LiveServer
) -> None:
    csm = a_user(Role.CSM)
    for name in ("Amber Clinic", "Birch Clinic"):
        a_request(company=a_company(name), by=csm)
    page = signed_in(profile(), csm, live_server)
    page.goto("/requests/?tab=all")
    rows = page.locator("#rows tbody tr")
    expect(rows).to_have_count(2)
    page.locator("#filter-q").fill("Amber")
    expect(rows).to_have_count(1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    rows.get_by_role("checkbox").check()
    page.wait_for_timeout(500)  # as long as a late question would take to come
    assert [address for address in asked if "/requests/" in address] == []
    expect(rows.get_by_role("checkbox")).to_be_checked()
