"""The frame of every page: what it says about requests that did not go through."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.test_accessible import signed_in
from tests.support.people import a_user

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
