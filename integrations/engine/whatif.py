"""What would have to be otherwise: small changes to what is known of a person, each tried with the rules themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import islice

from integrations.engine import problems
from integrations.engine.diff import Known, LineKind, stays
from integrations.engine.filtering import Clause, Op
from integrations.engine.pipeline import Keyed, decide, filter_fields, permitted
from integrations.engine.policy import Leaving, OnLeave
from integrations.engine.problems import Found
from integrations.engine.rules import Rules
from integrations.engine.saying import quoted, say
from integrations.engine.variants import STATUSES, clause_words, negated, variants
from integrations.people import EVENT_FIELD, STATUS_FIELD, Person, field_label

# With these the line of the plan is given up, and whoever is out stays out.
BLOCKING = frozenset({problems.DUPLICATE_EMAIL, problems.OWNED_ELSEWHERE, problems.AMBIGUOUS_MATCH})
_MOST = 60  # changes that are tried; with pairs it is the square of them
_ADDRESS = "somebody.else@example.com"  # stands for any other value, an e-mail address where one is needed
LEAVERS = {
    Leaving.TERMINATED: say("whoever left"),
    Leaving.ABSENT: say("whoever is not listed any more"),
    Leaving.OUTSIDE: say("whoever falls out of the filter"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one person. `person` is None when the HR system does not list them, or not readably.

    `unreadable` is the code of what made the record unreadable, or "". `known` is what the directory has; `protected`
    and `kept` (a Leaving, or "") are what people decided about them here. `problem` is what the last run found. `manager`
    is what their manager is called, where the directory knows.
    """

    person: Person | None
    has_event: bool
    known: Known | None
    protected: bool
    kept: str
    problem: Found | None
    rules: Rules
    unreadable: str = ""
    manager: str = ""

    @property
    def was_here(self) -> bool:
        return self.known is not None and self.known.active

    @property
    def fields(self) -> dict[str, str]:
        """What the filter sees. Empty without a person."""
        if self.person is None:
            return {}
        return dict(filter_fields(permitted(self.person, self.rules), has_event=self.has_event))


class Place(StrEnum):
    """Where somebody would make the change."""

    HR = "hr"
    RULES = "rules"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Change:
    """`words` end the sentence "They come in as soon as …". `facts` are as they are then."""

    place: Place
    words: str
    facts: Facts


def is_here(facts: Facts) -> bool:
    """Whether the directory has them as active once a run has done with these facts what a run does."""
    if facts.unreadable:
        return facts.was_here
    known = facts.known and replace(facts.known, shielded=facts.protected, kept=facts.kept)
    if facts.person is None:
        keeps = facts.rules.policy.absent is OnLeave.KEEP
        return bool(known and known.active and stays(known, Leaving.ABSENT, keeps=keeps))
    keyed = Keyed(facts.person.source_id, "", {}, facts.has_event)
    line, _ = decide(keyed, facts.person, known, facts.rules)
    if line is None or (facts.problem and facts.problem.code in BLOCKING and not facts.was_here):
        return facts.was_here
    return line.kind is not LineKind.DEACTIVATED


def smallest(facts: Facts) -> tuple[Change, ...]:
    """The smallest changes that alter the outcome, at most one for each place; () when more than two are needed."""
    now = is_here(facts)
    found: dict[Place, Change] = {}
    for change in changes(facts):
        if change.place not in found and is_here(change.facts) != now:
            found[change.place] = change
    return tuple(found.values()) or tuple(islice(_pairs(facts, now), 1))


def _pairs(facts: Facts, now: bool) -> Iterator[Change]:
    for first in changes(facts):
        for second in changes(first.facts):
            if is_here(second.facts) != now:
                words = say("%(one)s and %(other)s", one=first.words, other=second.words)
                yield Change(first.place, words, second.facts)


def changes(facts: Facts) -> Iterator[Change]:
    """Everything that is worth trying, what people would think of first in front."""
    return islice(_changes(facts), _MOST)


def _changes(facts: Facts) -> Iterator[Change]:
    yield from _decisions(facts)
    if facts.person is not None:
        yield from _statuses(facts, facts.person)
        yield from _addresses(facts, facts.person)
        yield from _values(facts, facts.person)
        for words, variant in variants(facts.rules.filter, facts.fields):
            yield Change(Place.RULES, words, replace(facts, rules=replace(facts.rules, filter=variant)))
    yield from _policies(facts)
    if facts.was_here and not facts.protected:
        words = say("a person protects them in time")
        yield Change(Place.DIRECTORY, words, replace(facts, protected=True))


