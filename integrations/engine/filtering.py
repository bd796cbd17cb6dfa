"""Who comes in: include and exclude rules over fields, as values. AND inside a rule, OR between rules."""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from integrations.engine.normalise import text

_LONGEST = 200  # characters of a value
_MOST = 50  # rules, clauses of one, values of one


class Op(StrEnum):
    """An empty value satisfies no operator but EMPTY; not IS_NOT either (product-anchors.md §2.6)."""

    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    CONTAINS = "contains"
    STARTS = "starts"
    BEFORE = "before"
    AFTER = "after"
    PRESENT = "present"
    EMPTY = "empty"

    @property
    def takes_value(self) -> bool:
        return self not in (Op.PRESENT, Op.EMPTY)

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Op.IS: "is",
    Op.IS_NOT: "is not",
    Op.ONE_OF: "is one of",
    Op.CONTAINS: "contains",
    Op.STARTS: "starts with",
    Op.BEFORE: "is before",
    Op.AFTER: "is after",
    Op.PRESENT: "has a value",
    Op.EMPTY: "is empty",
}


Test = Callable[[str], bool]
# A day at the beginning of a date or an instant. What is none is neither before nor after anything.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)", re.ASCII)


def _dated(compares: Callable[[str, str], bool], wanted: str) -> Test:
    return lambda has: bool(_DAY.match(has)) and compares(has[:10], wanted)


_TESTS: Mapping[Op, Callable[[tuple[str, ...]], Test]] = {
    Op.IS: lambda values: values[0].__eq__,
    Op.IS_NOT: lambda values: values[0].__ne__,
    Op.ONE_OF: lambda values: frozenset(values).__contains__,
    Op.CONTAINS: lambda values: lambda has: values[0] in has,
    Op.STARTS: lambda values: lambda has: has.startswith(values[0]),
    Op.BEFORE: lambda values: _dated(operator.lt, values[0]),
    Op.AFTER: lambda values: _dated(operator.gt, values[0]),
    Op.PRESENT: lambda _values: lambda _has: True,
    Op.EMPTY: lambda _values: lambda _has: False,
}


@dataclass(frozen=True, slots=True)
class Clause:
    """`values` has one entry, several for ONE_OF, none for PRESENT and EMPTY; a day is YYYY-MM-DD.

    Case does not matter. Raises ValueError for values that the operator does not take.
    """

    field: str
    op: Op
    values: tuple[str, ...] = ()
    _test: Test = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self.field, self.op, self.values)
        object.__setattr__(self, "_test", _TESTS[self.op](tuple(map(_folded, self.values))))

    def holds(self, fields: Mapping[str, str]) -> bool:
        has = fields.get(self.field)
        if not has or not (has := _folded(has)):
            return self.op is Op.EMPTY
        return self._test(has)

    def folded(self) -> Clause:
        return Clause(self.field, self.op, tuple(map(_folded, self.values)))

    def as_data(self) -> dict[str, Any]:
        return {"field": self.field, "op": self.op.value, "values": list(self.values)}


def _folded(value: str) -> str:
    return text(value).casefold()


def _check(field: str, op: Op, values: tuple[str, ...]) -> None:
    if not field or len(field) > _LONGEST:
        raise ValueError("a condition is about a field")
    wanted = 0 if not op.takes_value else max(len(values), 1) if op is Op.ONE_OF else 1
    if len(values) != wanted or len(values) > _MOST:
        raise ValueError(f"{op.value} takes another number of values")
    if not all(len(value) <= _LONGEST and text(value) for value in values):
        raise ValueError(f"a value has 1 to {_LONGEST} characters")
    if op in (Op.BEFORE, Op.AFTER) and not (_DAY.fullmatch(values[0]) and _is_day(values[0])):
        raise ValueError("a day is YYYY-MM-DD")


def _is_day(value: str) -> bool:
    try:
        return bool(date.fromisoformat(value))
    except ValueError:
        return False


Rule = tuple[Clause, ...]


class Because(StrEnum):
    """Why somebody is in or out."""

    NO_FILTER = "no_filter"
    INCLUDED = "included"
    NOT_INCLUDED = "not_included"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rule` is the position of the rule that decided: of the include rules, or for EXCLUDED of the exclude rules."""

    inside: bool
    because: Because
    rule: int | None = None


_IN_WITHOUT = Verdict(True, Because.NO_FILTER)
_NOT_INCLUDED = Verdict(False, Because.NOT_INCLUDED)


@dataclass(frozen=True, slots=True)
class Filter:
    """Without include rules everybody is included. An exclude rule wins over an include rule."""

    include: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()

    def __bool__(self) -> bool:
        """Whether it keeps anybody out at all."""
        return bool(self.include or self.exclude)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Filter:
        """The inverse of `as_data`. Raises ValueError for what is no filter."""
        try:
            return cls(_rules(data.get("include", ())), _rules(data.get("exclude", ())))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("not a filter") from error

    def as_data(self) -> dict[str, Any]:
        if not self:
            return {}
        return {
            "include": [[clause.as_data() for clause in rule] for rule in self.include],
            "exclude": [[clause.as_data() for clause in rule] for rule in self.exclude],
        }

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(clause.field for rule in (*self.include, *self.exclude) for clause in rule)

    def values_of(self, field: str) -> frozenset[str]:
        """What its rules compare this field with."""
        clauses = (clause for rule in (*self.include, *self.exclude) for clause in rule)
        return frozenset(value for clause in clauses if clause.field == field for value in clause.values)

    @property
    def contradicts_itself(self) -> bool:
        """Whether whoever an include rule lets in is left out by an exclude rule that asks for no more."""
        said = self.folded()
        left_out = [set(rule) for rule in said.exclude]
        return bool(said.include) and all(any(no <= set(rule) for no in left_out) for rule in said.include)

    def folded(self) -> Filter:
        """The same for everybody, whatever the case in which the values were typed."""
        return Filter(_all_folded(self.include), _all_folded(self.exclude))

    def judge(self, fields: Mapping[str, str]) -> Verdict:
        """Whether somebody with these fields comes in, and which rule says so."""
        for number, rule in enumerate(self.exclude):
            if all(clause.holds(fields) for clause in rule):
                return Verdict(False, Because.EXCLUDED, number)
        if not self.include:
            return _IN_WITHOUT
        for number, rule in enumerate(self.include):
            if all(clause.holds(fields) for clause in rule):
                return Verdict(True, Because.INCLUDED, number)
        return _NOT_INCLUDED


def _all_folded(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(tuple(clause.folded() for clause in rule) for rule in rules)


def _rules(data: Any) -> tuple[Rule, ...]:
    rules = tuple(tuple(_clause(clause) for clause in _listed(rule)) for rule in _listed(data))
    if len(rules) > _MOST or any(not 0 < len(rule) <= _MOST for rule in rules):
        raise ValueError("a rule needs a condition, and there are at most 50 of each")
    return rules


def _clause(data: Mapping[str, Any]) -> Clause:
    field, values = data["field"], _listed(data.get("values", ()))
    if not all(isinstance(one, str) for one in (field, *values)):
        raise TypeError("fields and values are text")
    return Clause(field, Op(data["op"]), tuple(values))


def _listed(data: Any) -> Sequence[Any]:
    if not isinstance(data, list | tuple):
        raise TypeError("a list")
    return data
