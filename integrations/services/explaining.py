""" "Why is … (not) here?" from stored facts: at once, and only as far as the latest run's words reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from integrations.engine import problems
from integrations.engine.diff import Known
from integrations.engine.explain import Facts, Trace, TraceStep, trace
from integrations.engine.mapping import When
from integrations.engine.policy import BY_EVENT, Leaving
from integrations.engine.problems import Found
from integrations.engine.rules import Rules
from integrations.engine.saying import say
from integrations.models import (
    Connection,
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

_INSIDE = TraceStep("filter", True, say("They matched the filter when it was last looked at."))
_OUTSIDE = TraceStep(
    "filter", False, say("They did not match the filter any more when it was last looked at.")
)
_ASK = say("Ask the HR system now to see which condition it is, and what would bring them in.")


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
    listed, fell_out = why is not Leaving.ABSENT, why is Leaving.OUTSIDE
    judged = whole and (not fell_out or _is_out_by(person, rules, fields))
    facts = Facts(
        person=Person(person.source_id, _status(why), fields) if listed else None,
        has_event=_has_event(person, rules),
        known=known_of(person),
        protected=person.protected,
        kept=person.kept,
        problem=last_problem(person.connection, person.source_id),
        rules=rules if judged else replace(rules, filter=type(rules.filter)()),
        unreadable="",
    )
    found = trace(facts)
    if fell_out:
        found = replace(_with(found, _directory(person)), is_here=person.state == PersonState.ACTIVE)
        found = found if judged else replace(_with(found, _OUTSIDE), fix=_ASK)
    elif listed and not judged:
        found = _with(found, _INSIDE)
    return Explained(found, judged)


def known_of(person: DirectoryPerson | None) -> Known | None:
    """What the directory has of somebody, for the engine."""
    if person is None:
        return None
    attributes = {name: str(getattr(person, name)) for name in ATTRIBUTES}
    return Known(person.state == PersonState.ACTIVE, attributes, person.protected, person.kept)


def last_problem(connection: Connection, source_id: str) -> Found | None:
    """What the latest run found about a record, remarks aside."""
    run = latest_reading(connection)
    row = Problem.objects.filter(run=run, source_id=source_id).exclude(code__in=problems.REMARKS).first()
    return Found(row.code, source_id, row.person_name, row.field, row.shape) if row else None


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


def _directory(person: DirectoryPerson) -> TraceStep:
    if person.state != PersonState.ACTIVE:
        return TraceStep("directory", False, say("They are not in the directory any more."))
    stays = person.kept or person.protected
    if stays:
        words = say("They are still in the directory: somebody decided that they stay.")
    else:
        words = say("They are still in the directory: their removal is held, and waits for a decision.")
    return TraceStep("directory", True, words)
