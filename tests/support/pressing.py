"""A person without a browser: opens a page, changes what they type, and presses a button of one of its forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import cast

from django.http import HttpResponse
from django.test import Client


@dataclass
class Button:
    name: str
    value: str
    action: str
    words: str = ""


@dataclass
class FormOnPage:
    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)

    def put(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


class _Reader(HTMLParser):
    """Forms with what a browser would send of them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[FormOnPage] = []
        self._form: FormOnPage | None = None
        self._button: Button | None = None
        self._select = self._area = ""
        self._chosen: list[str] = []
        self._first: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = FormOnPage(given.get("action", ""))
            self.forms.append(self._form)
        if self._form is None or "disabled" in given:
            return
        if tag == "input" and given.get("name"):
            self._take_input(self._form, given)
        elif tag == "select":
            self._select, self._chosen, self._first = given.get("name", ""), [], None
        elif tag == "option" and self._select:
            self._first = given.get("value", "") if self._first is None else self._first
            if "selected" in given:
                self._chosen.append(given.get("value", ""))
        elif tag == "textarea":
            self._area = given.get("name", "")
            self._form.put(self._area, "")
        elif tag == "button" and given.get("type", "submit") == "submit":
            self._button = Button(given.get("name", ""), given.get("value", ""), given.get("formaction", ""))
            self._form.buttons.append(self._button)

    @staticmethod
    def _take_input(form: FormOnPage, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind in ("checkbox", "radio"):
            if "checked" in given:
                form.put(given["name"], given.get("value", "on"))
        elif kind not in ("file", "submit", "button"):
            form.put(given["name"], given.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self._button.words = " ".join(f"{self._button.words} {data}".split())
        elif self._area and self._form:
            self._form.fields[self._area][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "button":
            self._button = None
        elif tag == "textarea":
            self._area = ""
        elif tag == "select" and self._form and self._select:
            for value in self._chosen or [self._first or ""]:
                self._form.put(self._select, value)
            self._select = ""


def forms_of(html: str) -> list[FormOnPage]:
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def press(client: Client, address: str, words: str, **typed: str) -> str:
    """Presses a button, as `pressed` does, and returns where it leads. A page that is shown again fails with its text."""
    answer = pressed(client, address, words, **typed)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def pressed(client: Client, address: str, words: str, **typed: str) -> HttpResponse:
    """The answer to the button that bears these words; what is not typed goes as the page has it."""
    page = client.get(address, follow=True)
    address = page.redirect_chain[-1][0] if page.redirect_chain else address
    for form in forms_of(page.content.decode()):
        button = next((one for one in form.buttons if words in one.words), None)
        if button is None:
            continue
        sent: dict[str, list[str]] = {**form.fields, **{name: [value] for name, value in typed.items()}}
        if button.name:
            sent[button.name] = [button.value]
        target = (button.action or form.action or address).partition("#")[0]
        return cast(HttpResponse, client.post(target, sent))
    raise AssertionError(f"no button says {words!r} on {address}")
