"""What a person or a vendor wrote, in a real browser: no payload runs, asks for anything, or breaks the content policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Dialog, Page
from playwright.sync_api import Request as Asked
from pytest_django.live_server_helper import LiveServer

from portal.accounts.models import Role
from tests.pages.test_xss import MARK, PAYLOADS, POLYGLOT, SHORT, pages_of, poison
from tests.support.pages import a_side
from tests.support.people import a_user


def watched(page: Page, ours: str) -> list[str]:
    """What goes wrong from now on is put into the list."""
    troubles: list[str] = []

    def on_dialog(dialog: Dialog) -> None:
        troubles.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def on_request(asked: Asked) -> None:
        if not asked.url.startswith((ours, "data:")):
            troubles.append(asked.url)

    page.on("dialog", on_dialog)
    page.on("request", on_request)
    return troubles


FOCUS_ALL = (
    "document.querySelectorAll('input, a, button').forEach((each) => each.dispatchEvent(new Event('focus')))"
)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_a_browser_runs_none_of_it(profile: Callable[..., Page], live_server: LiveServer) -> None:
    """No dialog, nothing outside is asked for, and (`profile` says so) no violation of the content policy."""
    side, lead = a_side("Amber"), a_user(Role.TL, "Maya Ortiz")
    page = profile()
    troubles = watched(page, live_server.url)
    for text in (POLYGLOT, PAYLOADS[0], PAYLOADS[1]):
        poison(side, text[:SHORT])
        seen = None
        for user, address, headers in pages_of(side, lead):
            if headers:
                continue
            if user != seen:
                client = Client()
                client.force_login(user)
                cookie = client.cookies["sessionid"].value
                page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
                seen = user
            page.goto(live_server.url + address)
            page.evaluate(FOCUS_ALL)
            assert page.locator(f"[{MARK}]").count() == 0, address
    assert troubles == []
