""" "Why is … (not) here?" from stored facts: at once, and only as far as the latest run's words reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from integrations.engine import problems
from integrations.engine.diff import Known
from integrations.engine.explain import Facts, Trace, TraceStep, trace
from integrations.engine.mapping import When
from integrations.engine.policy import BY_EVENT, Leaving, OnLeave
from integrations.engine.problems import Found
from integrations.engine.rules import Rules
from integrations.engine.saying import say, small
from integrations.engine.steps import StepName
from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Held,
    HeldState,
    Membership,
    PersonState,
    Problem,
    Purpose,
    Receipt,
)
from integrations.people import ATTRIBUTES, EVENT_FIELD, STATUS_FIELD, Person, Status
from integrations.queries import latest_reading
from integrations.services.invitation_ends import EXPIRED
from integrations.services.releasing import may_leave
from integrations.targets.sql import NO_DIGEST

_INSIDE = TraceStep("filter", True, say("They matched the filter when it was last looked at."))
_OUTSIDE = TraceStep(
    "filter", False, say("They did not match the filter any more when it was last looked at.")
)
_EXPIRED = say("They did not accept their invitation in time.")
_ASK = say("Ask the HR system now to see which condition it is, and what would bring them in.")
_HELD = TraceStep(
    "directory",
    True,
    say("They are still in the directory: their removal is held, and waits for a decision."),
)
_DECIDE = say(
    "They leave as soon as somebody releases their removal. They stay if somebody keeps them instead."
)
_LEFT_ALONE = say(
    "Not noted: whoever may stay anyway is left as they are, whatever the HR system says of them."
)
_UNREAD = say(
    "Not noted: something was changed, decided or undone here, and no run has looked at them since."
)
_ASK_FIRST = say("Ask the HR system now to see what it says of them, and what would alter the answer.")
# What would be otherwise of somebody who left this way.
_STEPS_OF: Mapping[Leaving, tuple[StepName, ...]] = {
    Leaving.TERMINATED: ("status",),
    Leaving.ABSENT: ("listed", "status"),
    Leaving.OUTSIDE: ("filter",),
}


@dataclass(frozen=True, slots=True)
class Explained:
    """`whole` is False where the directory does not hold every field that the filter asks for."""

    trace: Trace
    whole: bool


def explain_person(person: DirectoryPerson) -> Explained:
    """The five steps as the latest run left them. Somebody fallen out of the filter may have other values by now: the
    condition is named only where the values that the directory still has do not match either."""
    rules = person.connection.rules
    why = _left_because(person)
    fields, whole = _fields_again(person, rules)
    judged = whole and (why is not Leaving.OUTSIDE or _is_out_by(person, rules, fields))
    facts = Facts(
        person=Person(person.source_id, _status(why), fields) if why is not Leaving.ABSENT else None,
        has_event=_has_event(person, rules),
        known=known_of(person),
        protected=person.protected,
        kept=person.kept,
        problem=last_problem(person.connection, person.source_id),
        rules=rules if judged else replace(rules, filter=type(rules.filter)()),
        unreadable="",
        manager=name_of(person.connection, person.manager_id),
    )
    found = while_held(_walked(facts, person, why, judged), person)
    if person.connection.state == ConnectionState.DISCONNECTED:  # no run follows that would alter it
        found = replace(_with(found, _directory(person)), is_here=facts.was_here)
    return Explained(found, judged)


def while_held(found: Trace, person: DirectoryPerson) -> Trace:
    """Somebody whose removal waits stays until a person decides: no run does."""
    held = Held.objects.filter(person=person, state=HeldState.WAITING)
    if not may_leave(held, person.connection).exists():
        return found
    return replace(_with(found, _HELD), is_here=True, fix=_DECIDE)


def _walked(facts: Facts, person: DirectoryPerson, why: Leaving | None, judged: bool) -> Trace:
    """Somebody here whose record the latest run left aside stayed as they were: of that record little is known."""
    unused = facts.problem if why is None and facts.was_here else None
    if unused is None or unused.code == problems.DUPLICATE_ID:  # the first of two was used
        return _as_noted(trace(facts), person, why, judged)
    if unused.code not in problems.READ:
        return trace(replace(facts, person=None, unreadable=unused.code))
    return _with(_as_noted(trace(facts), person, why, judged), _not_used(unused))


def _as_noted(found: Trace, person: DirectoryPerson, why: Leaving | None, judged: bool) -> Trace:
    """The steps of which the values in the directory do not tell the whole, as they are noted or not."""
    if why is Leaving.OUTSIDE:
        found = replace(_with(found, _directory(person)), is_here=person.state == PersonState.ACTIVE)
        return found if judged else replace(_with(found, _OUTSIDE), fix=_ASK)
    if person.left_because == EXPIRED:
        return replace(found, steps=tuple(map(_and_expired, found.steps)))
    if why is not Leaving.ABSENT and not judged:
        found = _with(found, _INSIDE)
    if why is None and person.state == PersonState.ACTIVE:
        return _without_unnoted(found, person, judged)
    return found


def _without_unnoted(found: Trace, person: DirectoryPerson, judged: bool) -> Trace:
    """Nobody wrote down that somebody would have left, had nothing kept them: that is known of the HR system alone.

    Nor is anything known that holds for what was changed here, before a run has read their record afresh.
    """
    unread = str(person.raw_digest) == NO_DIGEST
    ways = tuple(Leaving) if unread else _kept_ways(person, judged)
    words = _UNREAD if unread else _LEFT_ALONE
    for step in (step for way in ways for step in _STEPS_OF[way]):
        found = _with(found, TraceStep(step, None, words))
    return replace(found, fix=_ASK_FIRST) if ways else found


def _kept_ways(person: DirectoryPerson, judged: bool) -> tuple[Leaving, ...]:
    """The ways of leaving that would not show: they stay, and so does all that the directory has of them.

    Whoever stays outside of the filter is kept in step nevertheless, so the filter can be asked, unless about the status.
    """
    rules = person.connection.rules
    ways = [way for way in Leaving if person.protected or rules.policy.on(way) is OnLeave.KEEP]
    asked = judged and not person.edited_at and STATUS_FIELD not in rules.filter.fields
    return tuple(way for way in ways if way is not Leaving.OUTSIDE or not asked)


def known_of(person: DirectoryPerson | None) -> Known | None:
    """What the directory has of somebody, for the engine."""
    if person is None:
        return None
    attributes = {name: str(getattr(person, name)) for name in ATTRIBUTES}
    return Known(person.state == PersonState.ACTIVE, attributes, person.protected, person.kept)


def name_of(connection: Connection, source_id: str) -> str:
    """What somebody is called whom the HR system names by its key; "" for nobody of this connection."""
    if not source_id:
        return ""
    found = DirectoryPerson.objects.filter(connection=connection, source_id=source_id).first()
    return str(found) if found else ""


def last_problem(connection: Connection, source_id: str) -> Found | None:
    """What the latest run found about a record, remarks aside."""
    run = latest_reading(connection)
    row = Problem.objects.filter(run=run, source_id=source_id).exclude(code__in=problems.REMARKS).first()
    return Found(row.code, source_id, row.person_name, row.field, row.shape) if row else None


def _not_used(problem: Found) -> TraceStep:
    told = problems.words(problem.code)
    title = small(told.title)
    words = say(
        "The last run could not use their record: %(problem)s. They stayed as they were.", problem=title
    )
    return TraceStep("mapping", False, words, (say(told.meaning), say(told.remedy)))


def _left_because(person: DirectoryPerson) -> Leaving | None:
    """Why the HR system's answer speaks against them, None when it does not."""
    if person.state == PersonState.ACTIVE:
        held = Held.objects.filter(person=person, state=HeldState.WAITING).first()
        said = held.why if held else person.kept
    elif (said := person.left_because) == "released":
        held = Held.objects.filter(person=person, state=HeldState.RELEASED).order_by("-pk").first()
        said = held.why if held else ""
    return Leaving(said) if said in list(Leaving) else None


