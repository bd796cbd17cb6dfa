"""A filter with one thing changed: what would let somebody in, or keep them out. Used by engine.whatif."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from integrations.engine.filtering import Clause, Filter, Op, Rule
from integrations.engine.saying import Said, quoted, say
from integrations.people import EVENT_FIELD, STATUS_FIELD, Status, field_label

STATUSES = {
    Status.ACTIVE: say("Active"),
    Status.LEAVE: say("On leave"),
    Status.PREHIRE: say("Not started yet"),
    Status.TERMINATED: say("Has left"),
}
_STATUS_LABELS = {status.value: label for status, label in STATUSES.items()}
_NO_LONGER = {
    Op.IS: say("is no longer"),
    Op.IS_NOT: say("is"),
    Op.ONE_OF: say("is none of"),
    Op.CONTAINS: say("does not contain"),
    Op.STARTS: say("does not start with"),
    Op.BEFORE: say("is not before"),
    Op.AFTER: say("is not after"),
    Op.PRESENT: say("is empty"),
    Op.EMPTY: say("has a value"),
}
Fields = Mapping[str, str]
Variant = tuple[str, Filter]


def clause_words(clause: Clause) -> str:
    """ "Department is one of “Care”, “Surgery”"."""
    return _worded(clause, say(clause.op.label))


def negated(clause: Clause) -> str:
    return _worded(clause, _NO_LONGER[clause.op])


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
    rule, named = filter.exclude[number], say("exclude rule %(number)s", number=number + 1)
    for at, clause in enumerate(rule):
        if fewer := _without_value(clause, fields):
            words = _no_longer_names(named, fields[clause.field])
            yield words, _excluding(filter, number, _with_clause(rule, at, fewer))
    yield say("%(rule)s is taken out of the filter", rule=named), _excluding(filter, number, None)


def _less_included(filter: Filter, number: int, fields: Fields) -> Iterator[Variant]:
    rule, named = filter.include[number], say("include rule %(number)s", number=number + 1)
    for at, clause in enumerate(rule):
        if fewer := _without_value(clause, fields):
            words = _no_longer_names(named, fields[clause.field])
            yield words, _including(filter, number, _with_clause(rule, at, fewer))
    for clause in rule:
        if value := fields.get(clause.field):
            refused = Clause(clause.field, Op.IS, (value[:200],))
            words = say("an exclude rule says that %(clause)s", clause=clause_words(refused))
            yield words, Filter(filter.include, (*filter.exclude, (refused,)))
    if len(filter.include) > 1:
        yield say("%(rule)s is taken out of the filter", rule=named), _including(filter, number, None)


def _more_included(filter: Filter, number: int, fields: Fields) -> Iterator[Variant]:
    rule, named = filter.include[number], say("include rule %(number)s", number=number + 1)
    for at, clause in enumerate(rule):
        if clause.holds(fields):
            continue
        value, label = fields.get(clause.field, ""), say(field_label(clause.field))
        if value and clause.op in (Op.IS, Op.ONE_OF) and len(clause.values) < 50:
            wider = Clause(clause.field, Op.ONE_OF, (*clause.values, value[:200]))
            has = quoted(value)
            words = say("%(rule)s also lets %(field)s be %(value)s", rule=named, field=label, value=has)
            yield words, _including(filter, number, _with_clause(rule, at, wider))
        if len(rule) > 1:
            words = say("%(rule)s no longer asks that %(clause)s", rule=named, clause=clause_words(clause))
            yield words, _including(filter, number, (*rule[:at], *rule[at + 1 :]))
        elif clause.op not in (Op.IS, Op.ONE_OF) or not value:
            new = Clause(clause.field, Op.IS, (value[:200],)) if value else Clause(clause.field, Op.EMPTY)
            words = say("one more include rule says that %(clause)s", clause=clause_words(new))
            yield words, Filter((*filter.include, (new,)), filter.exclude)


def _no_longer_names(named: str, value: str) -> str:
    return say("%(rule)s no longer names %(value)s", rule=named, value=quoted(value))


def _without_value(clause: Clause, fields: Fields) -> Clause | None:
    """ONE_OF with fewer values, if there is one left."""
    if clause.op is not Op.ONE_OF:
        return None
    has = fields.get(clause.field, "").casefold()
    left = tuple(value for value in clause.values if value.casefold() != has)
    return Clause(clause.field, Op.ONE_OF, left) if left else None


def _worded(clause: Clause, op: str) -> str:
    field, values = say(field_label(clause.field)), clause.values
    if clause.field == EVENT_FIELD:
        field = say("a present or future event")
    elif clause.field == STATUS_FIELD:
        values = tuple(Said(value.capitalize(), _STATUS_LABELS.get(value, "")) for value in values)
    words = say("%(field)s %(op)s", field=field, op=op)
    return say("%(clause)s %(values)s", clause=words, values=quoted(*values)) if values else words


def _with_clause(rule: Rule, at: int, clause: Clause) -> Rule:
    return (*rule[:at], clause, *rule[at + 1 :])


def _including(filter: Filter, number: int, rule: Rule | None) -> Filter:
    return Filter(_replaced(filter.include, number, rule), filter.exclude)


def _excluding(filter: Filter, number: int, rule: Rule | None) -> Filter:
    return Filter(filter.include, _replaced(filter.exclude, number, rule))


def _replaced(rules: tuple[Rule, ...], number: int, rule: Rule | None) -> tuple[Rule, ...]:
    return (*rules[:number], *((rule,) if rule else ()), *rules[number + 1 :])
