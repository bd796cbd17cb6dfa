"""How one field of a person is found in a vendor's record. Cards compose these; they compile to closures.

A reader gives text, or None where the vendor sent nothing. What has another shape than the card says raises
Unreadable: a record that changed its shape is a problem that a person sees, never an empty field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date as calendar_date
from functools import lru_cache
from typing import Any, Protocol

from integrations.people import Status
from integrations.provider import Unreadable

Get = Callable[[Any], Any]
Read = Callable[[Any], str | None]
Clean = Callable[[Any, str], str | None]

MAX_TEXT = 1_000  # characters; nothing in the directory is longer
_MOST_KEY = 255


class Field(Protocol):
    """Anything that can be compiled to a reader of the field `name`."""

    def compile(self, name: str) -> Read: ...

    def below(self) -> tuple[str, Field]:
        """The choice from a list that it begins with ("jobs[0]"), "" if none, and the field below that."""


def text(value: Any, name: str) -> str | None:
    """Text or a whole number: NFC, no control characters, trimmed; "" is None. Raises Unreadable."""
    if value.__class__ is str:
        found: str = value.strip() if value.isascii() and value.isprintable() else _plain(value)
        if len(found) <= MAX_TEXT:
            return found or None
        raise Unreadable("too_long", name, shape(found))
    if value is None:
        return None
    if value.__class__ is int:
        return str(value)
    raise Unreadable("wrong_type", name, shape(value))


def email(value: Any, name: str) -> str | None:
    """Lower case. Whether it is an address is judged where it is used; many fields are not."""
    found = text(value, name)
    return found.lower() if found else None


def date(value: Any, name: str) -> str | None:
    """YYYY-MM-DD of a date or an instant; "" and 0000-00-00 are None. Raises Unreadable."""
    if value.__class__ is str and _is_date(value):
        return str(value)
    found = text(value, name)
    if found is None or found.startswith("0000-00-00"):
        return None
    if not _is_date(found[:10]) or found[10:11] not in ("", "T", " "):
        raise Unreadable("bad_date", name, shape(value))
    return found[:10]


def key(value: Any, name: str) -> str | None:
    """An identifier: text or a whole number of at most 255 characters. Raises Unreadable."""
    found = text(value, name)
    if found and len(found) > _MOST_KEY:
        raise Unreadable("too_long", name, shape(value))
    return found


# What takes plain text as it is, trimmed: up to so many characters.
_MOST: Mapping[Clean, int] = {text: MAX_TEXT, key: _MOST_KEY}


@dataclass(frozen=True, slots=True)
class At:
    """The value at a path such as "work.email", "jobs[0].title" or "jobs[primary].title".

    [0] is the entry of that number, [word] the first entry whose `word` is true.
    """

    path: str
    clean: Clean = text

    def compile(self, name: str) -> Read:
        get, clean, most = getter(self.path, name), self.clean, _MOST.get(self.clean, 0)

        def read(record: Any) -> str | None:
            found = get(record)
            # What nearly every value is, without a call for each: `clean` would say the same.
            if found.__class__ is str and len(found) <= most and found.isascii() and found.isprintable():
                return found.strip() or None
            return clean(found, name)

        return read if most else lambda record: clean(get(record), name)

    def below(self) -> tuple[str, Field]:
        head, rest = split(self.path)
        return head, replace(self, path=rest)


@dataclass(frozen=True, slots=True)
class First:
    """The first of several fields that is not empty."""

    fields: tuple[Field, ...]

    def __init__(self, *fields: Field) -> None:
        object.__setattr__(self, "fields", fields)

    def compile(self, name: str) -> Read:
        reads = tuple(field.compile(name) for field in self.fields)

        def read(record: Any) -> str | None:
            for one in reads:
                if (found := one(record)) is not None:
                    return found
            return None

        return read

    def below(self) -> tuple[str, Field]:
        return "", self


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a code object, which carries one of several keys or only its code (hris-apis.md 1.1)."""

    path: str
    keys: tuple[str, ...] = ("shortName", "longName", "codeValue")

    def compile(self, name: str) -> Read:
        get, keys = getter(self.path, name), self.keys

        def read(record: Any) -> str | None:
            found = get(record)
            if found is None:
                return None
            if found.__class__ is not dict:
                raise Unreadable("wrong_type", name, shape(found))
            for one in keys:
                if (label := text(found.get(one), name)) is not None:
                    return label
            return None

        return read

    def below(self) -> tuple[str, Field]:
        head, rest = split(self.path)
        return head, replace(self, path=rest)


@dataclass(frozen=True, slots=True)
class Where:
    """`then`, read in the first entry of the list at `path` whose `at` equals `value`."""

    path: str
    at: str
    value: str
    then: Field

    def compile(self, name: str) -> Read:
        entries, at, value = getter(self.path, name), getter(self.at, name), self.value
        then = self.then.compile(name)

        def read(record: Any) -> str | None:
            found = entries(record)
            if found is None:
                return None
            if found.__class__ is not list:
                raise Unreadable("wrong_type", name, shape(found))
            for entry in found:
                if at(entry) == value:
                    return then(entry)
            return None

        return read

    def below(self) -> tuple[str, Field]:
        head, rest = split(self.path)
        return head, replace(self, path=rest)


@dataclass(frozen=True, slots=True)
class Labelled:
    """An attribute sent as {"label": …, "value": …}; `inner` names an attribute of a related object in it.

    The inner value is plain for some relations and labelled again for others (hris-apis.md 1.3).
    """

    name: str
    inner: str = ""
    clean: Clean = text

    def compile(self, name: str) -> Read:
        outer, clean = getter(f"attributes.{self.name}.value", name), self.clean
        if not self.inner:
            return lambda record: clean(outer(record), name)
        inside = getter(f"attributes.{self.inner}", name)

        def read(record: Any) -> str | None:
            found = outer(record)
            if found is None:
                return None
            value = inside(found)
            return clean(value.get("value") if value.__class__ is dict else value, name)

        return read

    def below(self) -> tuple[str, Field]:
        return "", self