def _decisions(facts: Facts) -> Iterator[Change]:
    """What people decided here, or could."""
    if facts.protected:
        yield Change(Place.DIRECTORY, say("their protection is lifted"), replace(facts, protected=False))
    if facts.kept:
        yield Change(Place.DIRECTORY, say("the decision to keep them is taken back"), replace(facts, kept=""))
    if facts.problem:
        title = say(problems.words(facts.problem.code).title)
        solved = say("the problem “%(problem)s” is solved", problem=title)
        yield Change(Place.DIRECTORY, solved, replace(facts, problem=None))


def _policies(facts: Facts) -> Iterator[Change]:
    for why, who in LEAVERS.items():
        keeps = facts.rules.policy.on(why) is OnLeave.KEEP
        if keeps:
            words = say("the connection deactivates %(who)s", who=who)
        else:
            words = say("the connection keeps %(who)s", who=who)
        turned = OnLeave.DEACTIVATE if keeps else OnLeave.KEEP
        policy = facts.rules.policy.with_leaving(why, turned)
        yield Change(Place.RULES, words, replace(facts, rules=replace(facts.rules, policy=policy)))


def _statuses(facts: Facts, person: Person) -> Iterator[Change]:
    likely = reversed(STATUSES) if person.status.works_here else iter(STATUSES)
    for status in likely:
        if status is not person.status:
            words = say(
                "their status in the HR system is “%(status)s”, not “%(now)s”",
                status=STATUSES[status],
                now=STATUSES[person.status],
            )
            yield Change(Place.HR, words, replace(facts, person=person._replace(status=status)))
    if EVENT_FIELD in facts.rules.filter.fields:
        words = (
            say("they have no present or future event")
            if facts.has_event
            else say("they have a present or future event")
        )
        yield Change(Place.HR, words, replace(facts, has_event=not facts.has_event))


def _addresses(facts: Facts, person: Person) -> Iterator[Change]:
    origin = facts.rules.mapping.origin("email")
    instead = facts.rules.mapping.instead_of_email
    for field in (*(origin.fields if origin else ()), *([instead] if instead else ())):
        label = say(field_label(field))
        words = say("%(field)s in the HR system holds an e-mail address that can be used", field=label)
        yield Change(Place.HR, words, _with(facts, person, field, _ADDRESS))


def _values(facts: Facts, person: Person) -> Iterator[Change]:
    """One field of the HR system, so that one clause holds that did not, or the other way round."""
    has = facts.fields
    for rule in (*facts.rules.filter.exclude, *facts.rules.filter.include):
        for clause in rule:
            if clause.field in (STATUS_FIELD, EVENT_FIELD):
                continue
            holds = clause.holds(has)
            value = _against(clause) if holds else _towards(clause)
            said = has.get(clause.field, "")
            wanted = negated(clause) if holds else clause_words(clause)
            words = say("%(clause)s in the HR system", clause=wanted)
            if said and not holds:
                words = say("%(change)s, not %(value)s", change=words, value=quoted(said))
            yield Change(Place.HR, words, _with(facts, person, clause.field, value))


def _towards(clause: Clause) -> str:
    if clause.op in (Op.BEFORE, Op.AFTER):
        return _day(clause.values[0], -1 if clause.op is Op.BEFORE else 1)
    return {Op.EMPTY: "", Op.PRESENT: _ADDRESS, Op.IS_NOT: _ADDRESS}.get(clause.op) or "".join(
        clause.values[:1]
    )


def _day(value: str, days: int) -> str:
    try:
        return (date.fromisoformat(value) + timedelta(days=days)).isoformat()
    except OverflowError:  # the first or the last day that there is
        return value


def _against(clause: Clause) -> str:
    return {Op.PRESENT: "", Op.IS_NOT: "".join(clause.values)}.get(clause.op, _ADDRESS)


def _with(facts: Facts, person: Person, field: str, value: str) -> Facts:
    fields = {name: has for name, has in person.fields.items() if name != field}
    return replace(facts, person=person._replace(fields={**fields, field: value} if value else fields))
