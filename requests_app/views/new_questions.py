"""The desk's own questions on the page of a new request: those of the chosen checklist that nothing answers yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField

from integrations.conditions import from_data
from integrations.provider import ItemKind, Owner, Provider
from requests_app.forms import AnswerField
from requests_app.models import Answer, Item
from requests_app.queries import Line
from requests_app.services import kinds
from requests_app.services.filing import PREFILLED, fields_of

_NOT_HERE = (ItemKind.FILE, ItemKind.SECRET)
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Question:
    """One control. It is asked while the answer to `hangs_on` is `wanted`; newrequest.js hides it otherwise."""

    field: BoundField
    hangs_on: str
    wanted: str


class QuestionsForm(forms.Form):
    """A field per question, named by its item's key. Nothing is required: a draft may have gaps.

    Unbound, it shows what was typed so far without judging it.
    """

    use_required_attribute = False

    def __init__(self, card: Provider, typed: Mapping[str, Any], *, bound: bool) -> None:
        super().__init__(data=typed if bound else None)
        items = (Item(**fields) for fields in fields_of(card))
        self.asked: dict[str, Item] = {item.key: item for item in items if _is_asked(item)}
        for key, item in self.asked.items():
            self.fields[key] = AnswerField(Line(item, Answer(item=item), required=True), kind=card.kind)
            self.fields[key].initial = typed.get(key)

    def questions(self) -> Iterator[Question]:
        for key, item in self.asked.items():
            condition = item.required
            yield Question(self[key], condition.get("item", ""), str(condition.get("is", "")).lower())

    def answers(self) -> dict[str, Any]:
        """What was answered, as it was typed; not what hangs on an answer that was not given."""
        typed = {key: self[key].value() for key in self.asked}
        known = {
            key: _TRUTH.get(str(value)) if self.asked[key].kind == ItemKind.BOOL else value
            for key, value in typed.items()
        }
        given = {key: value for key, value in typed.items() if value not in (None, "", False)}
        return {key: value for key, value in given.items() if self._is_open(key, known)}

    def clean(self) -> dict[str, Any]:
        """The services decide when they keep it; here all that is wrong is said at once, before anything is made."""
        for key, value in self.answers().items():
            item = self.asked[key]
            try:
                kinds.parse(ItemKind(item.kind), value, kinds.Asked(tuple(item.options)))
            except kinds.InvalidAnswer as invalid:
                self.add_error(key, invalid.message)
        return self.cleaned_data

    def _is_open(self, key: str, known: Mapping[str, Any]) -> bool:
        required = self.asked[key].required
        return "always" in required or from_data(required).holds(known)


def _is_asked(item: Item) -> bool:
    """The CSM's, short enough for one form, and not known from the company's record."""
    return item.owner == Owner.CSM and item.kind not in _NOT_HERE and item.key not in PREFILLED
