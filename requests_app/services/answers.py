"""Giving an answer: who may, whether it is valid, what is kept of it, and its line in the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.files.base import File
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from integrations.provider import Audience, ItemKind, Kind, Owner
from portal.accounts.models import Role, User
from portal.kit import clock
from portal.kit.vault import SecretUnreadable
from requests_app.lifecycle import Stage
from requests_app.models import Answer, AnswerChange, AnswerState, Evidence, Item, Request
from requests_app.services.evidence import store_evidence
from requests_app.services.kinds import Asked, InvalidAnswer, parse, region_of
from requests_app.services.secrets import opened, seal

__all__ = ["EditRefused", "InvalidAnswer", "give_answer", "may_give"]

_EDITABLE = [stage for stage in Stage if stage.can_be_edited]
_STAFF = {Role.CSM: Audience.CSM, Role.TL: Audience.TL}


class EditRefused(Exception):
    """This person, or nobody, may change this answer now. The sentence is for the page."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What is about to be kept. `words` is its line in the history."""

    value: Any = None
    secret: str = ""
    evidence: Evidence | None = None

    @property
    def is_empty(self) -> bool:
        return self.value is None and not self.secret and self.evidence is None


def may_give(item: Item, by: User, stage: Stage) -> bool:
    """Whether this person may answer this item now.

    A customer admin: the customer's items, while the request is with them. CSM and TL: everything but
    secrets, which only the customer enters. Nobody else, and nothing after submission.
    """
    if not stage.can_be_edited or not by.is_active:
        return False
    if by.role == Role.CUSTOMER_ADMIN:
        mine = item.owner == Owner.CUSTOMER and item.is_visible_to(Audience.CUSTOMER)
        return mine and stage == Stage.WAITING_ON_CUSTOMER
    audience = _STAFF.get(Role(by.role))
    return audience is not None and item.is_visible_to(audience) and item.kind != ItemKind.SECRET


def give_answer(req: Request, item: Item, raw: Any, *, by: User) -> Answer:
    """Keeps what was given; None or "" makes the answer missing again. The same value changes nothing.

    `raw` is text for most kinds, an Evidence or an upload for files. Raises InvalidAnswer and EditRefused.
    """
    if item.req_id != req.pk or not Request.objects.for_actor(by).filter(pk=req.pk).exists():
        raise EditRefused("You cannot change this request.")
    stage = Stage(Request.objects.values_list("stage", flat=True).get(pk=req.pk))
    if not may_give(item, by, stage):
        raise EditRefused(_refusal(item, stage))
    given = _parsed(req, item, raw, by)
    with transaction.atomic():
        answer = Answer.objects.select_for_update().select_related("item__req").get(item=item)
        if _same(answer, given):
            return answer
        _rise(req)
        before = _words(answer)
        _keep(answer, given, by)
        AnswerChange.objects.create(
            item=item,
            by=by,
            before=before,
            after=_words(answer, new=True),
            on_behalf=by.is_desk_staff and item.owner == Owner.CUSTOMER,
        )
    req.refresh_from_db(fields=["stage", "version", "updated_at"])
    return answer


def _refusal(item: Item, stage: Stage) -> str:
    if not stage.can_be_edited:
        return f"This request is {stage.label.lower()}, so its answers can no longer be changed."
    if item.kind == ItemKind.SECRET:
        return "Only the customer enters secrets. Send them the link."
    return "You cannot change this answer now."


def _parsed(req: Request, item: Item, raw: Any, by: User) -> _Given:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return _Given()
    kind = ItemKind(item.kind)
    if kind == ItemKind.FILE:
        return _Given(evidence=_evidence(req, raw, by))
    # HR systems do hand out secrets in the form of a GUID; identity providers use it for the secret's ID.
    confusable = req.kind == Kind.SSO and item.key.endswith("client_secret")
    asked = Asked(tuple(item.options), _region(req, kind), item.multiline, confusable)
    value = parse(kind, raw, asked)
    if kind == ItemKind.SECRET:
        return _Given(secret=value)
    if kind == ItemKind.ATTEST:
        return _Given(
            value={"by": str(by), "at": clock.now().isoformat(timespec="seconds")} if value else None
        )
    return _Given(value=None if value == "" else value)


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


def _same(answer: Answer, given: _Given) -> bool:
    if answer.state == AnswerState.CHANGE_REQUESTED:
        return False  # the same again is an answer to what was asked
    if given.is_empty:
        return answer.value is None and not answer.sealed and answer.evidence_id is None
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


def _rise(req: Request) -> None:
    """A new version, only while edits are allowed: a submission at the same moment wins or loses."""
    rows = Request.objects.filter(pk=req.pk, stage__in=_EDITABLE).order_by()
    if not rows.update(version=F("version") + 1, updated_at=Now()):
        raise EditRefused("The request was submitted or ended a moment ago, so nothing was changed.")


def _keep(answer: Answer, given: _Given, by: User) -> None:
    answer.value, answer.sealed, answer.hint, answer.evidence = given.value, None, "", given.evidence
    if given.secret:
        seal(answer, given.secret)
    answer.state = AnswerState.MISSING if given.is_empty else AnswerState.PROVIDED
    answer.comment = ""
    answer.provided_by, answer.provided_at = (None, None) if given.is_empty else (by, clock.now())
    answer.save()


def _words(answer: Answer, *, new: bool = False) -> str:
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
    return text if len(text) <= 500 else f"{text[:499]}…"