@dataclass(frozen=True)
class Words:
    """The vendor's words for a status. One that is not listed raises Unreadable("unknown_status").

    `detail` is asked only about people whom this field calls active, and only counts where it is filled.
    """

    field: Field
    words: Mapping[str, Status]
    detail: Words | None = None

    def compile(self) -> Callable[[Any], Status]:
        word_of, status_of = self.field.compile("status"), self._known()
        if self.detail is None:
            return lambda record: status_of(word_of(record))
        detail_of, refined = self.detail.field.compile("status"), self.detail._known()

        def status(record: Any) -> Status:
            found = status_of(word_of(record))
            if found is not Status.ACTIVE or (detail := detail_of(record)) is None:
                return found
            return refined(detail)

        return status

    def _known(self) -> Callable[[str | None], Status]:
        exact = dict(self.words)
        folded = {word.casefold(): status for word, status in self.words.items()}

        def known(word: str | None) -> Status:
            found = exact.get(word or "") or folded.get((word or "").casefold())
            if found is None:
                raise Unreadable("unknown_status", "status", shape(word))
            return found

        return known


def compile_all(fields: Mapping[str, Field]) -> Callable[[Any], dict[str, str]]:
    """One reader of all fields, absent ones left out. Fields below the same choice share its finding."""
    groups: dict[str, list[tuple[str, Read]]] = {}
    for name, field in fields.items():
        head, below = field.below()
        groups.setdefault(head, []).append((name, below.compile(name)))
    plain = tuple(groups.pop("", ()))
    nested = tuple((getter(head, reads[0][0]), tuple(reads)) for head, reads in groups.items())

    def read_all(record: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, read in plain:
            if (value := read(record)) is not None:
                found[name] = value
        for get, reads in nested:
            if (part := get(record)) is None:
                continue
            for name, read in reads:
                if (value := read(part)) is not None:
                    found[name] = value
        return found

    return read_all


def getter(path: str, name: str) -> Get:
    """The raw value at `path`, None where a step is absent. Raises Unreadable for a step of another shape."""
    head, rest = split(path)
    if not head:
        return _members(tuple(rest.split(".")) if rest else (), name)
    word, _, which = head.removesuffix("]").partition("[")
    before, chosen = _members(tuple(word.split(".")), name), _chosen(which, name)
    if not rest:
        return lambda record: chosen(before(record))
    after = getter(rest, name)
    return lambda record: after(chosen(before(record)))


def split(path: str) -> tuple[str, str]:
    """A path as its part up to the first choice from a list, and the rest: "jobs[0]" and "title"."""
    end = path.find("]") + 1
    return path[:end], path[end:].removeprefix(".")


def _members(words: tuple[str, ...], name: str) -> Get:
    """Steps through objects. Paths of up to three steps, which are nearly all, are written out for speed."""

    def slow(value: Any) -> Any:
        for word in words:
            if value is None:
                return None
            if value.__class__ is not dict:
                raise Unreadable("wrong_type", name, shape(value))
            value = value.get(word)
        return value

    def one(value: Any) -> Any:
        return value.get(first) if value.__class__ is dict else slow(value)

    def two(value: Any) -> Any:
        if value.__class__ is dict:
            inner = value.get(first)
            if inner.__class__ is dict:
                return inner.get(second)
            if inner is None:
                return None
        return slow(value)

    def three(value: Any) -> Any:
        if value.__class__ is dict:
            inner = value.get(first)
            if inner.__class__ is dict:
                inmost = inner.get(second)
                if inmost.__class__ is dict:
                    return inmost.get(third)
                if inmost is None:
                    return None
            elif inner is None:
                return None
        return slow(value)

    if not words or len(words) > 3:
        return slow
    first, second, third = words[0], words[min(1, len(words) - 1)], words[-1]
    return (one, two, three)[len(words) - 1]


def _chosen(which: str, name: str) -> Get:
    number = int(which) if which.isdigit() else None

    def chosen(value: Any) -> Any:
        if value.__class__ is not list:
            if value is None:
                return None
            raise Unreadable("wrong_type", name, shape(value))
        if number is not None:
            return value[number] if number < len(value) else None
        for entry in value:
            if entry.__class__ is dict and entry.get(which) is True:
                return entry
        return None

    return chosen


def _plain(value: str) -> str:
    """Line breaks and tabs become spaces, other controls and broken surrogates go."""
    spaced = " ".join(unicodedata.normalize("NFC", value).split())
    return "".join(letter for letter in spaced if unicodedata.category(letter) not in ("Cc", "Cs", "Cn"))


@lru_cache(maxsize=20_000)
def _is_date(value: str) -> bool:
    """Remembered, for many people share a day."""
    try:
        return len(value) == 10 and value[4] == value[7] == "-" and bool(calendar_date.fromisoformat(value))
    except ValueError:
        return False


_SHAPES = {
    bool: "yes or no",
    int: "number",
    float: "number",
    list: "list",
    dict: "object",
    type(None): "nothing",
}


def shape(value: Any) -> str:
    """What a value looks like without telling it: letters become a, digits 9."""
    if not isinstance(value, str):
        return _SHAPES.get(type(value), "other")
    cut = value[:40]
    return "text " + re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", cut)) + ("…" if len(value) > 40 else "")