def _has_event(person: DirectoryPerson, rules: Rules) -> bool:
    """Whoever is here has one, unless they are kept without: then no group of an event has them."""
    if person.state != PersonState.ACTIVE or rules.policy.group_by != BY_EVENT:
        return True
    return Membership.objects.filter(person=person, group__source=BY_EVENT).exists()


def _status(why: Leaving | None) -> Status:
    return Status.TERMINATED if why is Leaving.TERMINATED else Status.ACTIVE


def _fields_again(person: DirectoryPerson, rules: Rules) -> tuple[Mapping[str, str], bool]:
    """The HR system's fields as far as the directory has them unchanged, and whether the filter needs no others."""
    fields: dict[str, str] = {}
    for origin in rules.mapping.origins:
        if len(origin.fields) == 1 and not origin.steps and (value := getattr(person, origin.attribute)):
            fields[origin.fields[0]] = value
    email = rules.mapping.origin("email")
    for name in email.fields if email else ():
        fields.setdefault(name, person.email)
    # What is empty here may be full there: only a field that is mapped as it is can be judged.
    plain = {
        one.fields[0]
        for one in rules.mapping.origins
        if len(one.fields) == 1 and not one.steps and one.when is When.ALWAYS
    }
    return fields, rules.filter.fields <= plain | {STATUS_FIELD, EVENT_FIELD}


def _is_out_by(person: DirectoryPerson, rules: Rules, fields: Mapping[str, str]) -> bool:
    """Whether the filter does not let in what the directory has of somebody, which still says what the HR system said."""
    if person.edited_at or rules.filter.fields & {STATUS_FIELD, EVENT_FIELD}:
        return False
    since = Receipt.objects.filter(connection=person.connection, confirmed_at__gte=person.created_at)
    changes = since.filter(purpose=Purpose.CHANGE).values_list("before__mapping", "after__mapping")
    return all(old == new for old, new in changes) and not rules.filter.judge(fields).inside


def _with(found: Trace, step: TraceStep) -> Trace:
    return replace(found, steps=tuple(step if one.step == step.step else one for one in found.steps))


def _and_expired(step: TraceStep) -> TraceStep:
    return replace(step, details=(_EXPIRED, *step.details)) if step.step == "directory" else step


def _directory(person: DirectoryPerson) -> TraceStep:
    if person.state != PersonState.ACTIVE:
        return TraceStep("directory", False, say("They are not in the directory any more."))
    if person.kept or person.protected:
        words = say("They are still in the directory: somebody decided that they stay.")
        return TraceStep("directory", True, words)
    if person.connection.state == ConnectionState.DISCONNECTED:
        return TraceStep("directory", True, say("They are in the directory."))
    return _HELD
