"""Small steps from what the vendor sends to what the directory shows. Each is data; together they are a pipe."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from integrations.engine.normalise import text

Values = Sequence[str]
Pipe = Callable[[Values], str]


class Do(StrEnum):
    TRIM = "trim"
    CASE = "case"
    LOOKUP = "lookup"
    JOIN = "join"
    SPLIT = "split"
    CONSTANT = "constant"
    FIRST = "first"
    DATE = "date"


# A word with what may follow an apostrophe at its end: "women's" is one, "o'brien" two.
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]{1,2}(?!\w))?")


def _title(value: str) -> str:
    return _WORD.sub(lambda found: found[0].capitalize(), value)


_CASES: Mapping[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "title": _title}
_DATES = {
    how: re.compile(pattern, re.ASCII)
    for how, pattern in {
        "DD.MM.YYYY": r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})",
        "MM/DD/YYYY": r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})",
        "DD/MM/YYYY": r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})",
        "YYYYMMDD": r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
    }.items()
}
CASES, DATES = tuple(_CASES), tuple(_DATES)
_LONGEST, _MOST_STEPS, _MOST_LOOKUPS, _MOST_PARTS = 200, 10, 1_000, 100


@dataclass(frozen=True, slots=True)
class Step:
    """One step over the values of the fields that an attribute comes from, in their order.

    CASE has `how` (lower, upper, title); JOIN and SPLIT have `by`, SPLIT also `part` (0 is the first, -1 the last);
    CONSTANT has `value`; DATE has `how` (the form that comes in; YYYY-MM-DD comes out); LOOKUP has `table`, without case,
    and `value`, which stands for whatever is not in it ("" keeps it as it is). FIRST leaves the first that is not empty.
    """

    do: Do
    how: str = ""
    by: str = ""
    part: int = 0
    value: str = ""
    table: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = {Do.CASE: CASES, Do.DATE: DATES}.get(self.do)
        if wanted and self.how not in wanted:
            raise ValueError(f"{self.do.value} has one of {', '.join(wanted)}")
        if self.do is Do.SPLIT and not self.by:
            raise ValueError("a value is split at something")
        if abs(self.part) > _MOST_PARTS:
            raise ValueError("no value has so many parts")
        if self.do is Do.CONSTANT and not self.value:
            raise ValueError("a constant is not empty")
        if len(self.table) > _MOST_LOOKUPS or max(map(len, (self.by, self.value))) > _LONGEST:
            raise ValueError("too long")

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Step:
        """Raises ValueError."""
        try:
            known = {name: data[name] for name in ("how", "by", "part", "value", "table") if name in data}
            texts = [known.get(name, "") for name in ("how", "by", "value")]
            table = known.get("table", {})
            if not all(isinstance(one, str) for one in (*texts, *table, *table.values())):
                raise TypeError("a step is made of text")
            return cls(Do(data["do"]), **{**known, "part": int(known.get("part", 0))})
        except (AttributeError, KeyError, OverflowError, TypeError) as error:
            raise ValueError("not a step") from error

    def as_data(self) -> dict[str, Any]:
        said = {
            "how": self.how,
            "by": self.by,
            "part": self.part,
            "value": self.value,
            "table": dict(self.table),
        }
        return {"do": self.do.value, **{name: value for name, value in said.items() if value}}

    def ready(self) -> Callable[[Values], Values]:
        """The step as a function, for many people: what can be done once is done here."""
        match self.do:
            case Do.TRIM:
                return lambda values: [" ".join(value.split()) for value in values]
            case Do.CASE:
                case = _CASES[self.how]
                return lambda values: [case(value) for value in values]
            case Do.LOOKUP:
                looked_up = self._lookup()
                return lambda values: [looked_up(value) for value in values]
            case Do.JOIN:
                return lambda values: [self.by.join(filter(None, values))]
            case Do.SPLIT:
                return lambda values: [_part(value.split(self.by), self.part) for value in values]
            case Do.CONSTANT:
                return lambda values: [self.value]
            case Do.FIRST:
                return lambda values: [next(filter(None, values), "")]
            case Do.DATE:
                form = _DATES[self.how]
                return lambda values: [_date(value, form) for value in values]

    def apply(self, values: Values) -> Values:
        """One step for one person, as a preview shows it."""
        return self.ready()(values)

    def _lookup(self) -> Callable[[str], str]:
        table = {text(key).casefold(): found for key, found in self.table.items()}
        return lambda value: table.get(text(value).casefold(), self.value or value) if value else ""


def pipe(steps: Sequence[Step]) -> Pipe:
    """The steps in a row; of what is left, the first value that is not empty counts. Raises ValueError."""
    if len(steps) > _MOST_STEPS:
        raise ValueError(f"at most {_MOST_STEPS} steps")
    ready = [step.ready() for step in steps]

    def run(values: Values) -> str:
        for step in ready:
            values = step(values)
        return next(filter(None, values), "")

    return run


def _part(parts: list[str], number: int) -> str:
    return parts[number].strip() if -len(parts) <= number < len(parts) else ""


def _date(value: str, form: re.Pattern[str]) -> str:
    """What does not have the form, or is no day of the calendar, stays as it is: a person sees it, nothing is guessed."""
    found = form.fullmatch(value.strip())
    if not found:
        return value
    try:
        return date(int(found["y"]), int(found["m"]), int(found["d"])).isoformat()
    except ValueError:
        return value
