"""Fields of a customer's own making: where a vendor keeps them, and how they become "custom.<label>" of a person.

They are cut down where the vendor's answer comes in: text only, at most 50, and none that sounds sensitive. What
is kept of a record stands under OWN, so that digests, previews and readers see the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from integrations.people import CUSTOM
from integrations.provider import Unreadable
from integrations.sources.asking import Answer, Ask, dig, naming
from integrations.sources.blocking import is_sensitive, label_of
from integrations.sources.fields import MAX_TEXT, text
from portal.kit.errors import NeedsPerson, RetryLater

OWN: Final = "_own"  # the key under which a record has them
MOST: Final = 50
_LONGEST_LABEL: Final = 80

Known = Mapping[str, str]  # the vendor's key -> "custom.<label>"


class Custom(Protocol):
    """Where a vendor keeps the fields that its customers made."""

    def learn(self, answer: Callable[[Ask], Answer]) -> Known:
        """Which there are, before the first page is asked for; {} where each record tells it itself."""

    def into(self, ask: Ask, known: Known) -> Ask:
        """The question for people, with these fields."""

    def take(self, record: dict[str, Any], known: Known) -> None:
        """Moves what may be kept to OWN; the rest of them leaves the record."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The vendor lists its fields at `ask`: each entry has a `key` and a `label`; `only` matches keys of customers.

    `adds` is what of the question names fields, as in `naming`. In a record they are in the object at `place`, or in
    the record itself where it has none, and below that at `inner`. `also` are more keys of an entry
    that tell what the field is. A key is put into `template`: some vendors list numbers and send "field_7".
    Where there is no such list (404) there are no such fields.
    """

    ask: Ask
    at: str
    only: str
    adds: str
    key: str = "key"
    label: str = "label"
    also: tuple[str, ...] = ()
    place: str = ""
    inner: str = ""
    template: str = "{}"

    def learn(self, answer: Callable[[Ask], Answer]) -> Known:
        """Raises RetryLater for an answer of another shape, and what `answer` raises."""
        try:
            listed = dig(answer(self.ask).data, self.at)
        except NeedsPerson as error:
            if error.code == "not_found":
                return {}
            raise
        except LookupError:
            listed = None
        if not isinstance(listed, list):
            raise RetryLater("The list of custom fields came in another form than promised.")
        return _named(self._ours(entry for entry in listed if isinstance(entry, dict)))

    def _ours(self, entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        for entry in entries:
            key = self.template.format(entry.get(self.key))
            told = (str(entry.get(name) or "") for name in self.also)
            if _fits(key, self.only) and not any(map(is_sensitive, told)):
                yield key, str(entry.get(self.label) or key)

    def into(self, ask: Ask, known: Known) -> Ask:
        return naming(ask, self.adds, known) if known else ask

    def take(self, record: dict[str, Any], known: Known) -> None:
        place = record.get(self.place)
        if place.__class__ is not dict:
            place = record
        # A vendor that sends more than it was asked for: only their list told what these are.
        for key in [key for key in place if key not in known and _fits(key, self.only)]:
            del place[key]
        found = {}
        for key, field in known.items():
            value = place.pop(key, None)
            if self.inner and value.__class__ is dict:
                value = value.get(self.inner)
            if said := _said(value):
                found[field] = said
        if found:
            record[OWN] = found


@dataclass(frozen=True, slots=True)
class Grouped:
    """Each record has an object at `place` whose lists hold entries that name themselves (hris-apis.md 1.1)."""

    place: str
    name: str = "nameCode"

    def learn(self, answer: Callable[[Ask], Answer]) -> Known:
        return {}

    def into(self, ask: Ask, known: Known) -> Ask:
        return ask

    def take(self, record: dict[str, Any], known: Known) -> None:
        group = record.pop(self.place, None)
        if group.__class__ is not dict:
            return
        entries = {
            label_of(entry.get(self.name)): entry
            for part in group.values()
            if part.__class__ is list
            for entry in part
            if entry.__class__ is dict
        }
        known = _own_names(tuple(entries))
        found = {field: said for label, field in known.items() if (said := _said(_value(entries[label])))}
        if found:
            record[OWN] = found


@lru_cache(maxsize=20_000)
def _fits(key: str, only: str) -> bool:
    return re.fullmatch(only, key) is not None


@lru_cache(maxsize=1_000)
def _own_names(labels: tuple[str, ...]) -> Known:
    return _named((label, label) for label in labels if label)


def _value(entry: Mapping[str, Any]) -> Any:
    """The name of a code, else the first key that is called a value."""
    named = entry.get("shortName") or entry.get("longName")
    return named or next((value for key, value in entry.items() if key.endswith("Value")), None)


def _named(pairs: Iterable[tuple[str, str]]) -> Known:
    """At most MOST of them, each under a name of its own."""
    known: dict[str, str] = {}
    taken: set[str] = set()
    for key, label in _harmless(pairs):
        name = CUSTOM + (label if CUSTOM + label not in taken else f"{label} ({key})")
        taken.add(name)
        known[key] = name
        if len(known) == MOST:
            break
    return known


def _harmless(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for key, label in pairs:
        clean = " ".join(label.split())[:_LONGEST_LABEL].strip()
        if clean and not is_sensitive(label) and not is_sensitive(key):
            yield key, clean


def _said(value: Any) -> str:
    """A value as text, lists of texts joined; "" for what is none. One odd value does not spoil a person."""
    if value.__class__ is bool:
        return "yes" if value else "no"
    if value.__class__ is float:
        return f"{value:g}"
    if value.__class__ is list:
        value = ", ".join(part for part in value if part.__class__ is str)
    try:
        return text(value[:MAX_TEXT] if value.__class__ is str else value, OWN) or ""
    except Unreadable:
        return ""
