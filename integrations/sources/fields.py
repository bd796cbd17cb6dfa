"""How one field of a person is found in a vendor's record. Cards compose these; `written` makes functions of them.

A reader gives text, or None where the vendor sent nothing. What has another shape than the card says raises
Unreadable: a record that changed its shape is a problem that a person sees, never an empty field.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date as calendar_date
from functools import lru_cache
from typing import Any, Protocol

from integrations.people import Status
from integrations.provider import Unreadable
from integrations.sources.shapes import shape
from integrations.sources.written import Writer

Read = Callable[[Any], str | None]
Clean = Callable[[Any, str], str | None]

MAX_TEXT = 1_000  # characters; nothing in the directory is longer
_MOST_KEY = 255


class Field(Protocol):
    """Anything that can be read from a record."""

    def write(self, writer: Writer, name: str) -> str:
        """Writes how the field `name` is found. Returns a new variable that holds its text or None."""


def text(value: Any, name: str) -> str | None:
    """Text or a whole number: NFC, no control characters, blanks folded, trimmed; "" is None. Raises Unreadable."""
    if value.__class__ is str:
        is_plain = value.isascii() and value.isprintable() and "  " not in value
        found: str = value.strip() if is_plain else _plain(value)
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


# What nearly every value is needs no call: the longest plain text that is taken as it is, and what is done to it.
_TAKEN: Mapping[Clean, tuple[int, str]] = {
    text: (MAX_TEXT, "strip()"),
    key: (_MOST_KEY, "strip()"),
    email: (MAX_TEXT, "strip().lower()"),
}


def _write_clean(writer: Writer, found: str, clean: Clean, name: str) -> str:
    """As clean(found, name) says."""
    otherwise = f"None if {found} is None else {writer.known(clean)}({found}, {name!r})"
    if clean not in _TAKEN:
        return writer.variable(otherwise)
    most, taken = _TAKEN[clean]
    is_plain = (
        f"{found}.__class__ is str and len({found}) <= {most} and {found}.isascii() and {found}.isprintable() "
        f"and '  ' not in {found}"
    )
    return writer.variable(f"{found}.{taken} or None if {is_plain} else {otherwise}")


@dataclass(frozen=True, slots=True)
class At:
    """The value at a path such as "work.email", "jobs[0].title" or "jobs[primary].title".

    [0] is the entry of that number, [word] the first entry whose `word` is true.
    """

    path: str
    clean: Clean = text

    def write(self, writer: Writer, name: str) -> str:
        return _write_clean(writer, writer.fetch(self.path, name), self.clean, name)


@dataclass(frozen=True, slots=True)
class First:
    """The first of several fields that is not empty."""

    fields: tuple[Field, ...]

    def __init__(self, *fields: Field) -> None:
        object.__setattr__(self, "fields", fields)

    def write(self, writer: Writer, name: str) -> str:
        first, *others = self.fields
        found = first.write(writer, name)
        for field in others:
            with writer.block(f"if {found} is None"):
                writer.line(f"{found} = {field.write(writer, name)}")
        return found


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a code object, which carries one of several keys or only its code (hris-apis.md 1.1)."""

    path: str
    keys: tuple[str, ...] = ("shortName", "longName", "codeValue")

    def write(self, writer: Writer, name: str) -> str:
        return First(*(At(f"{self.path}.{one}") for one in self.keys)).write(writer, name)


@dataclass(frozen=True, slots=True)
class Where:
    """`then`, read in the first entry of the list at `path` whose `at` equals `value`."""

    path: str
    at: str
    value: str
    then: Field

    def write(self, writer: Writer, name: str) -> str:
        entries, entry = writer.fetch(f"{self.path}[]", name), writer.new_name()
        found = writer.variable("None")
        with (
            writer.block(f"for {entry} in {entries}", root=entry),
            writer.block(f"if {writer.fetch(self.at, name)} == {self.value!r}"),
        ):
            writer.line(f"{found} = {self.then.write(writer, name)}")
            writer.line("break")
        return found


@dataclass(frozen=True, slots=True)
class Labelled:
    """An attribute sent as {"label": …, "value": …}; `inner` names an attribute of a related object in it.

    The inner value is plain for some relations and labelled again for others (hris-apis.md 1.3).
    """

    name: str
    inner: str = ""
    clean: Clean = text

    def write(self, writer: Writer, name: str) -> str:
        path = f"attributes.{self.name}.value"
        if not self.inner:
            return At(path, self.clean).write(writer, name)
        found = writer.fetch(f"{path}.attributes.{self.inner}", name)
        value = writer.variable(f"{found}.get('value') if {found}.__class__ is dict else {found}")
        return _write_clean(writer, value, self.clean, name)


@dataclass(frozen=True)
class Words:
    """The vendor's words for a status. One that is not listed raises Unreadable("unknown_status").

    `detail` is asked only about people whom this field calls active, and only counts where it is filled.
    """

    field: Field
    words: Mapping[str, Status]
    detail: Words | None = None

    def write(self, writer: Writer) -> str:
        """Writes how the status is found. Returns the variable that holds it."""
        word = self.field.write(writer, "status")
        status = writer.variable(f"{writer.known(self._known())}({word})")
        if self.detail:
            with writer.block(f"if {status} is {writer.known(Status.ACTIVE)}"):
                detail = self.detail.field.write(writer, "status")
                with writer.block(f"if {detail} is not None"):
                    writer.line(f"{status} = {writer.known(self.detail._known())}({detail})")
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


def reader(field: Field, name: str) -> Read:
    """A function that reads one field of a record."""
    writer = Writer()
    return writer.compiled(field.write(writer, name))


def reader_of_all(
    key: Field, status: Words, fields: Mapping[str, Field]
) -> Callable[[Any], tuple[str | None, Status, dict[str, str]]]:
    """A function that reads the key, the status and all fields of a record. Absent ones are left out."""
    writer = Writer()
    result = [key.write(writer, "source_id"), status.write(writer), writer.variable("{}")]
    for name, field in fields.items():
        value = field.write(writer, name)
        writer.line(f"if {value} is not None: {result[-1]}[{name!r}] = {value}")
    return writer.compiled(", ".join(result))


def _plain(value: str) -> str:
    """Line breaks and tabs become spaces, other controls and broken surrogates go."""
    spaced = " ".join(unicodedata.normalize("NFC", value).split())
    if spaced.isprintable():  # most names in other letters: nothing of these categories is
        return spaced
    return "".join(letter for letter in spaced if unicodedata.category(letter) not in ("Cc", "Cs", "Cn"))


@lru_cache(maxsize=20_000)
def _is_date(value: str) -> bool:
    """Remembered, for many people share a day."""
    try:
        return len(value) == 10 and value[4] == value[7] == "-" and bool(calendar_date.fromisoformat(value))
    except ValueError:
        return False
