"""The ticket of a request: the procedure's words with the answers in them, and never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import phonenumbers
from django.conf import settings

from integrations.provider import InTicket, ItemKind, Kind, Topic
from portal.kit.errors import NeedsPerson
from portal.kit.text import render_text
from portal.kit.vault import SecretUnreadable
from requests_app.clients.ticket import Attachment, Ticket, blocks_of
from requests_app.models import Answer, AnswerState, Item, Request
from requests_app.queries import SETTLED, Line, lines_of, request_url
from requests_app.services.secrets import secrets_of

_LONGEST_TITLE = 255
_TITLES = {
    ("corrected", Kind.SSO): "Enable SSO {provider} Integration for {company}",
    ("corrected", Kind.HRIS): "Enable HRIS {provider} Integration for {company}",
    ("sop_literal", Kind.SSO): "Enable SSO {provider} Integration for {company}",
    ("sop_literal", Kind.HRIS): "Enable HRIS{provider} Integration for {company}",
}
_PATTERNS = (
    re.compile(r"-----BEGIN [A-Z0-9 ]+-----"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
)


class Said:
    """One line of the ticket. Printing it marks it, so that `others` holds what the template did not name."""

    def __init__(self, line: Line, link: str) -> None:
        self.label = line.item.label
        self.topic = line.item.topic
        self.was_said = False
        self._line, self._link = line, link

    def __bool__(self) -> bool:
        """Whether the line belongs into the ticket: false where its condition does not hold."""
        return self._line.applies and self._line.answer.state != AnswerState.NOT_APPLICABLE

    def __str__(self) -> str:
        self.was_said = True
        answer = self._line.answer
        if answer.state == AnswerState.WAIVED:
            return f"Waived by {answer.decided_by}: {answer.comment}"
        if answer.state not in SETTLED:
            return "Missing" if self._line.required else "Not provided"
        if self._line.item.kind == ItemKind.SECRET or self._line.item.ticket == InTicket.LINK:
            return f"held in Integration Desk – {self._link}"
        return _words(self._line.item, answer)


def render_ticket(req: Request) -> Ticket:
    """Exactly what Jira gets, now or as a preview. Raises NeedsPerson when it would carry a secret."""
    link = request_url(req)
    lines = {line.item.key: line for line in lines_of(req) if line.item.ticket != InTicket.NONE}
    said = {key: Said(line, link) for key, line in lines.items()}
    text = render_text(
        Path(settings.BASE_DIR) / "templates" / "tickets",
        [f"providers/{req.provider_slug}.txt", f"{Kind(req.kind).value}.txt"],
        {
            **_nested(said),
            "provider": req.provider.name_in_ticket,
            "consent": _consent(said),
            "details": _details(said),
            "others": _others(said),
            "number": str(req),
            "link": link,
        },
    )
    ticket = Ticket(_title(req, lines), blocks_of(text, links=[link]), attachments_of(req))
    names = " ".join(attachment.name for attachment in ticket.attachments)
    refuse_secrets(req, f"{ticket.title} {ticket.body} {names}")
    return ticket


def attachments_of(req: Request) -> tuple[Attachment, ...]:
    """The files that go with the ticket."""
    with_file = (line for line in lines_of(req) if line.item.ticket == InTicket.ATTACHMENT)
    return tuple(
        Attachment(str(line.answer.evidence.public_id), line.answer.evidence.name)
        for line in with_file
        if line.applies and line.answer.evidence is not None and line.answer.state != AnswerState.WAIVED
    )


def _title(req: Request, lines: dict[str, Line]) -> str:
    given = lines.get("company.name")
    company = " ".join(str((given and given.answer.value) or req.company.name).split())
    style = getattr(settings, "TICKET_TITLE_STYLE", "corrected")
    pattern = _TITLES[style, Kind(req.kind)]
    provider = req.provider.name_in_ticket
    room = _LONGEST_TITLE - len(pattern.format(provider=provider, company=""))
    if len(company) > room:
        company = f"{company[: room - 1].rstrip()}…"
    return pattern.format(provider=provider, company=company)


def _nested(said: dict[str, Said]) -> dict[str, Any]:
    """ "sso.poc_name" is {{ sso.poc_name }}."""
    nested: dict[str, Any] = {}
    for key, line in said.items():
        group, _, name = key.rpartition(".")
        (nested.setdefault(group, {}) if group else nested)[name] = line
    return nested


def _consent(said: dict[str, Said]) -> str:
    """Two confirmations on the procedure's one line; said once when they are the same."""
    pair = {"connector": said.get("hris.connector_ok"), "consent": said.get("hris.consent_ok")}
    words = {name: str(line) for name, line in pair.items() if line}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return "; ".join(f"{name}: {text}" for name, text in words.items()) or "Not provided"


def _details(said: dict[str, Said]) -> Iterator[Said]:
    return (line for line in said.values() if line and line.topic == Topic.DETAILS)


def _others(said: dict[str, Said]) -> Iterator[Said]:
    """Lazy: looked at when the template comes to it, after everything that it names."""
    return (line for line in said.values() if line and not line.was_said)


def _words(item: Item, answer: Answer) -> str:
    value = answer.value
    if answer.evidence is not None:
        return f"attached ({answer.evidence.name})"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dict):
        on = datetime.fromisoformat(value["at"])
        return f"Yes, confirmed by {value['by']} on {on.day} {on:%B %Y}"
    if item.kind == ItemKind.MONEY:
        amount, _, currency = str(value).partition(" ")
        return f"{currency} {Decimal(amount):,.2f}"
    if item.kind == ItemKind.PHONE:
        return _readable_phone(str(value))
    if item.kind == ItemKind.CHOICE:
        return next((option["label"] for option in item.options if option["value"] == value), str(value))
    # Further lines are set in, so that no answer can look like a line of ours.
    return str(value).replace("\n", "\n  ")


def _readable_phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return value
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def refuse_secrets(req: Request, text: str) -> None:
    """The last gate: whoever typed a secret into an ordinary text must take it out again (T19). Raises NeedsPerson."""
    text = " ".join(text.split())
    try:
        held = [" ".join(secret.split()) for secret in secrets_of(req)]
    except SecretUnreadable:
        raise NeedsPerson(
            "A stored secret can no longer be read. The customer must enter it again.",
            code="secret_unreadable",
        ) from None
    if any(secret in text for secret in held if secret):
        raise NeedsPerson(
            "The ticket would show a secret: one of the answers repeats it. Take it out of that answer.",
            code="secret_in_ticket",
        )
    if any(pattern.search(text) for pattern in _PATTERNS):
        raise NeedsPerson(
            "The ticket would show a token or a key. Take it out of the answer that holds it.",
            code="secret_in_ticket",
        )
