"""Sentences that know how they were made: English as they stand, and their pieces for pages in another language.

Pure like all of the engine: whoever shows a sentence brings the translation along (`in_words`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self


class Said(str):
    """The sentence in English. `template` is what is translated; `values` are filled in, Said ones translated too."""

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, str]

    def __new__(cls, text: str, template: str = "", values: Mapping[str, str] | None = None) -> Self:
        made = super().__new__(cls, text)
        made.template, made.values = template or text, values or {}
        return made


def say(template: str, /, **values: str | int) -> Said:
    """`say("They work %(where)s.", where=…)`. What is no Said among the values stays as it is: it is somebody's data."""
    given = {name: value if isinstance(value, str) else str(value) for name, value in values.items()}
    return Said(template % given if given else template, template, given)


def small(text: str) -> Said:
    """A heading within an English sentence. Its translation keeps its capital: it may begin with a noun."""
    return Said(text[:1].lower() + text[1:], text)


def listing(parts: Iterable[str], between: str = ", ") -> str:
    """The parts after one another, "" for none."""
    made: str = ""
    for part in parts:
        made = say(f"%(before)s{between}%(one)s", before=made, one=part) if made else part
    return made


def quoted(*values: str) -> str:
    return listing(say("“%(value)s”", value=value) for value in values)


def in_words(said: str, translated: Callable[[str], str], told: Callable[[str], str] = str) -> str:
    """The sentence by this translation of its pieces. `told` is how somebody's data in it is written, such as a day."""
    if not isinstance(said, Said):
        return translated(said) if said else ""
    values = {
        name: in_words(value, translated, told) if isinstance(value, Said) else told(value)
        for name, value in said.values.items()
    }
    template = translated(said.template) if said.template else ""
    if values:
        return template % values
    return str(said) if template == said.template else template


def as_data(said: str) -> Any:
    """For JSON: plain text stays text."""
    if not isinstance(said, Said):
        return said
    data = {"say": said.template, "with": {name: as_data(value) for name, value in said.values.items()}}
    return data if said.values or said == said.template else {**data, "text": str(said)}


def from_data(data: Any) -> str:
    """The inverse of `as_data`."""
    if isinstance(data, str):
        return data
    template, values = data["say"], {name: from_data(value) for name, value in data["with"].items()}
    return say(template, **values) if values else Said(data.get("text", template), template)
