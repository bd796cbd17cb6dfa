"""Somebody at the set-up pages of a connection, as a browser without scripts sends them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, cast

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, ConnectionState, Draft, DraftState
from portal.accounts.models import Company, User
from portal.sandbox.credentials import CREDENTIALS
from tests.support.pages import HTMX, a_connection
from tests.support.queue import drain

CARD = "personio"
PEOPLE = """Employee number,First name,Last name,Work e-mail,Department,SSN
1,Ada,Lovelace,ada@amber.example,Care,123-45-6789
2,Bob,Marsh,bob@amber.example,Kitchen,
3,Cleo,Nagy,,Care,
"""


class Forms(HTMLParser):
    """What a browser without scripts would send of a form: names and values, as they stand on the page."""

    def __init__(self, html: str, form_id: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._form_id, self._inside, self._select = form_id, False, ""
        self._first: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = said.get("id") == self._form_id
        if not self._inside:
            return
        name, kind = said.get("name", ""), said.get("type", "text")
        if tag == "input" and name and (kind not in ("checkbox", "radio") or "checked" in said):
            self.values.setdefault(name, []).append(said.get("value", ""))
        elif tag == "select":
            self._select, self._first = name, None
        elif tag == "option" and self._select:
            self._first = self._first if self._first is not None else said.get("value", "")
            if "selected" in said:
                self.values[self._select] = [said.get("value", "")]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            self.values.setdefault(self._select, [self._first or ""])
            self._select = ""
        elif tag == "form":
            self._inside = False


class Wizard:
    """Somebody in a browser of their own, at the set-up of one connection."""

    def __init__(self, user: User, connection: Connection) -> None:
        self.client, self.connection = Client(), connection
        self.client.force_login(user)

    def url(self, name: str, *args: str) -> str:
        return reverse(name, args=[self.connection.public_id, *args])

    def get(self, step: str, query: str = "") -> HttpResponse:
        return cast(HttpResponse, self.client.get(self.url("setup_step", step) + query))

    def html(self, step: str, query: str = "") -> str:
        answer = self.get(step, query)
        assert answer.status_code == 200, answer
        return answer.content.decode()

    def post(self, step: str, data: dict[str, Any] | None = None) -> HttpResponse:
        return cast(HttpResponse, self.client.post(self.url("setup_step", step), data or {}))

    def form(self, step: str, form_id: str) -> dict[str, Any]:
        return dict(Forms(self.html(step), form_id).values)

    def send(self, name: str, data: dict[str, Any] | None = None, *, htmx: bool = False) -> HttpResponse:
        return cast(HttpResponse, self.client.post(self.url(name), data or {}, headers=HTMX if htmx else {}))

    @property
    def draft(self) -> Draft:
        return Draft.objects.get(connection=self.connection, state=DraftState.OPEN)

    def begin(self) -> None:
        self.send("setup")

    def consent(self, **data: Any) -> HttpResponse:
        self.post("prerequisites")
        self.post("admin", {"who": "me"})
        kept = [name for name in optional_of(self.html("consent")) if name not in data.get("without", ())]
        return self.post("consent", {"version": self.draft.version, "use": kept})

    def connect(self) -> None:
        """Up to the rules, with everybody read."""
        self.begin()
        self.consent()
        answer = self.post("authenticate", CREDENTIALS[CARD])
        assert answer.status_code == 302, answer.content.decode()
        drain()

    def save_rules(self) -> None:
        """Filter and mapping as their pages show them."""
        self.post("filter", {"version": self.draft.version, "do": "save"})
        self.post("map", {**self.form("map", "map-form"), "do": "save"})

    def rule(self, field: str, op: str, *values: str) -> dict[str, Any]:
        return {
            "version": self.draft.version,
            "include-0-0-field": field,
            "include-0-0-op": op,
            "include-0-0-values": list(values),
            "do": "save",
        }

    def to_the_plan(self) -> None:
        self.connect()
        self.save_rules()
        self.post("plan")
        drain()

    def rehearse(self, file: str = PEOPLE) -> Wizard:
        """At the rules, with three people of a file."""
        self.begin()
        self.consent()
        upload = SimpleUploadedFile("people.csv", file.encode(), content_type="text/csv")
        assert self.send("setup_rehearse", {"file": upload}).status_code == 302
        return self


def html_values(html: str, name: str) -> list[str]:
    found = html.split(f'name="{name}" value="')[1:]
    return [part.split('"')[0] for part in found]


def optional_of(html: str) -> list[str]:
    """The fields that the page of consent lets one decline."""
    return html_values(html, "use")


def ticked_of(html: str) -> list[str]:
    """Those of them that are allowed as the page stands."""
    return re.findall(r'name="use" value="([^"]+)" id="[^"]+" checked', html)


def a_connection_to_set_up(company: Company) -> Connection:
    found = a_connection(company, state=ConnectionState.SETTING_UP, last_success_at=None)
    found.credentials.all().delete()
    return found
