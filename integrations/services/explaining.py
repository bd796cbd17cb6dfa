""" "Why is … (not) here?" from stored facts: at once, and only as far as the latest run's words reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from integrations.engine import problems
from integrations.engine.diff import Known
from integrations.engine.explain import Facts, Trace, TraceStep, trace
from integrations.engine.policy import Leaving
from integrations.engine.problems import Found
from integrations.engine.rules import Rules
from integrations.engine.saying import say
from integrations.models import Connection, DirectoryPerson, Held, HeldState, PersonState, Problem
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
    """The five steps as the latest run left them. Somebody fallen out of the filter may have other values by now."""
    rules = person.connection.rules
    why = _left_because(person)
    fields, whole = _fields_again(person, rules)
    listed = why is not Leaving.ABSENT
    judged = whole and why is not Leaving.OUTSIDE
    facts = Facts(
        person=Person(person.source_id, _status(why), fields) if listed else None,
        has_event=True,
        known=known_of(person),
        protected=person.protected,
        kept=person.kept,
        problem=last_problem(person.connection, person.source_id),
        rules=rules if judged else replace(rules, filter=type(rules.filter)()),
        unreadable="",
    )
    found = trace(facts)
    if why is Leaving.OUTSIDE:
        found = _with(_with(found, _OUTSIDE), _directory(person))
        found = replace(found, is_here=person.state == PersonState.ACTIVE, fix=_ASK)
    elif listed and not judged:
        found = _with(found, _INSIDE)
    return Explained(found, judged)


def known_of(person: DirectoryPerson | None) -> Known | None:
    """What the directory has of somebody, for the engine."""
    if person is None:
        return None
    attributes = {name: str(getattr(person, name)) for name in ATTRIBUTES}
    return Known(person.state == PersonState.ACTIVE, attributes, person.protected or bool(person.kept))


def last_problem(connection: Connection, source_id: str) -> Found | None:
    """What the latest run found about a record, unless a value of it was only shortened."""
    run = latest_reading(connection)
    row = Problem.objects.filter(run=run, source_id=source_id).exclude(code=problems.SHORTENED).first()
    return Found(row.code, source_id, row.person_name, row.field, row.shape) if row else None


def _left_because(person: DirectoryPerson) -> Leaving | None:
    """Why the HR system's answer speaks against them, None when it does not."""
    said = person.left_because if person.state != PersonState.ACTIVE else person.kept
    if said == "released":
        held = Held.objects.filter(person=person, state=HeldState.RELEASED).order_by("-pk").first()
        said = held.why if held else ""
    if not said and person.state == PersonState.ACTIVE:
        held = Held.objects.filter(person=person, state=HeldState.WAITING).first()
        said = held.why if held else ""
    return Leaving(said) if said in list(Leaving) else None


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
    plain = {one.fields[0] for one in rules.mapping.origins if len(one.fields) == 1 and not one.steps}
    return fields, rules.filter.fields <= plain | {STATUS_FIELD, EVENT_FIELD}


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
