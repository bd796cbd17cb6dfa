"""Who comes in: include and exclude rules over fields, as values. AND inside a rule, OR between rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Clause:
    """`values` has one entry, several for ONE_OF, none for PRESENT and EMPTY. Case does not matter."""

    field: str
    op: Op
    values: tuple[str, ...] = ()

    def holds(self, fields: Mapping[str, str]) -> bool:
        has = fields.get(self.field, "").casefold()
        if not has:
            return self.op is Op.EMPTY
        return _HOLDS[self.op](has, self.values)

    def folded(self) -> Clause:
        return Clause(self.field, self.op, tuple(value.casefold() for value in self.values))

    def as_data(self) -> dict[str, Any]:
        return {"field": self.field, "op": self.op.value, "values": list(self.values)}


_HOLDS: Mapping[Op, Callable[[str, tuple[str, ...]], bool]] = {
    Op.IS: lambda has, values: has == values[0],
    Op.IS_NOT: lambda has, values: has != values[0],
    Op.ONE_OF: lambda has, values: has in values,
    Op.CONTAINS: lambda has, values: values[0] in has,
    Op.STARTS: lambda has, values: has.startswith(values[0]),
    # Dates are YYYY-MM-DD, numbers are not compared: text order is date order.
    Op.BEFORE: lambda has, values: has < values[0],
    Op.AFTER: lambda has, values: has > values[0],
    Op.PRESENT: lambda has, values: True,
    Op.EMPTY: lambda has, values: False,
}

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

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Filter:
        """The inverse of `as_data`. Raises ValueError for what is no filter."""
        try:
            return cls(_rules(data.get("include", ())), _rules(data.get("exclude", ())))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("not a filter") from error

    def as_data(self) -> dict[str, Any]:
        if not (self.include or self.exclude):
            return {}
        return {
            "include": [[clause.as_data() for clause in rule] for rule in self.include],
            "exclude": [[clause.as_data() for clause in rule] for rule in self.exclude],
        }

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(clause.field for rule in (*self.include, *self.exclude) for clause in rule)

    def folded(self) -> Filter:
        """The same, ready to judge many people: values are compared without case."""
        return Filter(_folded(self.include), _folded(self.exclude))

    def judge(self, fields: Mapping[str, str]) -> Verdict:
        """Call it on a `folded` filter."""
        for number, rule in enumerate(self.exclude):
            if all(clause.holds(fields) for clause in rule):
                return Verdict(False, Because.EXCLUDED, number)
        if not self.include:
            return _IN_WITHOUT
        for number, rule in enumerate(self.include):
            if all(clause.holds(fields) for clause in rule):
                return Verdict(True, Because.INCLUDED, number)
        return _NOT_INCLUDED


def _folded(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(tuple(clause.folded() for clause in rule) for rule in rules)


def _rules(data: Any) -> tuple[Rule, ...]:
    rules = tuple(tuple(_clause(clause) for clause in rule) for rule in data)
    if len(rules) > _MOST or any(not 0 < len(rule) <= _MOST for rule in rules):
        raise ValueError("a rule needs a condition, and there are at most 50 of each")
    return rules


def _clause(data: Mapping[str, Any]) -> Clause:
    op, values = Op(data["op"]), tuple(data.get("values", ()))
    if not isinstance(data["field"], str) or not all(isinstance(value, str) for value in values):
        raise TypeError("fields and values are text")
    wanted = 0 if not op.takes_value else max(len(values), 1) if op is Op.ONE_OF else 1
    if (
        len(values) != wanted
        or len(values) > _MOST
        or not all(0 < len(value) <= _LONGEST for value in values)
    ):
        raise ValueError(f"{op.value} takes another number of values, each of at most {_LONGEST} characters")
    return Clause(data["field"], op, values)
