"""A running request keeps the checklist it started with; a newer version of the card is offered as a difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from integrations.provider import ItemKind, Provider
from portal.accounts.models import User
from portal.audit.services import record
from requests_app.models import Answer, AnswerChange, AnswerState, Event, Item, Request
from requests_app.services.answers import EditRefused, lock, rise
from requests_app.services.filing import fields_of
from requests_app.services.given import holds_something, words_of

# What a person would notice; the other columns are taken over in silence.
_TOLD = {
    "label": "wording",
    "help": "help",
    "kind": "kind",
    "options": "choices",
    "required": "when it is required",
    "owner": "who answers",
}
# A line that the card no longer has: seen by nobody, asked of nobody. Its history stays.
_RETIRED: dict[str, Any] = {
    "required": {"always": False},
    "visible_to": [],
    "ticket": "none",
    "maps": "",
    "is_credential": False,
}


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """An item that both have. `what` are words such as "choices"; `asks_again`: its answer no longer fits."""

    key: str
    label: str
    new_label: str
    what: tuple[str, ...]
    asks_again: bool


@dataclass(frozen=True, slots=True)
class NamedItem:
    key: str
    label: str


@dataclass(frozen=True, slots=True)
class CardDiff:
    """From the request's checklist to the card's newest one."""

    version: int
    added: tuple[NamedItem, ...]
    removed: tuple[NamedItem, ...]
    changed: tuple[ChangedItem, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def diff_with_card(req: Request, card: Provider | None = None) -> CardDiff:
    """Two queries. `card` is the catalog's unless a test brings its own."""
    card = card or req.provider
    rows, new = _rows(req), {fields["key"]: fields for fields in fields_of(card)}
    added = (NamedItem(key, fields["label"]) for key, fields in new.items() if key not in rows)
    removed = (NamedItem(key, row.label) for key, row in rows.items() if key not in new)
    both = (_compared(rows[key], fields) for key, fields in new.items() if key in rows)
    return CardDiff(card.version, tuple(added), tuple(removed), tuple(each for each in both if each))


def adopt_card(req: Request, *, by: User, card: Provider | None = None) -> CardDiff:
    """Makes the checklist that of the card's newest version and returns what changed. Raises EditRefused.

    Answers stay, except those that the new kind or choices no longer allow: these are asked again, and what was
    given is kept in the history. Whoever does this has edited, and may not approve.
    """
    card = card or req.provider
    if not (by.is_active and by.is_desk_staff and Request.objects.for_actor(by).filter(pk=req.pk).exists()):
        raise EditRefused("You cannot change this request.")
    stage = Request.objects.get(pk=req.pk).current_stage
    if not stage.is_in_preparation:
        raise EditRefused(f"The request is {stage.label.lower()}, so its checklist stays as it is.")
    with transaction.atomic():
        fresh = lock(req, stage)
        diff = diff_with_card(fresh, card)
        if fresh.card_version == card.version and not diff:
            return diff
        rise(fresh, by)
        _take_over(fresh, card, by)
        Request.objects.filter(pk=fresh.pk).update(card_version=card.version)
        Event.objects.create(req=fresh, by=by, move="card", words=_words(diff, by))
        record(
            "request.card",
            by=by,
            company_id=fresh.company_id,
            subject=str(fresh),
            details={"from": fresh.card_version, "to": card.version},
        )
    req.refresh_from_db(fields=["card_version", "version", "updated_at"])
    return diff


def _rows(req: Request) -> dict[str, Item]:
    """The lines that are asked, by key."""
    items = Item.objects.filter(req=req).select_related("answer__evidence")
    return {item.key: item for item in items if item.visible_to}


def _compared(row: Item, fields: dict[str, Any]) -> ChangedItem | None:
    what = tuple(words for name, words in _TOLD.items() if getattr(row, name) != fields[name])
    if not what:
        return None
    return ChangedItem(row.key, row.label, fields["label"], what, not _fits(row.answer, fields))


def _fits(answer: Answer, fields: dict[str, Any]) -> bool:
    """Whether what was given is still an answer to the new question."""
    if not holds_something(answer):
        return True
    if answer.item.kind != fields["kind"]:
        return False
    values = {option["value"] for option in fields["options"]}
    return fields["kind"] != ItemKind.CHOICE or answer.value in values


def _take_over(req: Request, card: Provider, by: User) -> None:
    rows = {item.key: item for item in Item.objects.filter(req=req).select_related("answer__evidence")}
    new = fields_of(card)
    for fields in new:
        row = rows.pop(fields["key"], None)
        if row is None:
            Answer.objects.create(item=Item.objects.create(req=req, **fields))
            continue
        if row.answer.state == AnswerState.NOT_APPLICABLE or not _fits(row.answer, fields):
            _empty(row.answer, by, AnswerState.MISSING)
        _update(row, fields)
    for place, row in enumerate(rows.values(), start=len(new)):
        if row.visible_to:
            _empty(row.answer, by, AnswerState.NOT_APPLICABLE)
        _update(row, {**_RETIRED, "position": place})


def _update(row: Item, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))


def _empty(answer: Answer, by: User, state: AnswerState) -> None:
    """Nothing is given any more; the words of what was stay in the history, of a secret only that there was one."""
    if holds_something(answer):
        AnswerChange.objects.create(
            item=answer.item,
            by=by,
            before=words_of(answer),
            reason="The checklist has a new version, to which the answer does not fit.",
        )
    answer.value, answer.sealed, answer.hint, answer.evidence = None, None, "", None
    answer.state, answer.comment, answer.due_on = state, "", None
    answer.provided_by = answer.provided_at = answer.decided_by = answer.decided_at = None
    answer.save()


def _words(diff: CardDiff, by: User) -> str:
    counts = ((diff.added, "added"), (diff.removed, "removed"), (diff.changed, "changed"))
    told = ", ".join(f"{len(items)} {word}" for items, word in counts if items) or "nothing to answer anew"
    return f"{by} took over version {diff.version} of the checklist: {told}"
