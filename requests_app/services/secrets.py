"""Answers that are secrets: sealed when given, opened only for the connection and for the ticket's scan."""

from __future__ import annotations

from integrations.provider import ItemKind
from integrations.services.credentials import Given
from portal.kit.keys import vault
from portal.kit.vault import hint
from requests_app.models import Answer, AnswerState, Request


def seal(answer: Answer, plaintext: str) -> None:
    """Puts the secret into the answer, bound to its place. Does not save."""
    answer.sealed = vault().encrypt(plaintext, answer.place())
    answer.hint = hint(plaintext)
    answer.value = None


def opened(answer: Answer) -> str:
    """The secret, or "" where none is held. Raises SecretUnreadable."""
    return vault().decrypt(bytes(answer.sealed), answer.place()) if answer.sealed else ""


def secrets_of(req: Request) -> tuple[str, ...]:
    """Every secret that the request holds, to make sure that none of them leaves."""
    held = Answer.objects.filter(item__req=req, item__kind=ItemKind.SECRET).exclude(sealed=None)
    return tuple(opened(answer) for answer in held.select_related("item__req"))


def credential_settings(req: Request) -> dict[str, str]:
    """The answers that the connection needs, secrets opened. For `activate_connection` only; never stored."""
    answers = Answer.objects.filter(item__req=req, item__is_credential=True).exclude(state=AnswerState.WAIVED)
    found = {
        answer.item.key: opened(answer) if answer.item.kind == ItemKind.SECRET else answer.value
        for answer in answers.select_related("item__req")
    }
    return {key: str(value) for key, value in found.items() if value not in (None, "")}


def credential_givers(req: Request) -> dict[str, Given]:
    """Who entered what the connection needs, and when: the connection's page tells it."""
    answers = Answer.objects.filter(item__req=req, item__is_credential=True).select_related(
        "item", "provided_by"
    )
    return {
        answer.item.key: Given(answer.provided_by, answer.provided_at)
        for answer in answers
        if answer.provided_by and answer.provided_at
    }
