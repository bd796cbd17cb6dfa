"""The filter as a form: plain fields that a script makes comfortable and nothing depends on one.

A field is called `include-0-1-op`: side, rule, condition. Buttons say what they do: `add-rule include`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as made
from datetime import date
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from integrations.engine.filtering import Clause, Filter, Op
from integrations.engine.normalise import text

SIDES = ("include", "exclude")
_MOST = 50
_LONGEST = 200
_OPS = frozenset(op.value for op in Op)
_NAME = re.compile(r"(include|exclude)-(\d{1,2})-(\d{1,2})-field")
_BUTTON = re.compile(
    r"(add-rule|add-clause|remove-clause|remove-rule) (include|exclude)(?: (\d{1,2}))?(?: (\d{1,2}))?"
)


@dataclass(slots=True)
class Row:
    """One condition as it was typed. `errors` are sentences by part: field, op or values."""

    field: str = ""
    op: str = Op.IS.value
    values: list[str] = made(default_factory=list)
    name: str = ""
    errors: dict[str, str] = made(default_factory=dict)

    @property
    def is_blank(self) -> bool:
        return not self.field and not self.values

    @property
    def operator(self) -> Op:
        return Op(self.op) if self.op in _OPS else Op.IS

    @property
    def takes_date(self) -> bool:
        return self.operator in (Op.BEFORE, Op.AFTER)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One line of the error summary."""

    label: str
    anchor: str
    message: str


class FilterForm:
    """Rules by side, each a list of conditions. `allowed` are the fields that may be asked about."""

    def __init__(self, rules: Mapping[str, list[list[Row]]], allowed: Collection[str]) -> None:
        self.rules = {side: rules.get(side, []) for side in SIDES}
        self.allowed = frozenset(allowed)
        self.focus = ""
        self._number()

    @classmethod
    def of(cls, data: Mapping[str, Any], allowed: Collection[str]) -> FilterForm:
        """From what a draft stores."""
        stored = Filter.from_data(data)
        rules = {
            "include": [[_row(clause) for clause in rule] for rule in stored.include],
            "exclude": [[_row(clause) for clause in rule] for rule in stored.exclude],
        }
        return cls(rules, allowed)

    @classmethod
    def posted(cls, post: QueryDict, allowed: Collection[str]) -> FilterForm:
        """From what was sent; rules and conditions keep their order, gaps close."""
        found = sorted(
            (SIDES.index(match[1]), int(match[2]), int(match[3]))
            for match in map(_NAME.fullmatch, post)
            if match
        )
        rules: dict[str, list[list[Row]]] = {side: [] for side in SIDES}
        last = None
        for side, rule, number in found:
            if (side, rule) != last:
                rules[SIDES[side]].append([])
                last = (side, rule)
            rules[SIDES[side]][-1].append(_typed(post, f"{SIDES[side]}-{rule}-{number}"))
        return cls(rules, allowed)

    def edit(self, do: str) -> None:
        """Carries out what a button says and sets `focus` to where the reader goes on; nothing for another button."""
        match = _BUTTON.fullmatch(do)
        if match is None:
            return
        verb, side, rule, number = match[1], match[2], int(match[3] or 0), int(match[4] or 0)
        rules = self.rules[side]
        if verb == "add-rule":
            self.focus = _add_rule(rules, side)
        elif rule >= len(rules) or number >= len(rules[rule]):
            return
        elif verb == "add-clause":
            self.focus = _add_clause(rules, side, rule)
        elif verb == "remove-clause":
            self.focus = _remove_clause(rules, side, rule, number)
        else:
            self.focus = _remove_rule(rules, side, rule)
        self._number()

    def is_valid(self) -> bool:
        for row in self._rows():
            row.errors = {} if row.is_blank else _errors_of(row, self.allowed)
        for row in self._beyond():
            row.errors["field"] = _("At most 50 rules, each of at most 50 conditions. Remove some.")
        return not self.troubles

    def _beyond(self) -> Iterator[Row]:
        """Where a rule, or a condition of one, is too many."""
        for rules in self.rules.values():
            yield from (row for rule in rules[_MOST:] for row in rule[:1])
            yield from (row for rule in rules for row in rule[_MOST : _MOST + 1])

    @property
    def troubles(self) -> list[Trouble]:
        return [
            Trouble(_("Condition"), f"{row.name}-{part}", sentence)
            for row in self._rows()
            for part, sentence in row.errors.items()
        ]

    @property
    def data(self) -> dict[str, Any]:
        """What a draft stores. Conditions that nobody filled in are left out. Call it on a valid form."""
        sides = {
            side: tuple(
                rule
                for typed in self.rules[side]
                if (rule := tuple(_clause(row) for row in typed if not row.is_blank))
            )
            for side in SIDES
        }
        return Filter(sides["include"], sides["exclude"]).as_data()

    def _rows(self) -> Iterator[Row]:
        return (row for side in SIDES for rule in self.rules[side] for row in rule)

    def _number(self) -> None:
        for side in SIDES:
            for rule, rows in enumerate(self.rules[side]):
                for number, row in enumerate(rows):
                    row.name = f"{side}-{rule}-{number}"


def _add_rule(rules: list[list[Row]], side: str) -> str:
    if len(rules) < _MOST:
        rules.append([Row()])
    return f"{side}-{len(rules) - 1}-0-field"


def _add_clause(rules: list[list[Row]], side: str, rule: int) -> str:
    if len(rules[rule]) < _MOST:
        rules[rule].append(Row())
    return f"{side}-{rule}-{len(rules[rule]) - 1}-field"


def _remove_clause(rules: list[list[Row]], side: str, rule: int, number: int) -> str:
    del rules[rule][number]
    if rules[rule]:
        return f"{side}-{rule}-{max(number - 1, 0)}-field"
    return _remove_rule(rules, side, rule)


def _remove_rule(rules: list[list[Row]], side: str, rule: int) -> str:
    del rules[rule]
    return f"add-{side}"


def _row(clause: Clause) -> Row:
    return Row(clause.field, clause.op.value, list(clause.values))


def _typed(post: QueryDict, name: str) -> Row:
    """A value per control and per line, each once."""
    lines = (text(line) for sent in post.getlist(f"{name}-values") for line in sent.splitlines())
    values = list(dict.fromkeys(filter(None, lines)))
    row = Row(post.get(f"{name}-field", ""), post.get(f"{name}-op", Op.IS.value), values)
    if not row.operator.takes_value:
        row.values = []
    return row


def _clause(row: Row) -> Clause:
    op = row.operator
    values = row.values if op is Op.ONE_OF else row.values[:1] if op.takes_value else []
    return Clause(row.field, op, tuple(values))


def _errors_of(row: Row, allowed: Collection[str]) -> dict[str, str]:
    errors = {}
    if not row.field:
        errors["field"] = _("Choose a field.")
    elif row.field not in allowed:
        errors["field"] = _("This field is not available. Choose another one.")
    if row.op not in _OPS:
        errors["op"] = _("Choose how to compare.")
    elif row.operator.takes_value and not row.values:
        errors["values"] = _("Enter a value, or choose “has a value” or “is empty”.")
    elif len(row.values) > _MOST or any(len(value) > _LONGEST for value in row.values):
        errors["values"] = _("At most 50 values, each of at most 200 characters.")
    elif row.takes_date and not _is_date(row.values[0]):
        errors["values"] = _("Enter a date such as 2026-01-31.")
    return errors


def _is_date(said: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", said, re.ASCII) and date.fromisoformat(said))
    except ValueError:
        return False
