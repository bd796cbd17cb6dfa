"""A filter with one thing changed: what would let somebody in, or keep them out. Used by engine.whatif."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from integrations.engine.filtering import Clause, Filter, Op, Rule
from integrations.people import EVENT_FIELD, STATUS_FIELD, field_label

_NO_LONGER = {
    Op.IS: "is no longer",
    Op.IS_NOT: "is",
    Op.ONE_OF: "is none of",
    Op.CONTAINS: "does not contain",
    Op.STARTS: "does not start with",
    Op.BEFORE: "is not before",
    Op.AFTER: "is not after",
    Op.PRESENT: "is empty",
    Op.EMPTY: "has a value",
}
Fields = Mapping[str, str]
Variant = tuple[str, Filter]


def clause_words(clause: Clause) -> str:
    """ "Department is one of “Care”, “Surgery”"."""
    return _worded(clause, clause.op.label)


def negated(clause: Clause) -> str:
    return _worded(clause, _NO_LONGER[clause.op])


def quoted(*values: str) -> str:
    return ", ".join(f"“{value}”" for value in values)


def variants(filter: Filter, fields: Fields) -> Iterator[Variant]:
    """Each with the words that end "They come in as soon as …". Some of them may not alter anything."""
    for number, rule in enumerate(filter.exclude):
        if all(clause.holds(fields) for clause in rule):
            yield from _less_excluded(filter, number, fields)
    for number, rule in enumerate(filter.include):
        if all(clause.holds(fields) for clause in rule):
            yield from _less_included(filter, number, fields)
        else:
            yield from _more_included(filter, number, fields)


def _less_excluded(filter: Filter, number: int, fields: Fields) -> Iterator[Variant]:
    rule, named = filter.exclude[number], f"exclude rule {number + 1}"
    for at, clause in enumerate(rule):
        if fewer := _without_value(clause, fields):
            words = f"{named} no longer names {quoted(fields[clause.field])}"
            yield words, _excluding(filter, number, _with_clause(rule, at, fewer))
    yield f"{named} is taken out of the filter", _excluding(filter, number, None)


def _less_included(filter: Filter, number: int, fields: Fields) -> Iterator[Variant]:
    rule, named = filter.include[number], f"include rule {number + 1}"
    for at, clause in enumerate(rule):
        if fewer := _without_value(clause, fields):
            words = f"{named} no longer names {quoted(fields[clause.field])}"
            yield words, _including(filter, number, _with_clause(rule, at, fewer))
    for clause in rule:
        if value := fields.get(clause.field):
            refused = Clause(clause.field, Op.IS, (value[:200],))
            words = f"an exclude rule says that {clause_words(refused)}"
            yield words, Filter(filter.include, (*filter.exclude, (refused,)))
    if len(filter.include) > 1:
        yield f"{named} is taken out of the filter", _including(filter, number, None)


def _more_included(filter: Filter, number: int, fields: Fields) -> Iterator[Variant]:
    rule, named = filter.include[number], f"include rule {number + 1}"
    for at, clause in enumerate(rule):
        if clause.holds(fields):
            continue
        value, label = fields.get(clause.field, ""), field_label(clause.field)
        if value and clause.op in (Op.IS, Op.ONE_OF) and len(clause.values) < 50:
            wider = Clause(clause.field, Op.ONE_OF, (*clause.values, value[:200]))
            words = f"{named} also lets {label} be {quoted(value)}"
            yield words, _including(filter, number, _with_clause(rule, at, wider))
        if len(rule) > 1:
            words = f"{named} no longer asks that {clause_words(clause)}"
            yield words, _including(filter, number, (*rule[:at], *rule[at + 1 :]))
        elif clause.op not in (Op.IS, Op.ONE_OF) or not value:
            new = Clause(clause.field, Op.IS, (value[:200],)) if value else Clause(clause.field, Op.EMPTY)
            words = f"one more include rule says that {clause_words(new)}"
            yield words, Filter((*filter.include, (new,)), filter.exclude)


def _without_value(clause: Clause, fields: Fields) -> Clause | None:
    """ONE_OF with fewer values, if there is one left."""
    if clause.op is not Op.ONE_OF:
        return None
    has = fields.get(clause.field, "").casefold()
    left = tuple(value for value in clause.values if value.casefold() != has)
    return Clause(clause.field, Op.ONE_OF, left) if left else None


def _worded(clause: Clause, op: str) -> str:
    if clause.field == EVENT_FIELD:
        return f"a present or future event {op} {quoted(*clause.values)}".rstrip()
    values = (
        [value.capitalize() for value in clause.values] if clause.field == STATUS_FIELD else clause.values
    )
    return f"{field_label(clause.field)} {op} {quoted(*values)}".rstrip()


def _with_clause(rule: Rule, at: int, clause: Clause) -> Rule:
    return (*rule[:at], clause, *rule[at + 1 :])


def _including(filter: Filter, number: int, rule: Rule | None) -> Filter:
    return Filter(_replaced(filter.include, number, rule), filter.exclude)


def _excluding(filter: Filter, number: int, rule: Rule | None) -> Filter:
    return Filter(filter.include, _replaced(filter.exclude, number, rule))


def _replaced(rules: tuple[Rule, ...], number: int, rule: Rule | None) -> tuple[Rule, ...]:
    return (*rules[:number], *((rule,) if rule else ()), *rules[number + 1 :])
