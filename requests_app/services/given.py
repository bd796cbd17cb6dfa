"""What is about to become an answer: parsed by its kind, compared with what is there, and said in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.files.base import File

from integrations.provider import ItemKind, Kind
from portal.accounts.models import User
from portal.kit import clock
from portal.kit.vault import SecretUnreadable
from requests_app.models import Answer, AnswerState, Evidence, Item, Request
from requests_app.services.evidence import store_evidence
from requests_app.services.kinds import Asked, InvalidAnswer, parse, region_of
from requests_app.services.secrets import opened

_LONGEST_WORDS = 500


@dataclass(frozen=True, slots=True)
class Given:
    """What is about to be kept: one of the three, or nothing."""

    value: Any = None
    secret: str = ""
    evidence: Evidence | None = None

    def __repr__(self) -> str:
        return f"Given(is_empty={self.is_empty})"

    @property
    def is_empty(self) -> bool:
        return self.value is None and not self.secret and self.evidence is None


def parsed(req: Request, item: Item, raw: Any, by: User) -> Given:
    """`raw` as this item keeps it; None or "" is nothing. Raises InvalidAnswer."""
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return Given()
    kind = ItemKind(item.kind)
    if kind == ItemKind.FILE:
        return Given(evidence=_evidence(req, raw, by))
    # HR systems do hand out secrets in the form of a GUID; identity providers use it for the secret's ID.
    confusable = req.kind == Kind.SSO and item.key.endswith("client_secret")
    asked = Asked(tuple(item.options), _region(req, kind), item.multiline, confusable)
    value = parse(kind, raw, asked)
    if kind == ItemKind.SECRET:
        return Given(secret=value)
    if kind == ItemKind.ATTEST:
        return Given(
            value={"by": str(by), "at": clock.now().isoformat(timespec="seconds")} if value else None
        )
    return Given(value=None if value == "" else value)


def is_same(answer: Answer, given: Given) -> bool:
    """Whether giving this would change nothing."""
    if given.is_empty:
        # A form that is sent with its field empty takes back neither a promise nor a waiver.
        kept = answer.state in (AnswerState.POSTPONED, AnswerState.WAIVED)
        return kept or (answer.state != AnswerState.CHANGE_REQUESTED and not holds_something(answer))
    if answer.state in (AnswerState.CHANGE_REQUESTED, AnswerState.WAIVED):
        return False  # the same again is an answer to what was asked
    if given.secret:
        try:
            return opened(answer) == given.secret
        except SecretUnreadable:
            return False
    if given.evidence:
        return answer.evidence_id == given.evidence.pk
    if answer.item.kind == ItemKind.ATTEST:
        return answer.value is not None  # whoever confirmed first has confirmed
    return bool(answer.value == given.value and type(answer.value) is type(given.value))


def holds_something(answer: Answer) -> bool:
    return answer.value is not None or bool(answer.sealed) or answer.evidence_id is not None


def words_of(answer: Answer, *, new: bool = False) -> str:
    """The history's line. A secret is never a part of it."""
    if answer.sealed:
        return "a new value" if new else "a value"
    if answer.evidence is not None:
        return answer.evidence.name
    if answer.value is None:
        return ""
    if isinstance(answer.value, bool):
        return "Yes" if answer.value else "No"
    if isinstance(answer.value, dict):
        return f"confirmed by {answer.value['by']}"
    labels = {option["value"]: option["label"] for option in answer.item.options}
    text = labels.get(answer.value, str(answer.value))
    return text if len(text) <= _LONGEST_WORDS else f"{text[: _LONGEST_WORDS - 1]}…"


def _evidence(req: Request, raw: Any, by: User) -> Evidence:
    if isinstance(raw, Evidence):
        if raw.req_id != req.pk:
            raise InvalidAnswer("This file belongs to another request. Upload it here.")
        return raw
    if not isinstance(raw, File):
        raise InvalidAnswer("Choose a file.")
    return store_evidence(req, raw, by=by)


def _region(req: Request, kind: ItemKind) -> str | None:
    """The country of a bare phone number: that of the IT contact's time zone."""
    if kind != ItemKind.PHONE:
        return None
    zones = Answer.objects.filter(item__req=req, item__kind=ItemKind.TIMEZONE).exclude(value=None)
    return region_of(zones.values_list("value", flat=True).first())
