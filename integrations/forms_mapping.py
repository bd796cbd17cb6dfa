"""The mapping as a form: attribute by attribute, source fields, steps and when. Plain fields, as in forms_filter.

A field is called `map-department-from-0` or `map-department-step-1-how`; a button says `add-step department`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.engine.mapping import Origin, Spec, When
from integrations.engine.transforms import Do, Step
from integrations.forms_filter import Trouble
from integrations.people import ATTRIBUTES

_MOST_SOURCES, _MOST_STEPS = 5, 10
_WHENS = frozenset(when.value for when in When)
_DOES = frozenset(do.value for do in Do)


@dataclass(slots=True)
class StepRow:
    """One step as it was typed. `table` is text, a line each: `what comes = what is shown`."""

    do: str = Do.TRIM.value
    how: str = ""
    by: str = ""
    part: str = "0"
    value: str = ""
    table: str = ""
    name: str = ""

    @classmethod
    def of(cls, step: Step) -> StepRow:
        lines = "\n".join(f"{key} = {value}" for key, value in step.table.items())
        return cls(step.do.value, step.how, step.by, str(step.part), step.value, lines)

    def step(self) -> Step:
        """Raises ValueError."""
        said: dict[str, Any] = {"do": self.do}
        if self.do in (Do.CASE, Do.DATE):
            said["how"] = self.how
        if self.do in (Do.JOIN, Do.SPLIT):
            said["by"] = self.by
        if self.do == Do.SPLIT:
            said["part"] = int(self.part or 0)
        if self.do in (Do.CONSTANT, Do.LOOKUP):
            said["value"] = self.value
        if self.do == Do.LOOKUP:
            said["table"] = _table(self.table)
        return Step.from_data(said)


@dataclass(slots=True)
class Row:
    """One attribute. `sources` may end in an empty one that waits to be chosen."""

    attribute: str
    sources: list[str] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    when: str = When.ALWAYS.value
    error: str = ""
    is_open: bool = False

    @property
    def name(self) -> str:
        return f"map-{self.attribute}"

    @property
    def label(self) -> str:
        return _(ATTRIBUTES[self.attribute])

    @property
    def is_empty(self) -> bool:
        """Whether no value could ever come of it."""
        return not any(self.sources) and all(step.do != Do.CONSTANT for step in self.steps)

    @property
    def more(self) -> str:
        """What is folded away: "2 fields, 1 step, only when new"; "" for nothing."""
        fields, steps, said = sum(map(bool, self.sources)), len(self.steps), list[str]()
        if fields > 1:
            said.append(ngettext("%(number)s field", "%(number)s fields", fields) % {"number": fields})
        if steps:
            said.append(ngettext("%(number)s step", "%(number)s steps", steps) % {"number": steps})
        whens = {When.NEW.value: _("only when new"), When.EMPTY.value: _("only when empty")}
        return ", ".join(filter(None, (*said, whens.get(self.when))))

    def origin(self) -> Origin:
        """Raises ValueError."""
        fields = tuple(dict.fromkeys(filter(None, self.sources)))
        return Origin(self.attribute, fields, tuple(one.step() for one in self.steps), When(self.when))


class MappingForm:
    """`card` is the mapping that the card brings along: only what differs from it is stored."""

    def __init__(self, rows: list[Row], card: Mapping[str, Spec], allowed: Collection[str]) -> None:
        self.rows, self.card, self.allowed = rows, card, frozenset(allowed)
        self.focus = ""

    @classmethod
    def of(
        cls, mapping: Mapping[str, Spec], card: Mapping[str, Spec], allowed: Collection[str]
    ) -> MappingForm:
        specs = {**card, **mapping}
        return cls([_row(Origin.of(name, specs.get(name, ""))) for name in ATTRIBUTES], card, allowed)

    @classmethod
    def posted(cls, post: QueryDict, card: Mapping[str, Spec], allowed: Collection[str]) -> MappingForm:
        return cls([_typed(post, name) for name in ATTRIBUTES], card, allowed)

    def edit(self, do: str) -> None:
        """Carries out what a button says; nothing for another button."""
        verb, *where = do.split()
        row = next((one for one in self.rows if where and one.attribute == where[0]), None)
        number = int(where[1]) if len(where) > 1 and where[1].isdecimal() and len(where[1]) < 3 else -1
        if row is None:
            return
        if verb == "add-source" and len(row.sources) < _MOST_SOURCES:
            row.sources = [*filter(None, row.sources), ""]
            self.focus = f"{row.name}-from-{len(row.sources) - 1}"
        elif verb == "add-step" and len(row.steps) < _MOST_STEPS:
            row.steps.append(StepRow())
            self.focus = f"{row.name}-step-{len(row.steps) - 1}-do"
        elif verb == "remove-step" and 0 <= number < len(row.steps):
            del row.steps[number]
            self.focus = f"{row.name}-more"
        elif verb != "update":
            return
        row.is_open = True

    def is_valid(self) -> bool:
        for row in self.rows:
            row.error = _error_of(row, self.allowed)
        return not self.troubles

    @property
    def troubles(self) -> list[Trouble]:
        return [Trouble(row.label, f"{row.name}-from-0", row.error) for row in self.rows if row.error]

    @property
    def data(self) -> dict[str, Spec]:
        """What a draft stores, attribute by attribute. Call it on a valid form."""
        found: dict[str, Spec] = {}
        for row in self.rows:
            origin = row.origin()
            spec: Spec = "" if origin.is_empty else origin.as_data()
            if Origin.of(row.attribute, self.card.get(row.attribute, "")) != origin:
                found[row.attribute] = spec
        return found


def _row(origin: Origin) -> Row:
    steps = [StepRow.of(step) for step in origin.steps]
    return Row(origin.attribute, list(origin.fields) or [""], steps, origin.when.value)


def _typed(post: QueryDict, attribute: str) -> Row:
    name = f"map-{attribute}"
    sources = [post.get(f"{name}-from-{number}", "") for number in range(_MOST_SOURCES)]
    steps = [
        StepRow(
            **{
                part: post.get(f"{name}-step-{number}-{part}", default).replace("\x00", "")
                for part, default in _STEP_PARTS
            }
        )
        for number in range(_MOST_STEPS)
        if f"{name}-step-{number}-do" in post
    ]
    kept = [source for source in sources if source] or [""]
    when = post.get(f"{name}-when", When.ALWAYS.value)
    return Row(attribute, kept, steps, when if when in _WHENS else When.ALWAYS.value)


_STEP_PARTS = (("do", Do.TRIM.value), ("how", ""), ("by", ""), ("part", "0"), ("value", ""), ("table", ""))


def _table(text: str) -> dict[str, str]:
    """Raises ValueError for a line without an equals sign."""
    pairs = [line.split("=", 1) for line in text.splitlines() if line.strip()]
    if not pairs or any(len(pair) != 2 or not pair[0].strip() for pair in pairs):
        raise ValueError("a line of the table is: what comes = what is shown")
    return {key.strip(): value.strip() for key, value in pairs}


def _error_of(row: Row, allowed: Collection[str]) -> str:
    try:
        origin = row.origin()
        Origin.of(row.attribute, origin.as_data())
    except ValueError:
        return _wrong_step(row)
    if unknown := [name for name in origin.fields if name not in allowed]:
        return _("%(field)s is not available. Choose another field.") % {"field": unknown[0]}
    if row.attribute == "email" and origin.is_empty:
        return _("Everybody needs an e-mail address: choose the field that it comes from.")
    return ""


def _wrong_step(row: Row) -> str:
    """Which step cannot be, and what it needs."""
    for number, one in enumerate(row.steps, 1):
        try:
            one.step()
        except ValueError:
            needs = {
                Do.CASE: _("choose how the letters should be"),
                Do.DATE: _("choose the form in which the date comes"),
                Do.SPLIT: _("enter what to divide at"),
                Do.CONSTANT: _("enter the text that everybody gets"),
                Do.LOOKUP: _("write a line for each value: what comes = what is shown"),
            }
            need = needs.get(Do(one.do), "") if one.do in _DOES else _("choose what it does")
            return _("Step %(number)s: %(need)s.") % {"number": number, "need": need}
    return _("This cannot be read. Remove a step and try again.")
