"""A real browser, real workers, a real server: what the browser tests drive."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from portal.sandbox.server import Running
from tests.database import ROOT
from tests.support.workers import cluster, told_to_workers

CHROMIUM = Path("/usr/bin/chromium")
SHOTS = ROOT / ".screenshots"
# Background networking would knock on doors that a closed network refuses, many at a time.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1360, "height": 900}
# A refused form is answered with 422, and whoever leaves a page cuts off what it was just asking.
_HARMLESS = ("Failed to load resource", "htmx:afterRequest", "htmx:sendError", "htmx:sendAbort")
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        warnings.warn(
            "BROWSER TESTS SKIPPED: /usr/bin/chromium is not installed (apt-get install chromium)",
            stacklevel=1,
        )
        pytest.skip("chromium is not installed")
    # Playwright's loop runs in this thread; Django would refuse the ORM beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def profile(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Page]]:
    """Opens pages in browser profiles of their own; every error in a console fails the test at its end."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_HARMLESS):
            complaints.append(message.text)

    def open_profile(*, phone: bool = False, dark: bool = False) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", listen)
        return page

    yield open_profile
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def workers(
    transactional_db: None, sandbox: Running, live_server: LiveServer, settings: Settings
) -> Iterator[None]:
    """Both clusters of django-q2 as processes of their own, on this test's database."""
    settings.SITE_URL = live_server.url
    told = told_to_workers(sandbox, site_url=live_server.url, media_root=str(settings.MEDIA_ROOT))
    with cluster("short", told), cluster("sync", told):
        yield


def shoot(page: Page, name: str, *, whole: bool = True) -> None:
    """Keeps a picture for whoever looks at the pages, and for the README: the whole page, or what fits the window."""
    SHOTS.mkdir(exist_ok=True)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=whole, caret="initial")
