"""What a person does on the pages, in the words of the path."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping

from playwright.sync_api import Locator, Page, expect

from tests.support.links import link_at, newest_code
from tests.support.people import PASSWORD

Answers = Mapping[str, str | bool]


def a_screenshot(width: int = 320, height: int = 200) -> bytes:
    """A small PNG, as a customer would upload one."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    row = b"\x00" + bytes((90, 140, 220)) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * height))
        + chunk(b"IEND", b"")
    )


def sign_in(page: Page, email: str) -> None:
    page.goto("/")
    page.locator('input[type="email"]').fill(email)
    page.locator('input[type="password"]').fill(PASSWORD)
    page.locator('input[type="password"]').press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("My work")


def file_request(page: Page, *, typed: str, company: str, provider: str) -> int:
    """New request, by hand and keyboard. Returns the request's number."""
    page.get_by_role("link", name="New request").first.click()
    page.get_by_role("combobox").fill(typed)
    page.get_by_role("option", name=re.compile(company)).click()
    expect(page.locator('[name="lms_id"]')).not_to_have_value("")
    expect(page.locator('[name="mrr"]')).to_have_value(re.compile(r"[A-Z]{3}"))
    page.get_by_label(provider, exact=False).first.check(force=True)
    expect(page.locator("#asked")).to_contain_text("Company")
    page.get_by_role("button", name="Create draft").click()
    expect(page).to_have_url(re.compile(r"/requests/\d+/$"))
    return int(re.findall(r"/requests/(\d+)/", page.url)[0])


def answer_topic(page: Page, answers: Answers, *, go_on: str = "Continue") -> None:
    """Answers the fields of the topic page that is open, then saves and goes on."""
    for key, value in answers.items():
        _answer(page, key, value)
        page.wait_for_load_state("networkidle")  # each change is saved by itself and comes back
    page.get_by_role("button", name=go_on).click()


def _answer(page: Page, key: str, value: str | bool) -> None:
    field = page.locator(f'[name="{key}"]')
    expect(field.first).to_be_attached()
    kind = field.first.get_attribute("type")
    if kind == "radio":
        raw = str(value).lower() if isinstance(value, bool) else value
        choice = page.locator(f'[name="{key}"][value="{raw}"]')
        page.locator(f'label[for="{choice.get_attribute("id")}"]').first.click()
        expect(choice).to_be_checked()
    elif kind == "checkbox":
        page.locator(f'label[for="{field.get_attribute("id")}"]').first.click()
        expect(field).to_be_checked()
    elif kind == "file":
        field.set_input_files({"name": "consent.png", "mimeType": "image/png", "buffer": a_screenshot()})
    elif field.evaluate("node => node.tagName") == "SELECT":
        field.select_option(str(value))
    else:
        field.fill(str(value))
        field.blur()


def open_mailed_link(page: Page, text: str) -> None:
    """What the customer does with the mail."""
    address = re.findall(r"https?://\S+/accounts/link/\S+", text)[-1]
    page.goto(address)
    page.get_by_role("button", name="Send me a code").click()
    code = page.get_by_label("Code from the mail")
    expect(code).to_be_visible()
    code.fill(newest_code(link_at(address)))
    page.get_by_role("button", name="Open my part").click()
    expect(page).to_have_url(re.compile(r"/your/"))


def set_up(page: Page) -> None:
    """From the customer's page through the wizard, everything as it is proposed, to the confirmed plan."""
    title, main = page.get_by_role("heading", level=1), page.locator("main")
    for button, leads_to in (
        ("Set it up", "Before you start"),
        ("I have this", "Who has the rights"),
        ("Yes, I am", "What is read"),
        ("Agree and continue", "Connect"),
        ("Test and continue", "Who comes in"),
    ):
        page.get_by_role("button", name=button).first.click()
        expect(title).to_have_text(leads_to)
    expect(page.locator("#matches")).to_contain_text("match", timeout=60_000)
    main.get_by_role("button", name="Save and continue").last.click()
    expect(title).to_have_text("What is shown")
    main.get_by_role("button", name="Save and continue").last.click()
    page.get_by_role("button", name="Work the plan out").click()
    expect(page.locator(".plan-sentence")).to_be_visible(timeout=60_000)
    number = re.findall(r"Type ([\d,]+) to show", main.inner_text())[0]
    page.get_by_label("How many people are affected?").fill(number)
    page.get_by_role("button", name="Confirm the plan").click()
    expect(title).to_have_text("Confirmed")


def task_list(page: Page) -> Locator:
    return page.locator("main")
