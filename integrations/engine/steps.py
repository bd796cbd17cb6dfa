"""The five steps of an explanation, each a sentence with what it was made of. Used by engine.explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from integrations.engine import problems
from integrations.engine.filtering import Because, Clause, Rule, Verdict
from integrations.engine.mapping import Mapped
from integrations.engine.pipeline import permitted
from integrations.engine.policy import Leaving, OnLeave
from integrations.engine.variants import clause_words, quoted
from integrations.engine.whatif import BLOCKING, LEAVERS, STATUSES, Facts
from integrations.people import ATTRIBUTES, Person, Status, field_label

StepName = Literal["listed", "status", "filter", "mapping", "directory"]
_UNKNOWN = "Not known, because there is no record to look at."


@dataclass(frozen=True, slots=True)
class TraceStep:
    """`ok` is None where the step has no answer. `words` is a sentence, `details` are what it was made of."""

    step: StepName
    ok: bool | None
    words: str
    details: tuple[str, ...] = ()


def listed(facts: Facts) -> TraceStep:
    if facts.unreadable:
        found = problems.words(facts.unreadable)
        words = f"The HR system lists them, but their record cannot be read: {_small(found.title)}."
        return TraceStep("listed", False, words, (found.meaning, *_shape(facts)))
    if facts.person is None:
        return TraceStep("listed", False, "The HR system does not list them for this connection.")
    return TraceStep("listed", True, "The HR system lists them.", (f"Id there: {facts.person.source_id}",))


def _shape(facts: Facts) -> tuple[str, ...]:
    found = facts.problem
    if found is None or not found.field:
        return ()
    return (f"{field_label(found.field)}: {found.shape}" if found.shape else field_label(found.field),)


def status(facts: Facts) -> TraceStep:
    if facts.person is None:
        return TraceStep("status", None, _UNKNOWN)
    status = facts.person.status
    details = (f"Status: {STATUSES[status]}",)
    if status.works_here:
        return TraceStep("status", True, "They work there.", details)
    if status is Status.TERMINATED:
        return TraceStep("status", False, "The HR system says that they have left.", details)
    if facts.was_here:
        return TraceStep("status", True, "They have not started yet. Whoever is here already stays.", details)
    return TraceStep(
        "status", False, "They have not started yet. They come in when they work there.", details
    )


def filtered(facts: Facts) -> TraceStep:
    if facts.person is None:
        return TraceStep("filter", None, _UNKNOWN)
    chosen, fields = facts.rules.filter, facts.fields
    verdict = chosen.judge(fields)
    return TraceStep(
        "filter", verdict.inside, _verdict(verdict, len(chosen.include)), _clauses(facts, verdict)
    )


def _verdict(verdict: Verdict, rules: int) -> str:
    number = (verdict.rule or 0) + 1
    match verdict.because:
        case Because.NO_FILTER:
            return "Nothing in the filter keeps them out."
        case Because.INCLUDED:
            return f"They match include rule {number} of the filter."
        case Because.EXCLUDED:
            return f"Exclude rule {number} of the filter keeps them out."
        case Because.NOT_INCLUDED:
            return "They do not match the filter." if rules == 1 else "They match no rule of the filter."


def _clauses(facts: Facts, verdict: Verdict) -> tuple[str, ...]:
    """What held of the rule that decided; of rules that did not match, what did not hold."""
    chosen, fields = facts.rules.filter, facts.fields
    if verdict.because is Because.NOT_INCLUDED:
        return tuple(_failed(number, rule, fields) for number, rule in enumerate(chosen.include, start=1))
    if verdict.rule is None:
        return ()
    rule = (chosen.exclude if verdict.because is Because.EXCLUDED else chosen.include)[verdict.rule]
    return tuple(_compared(clause, fields) for clause in rule)


def _failed(number: int, rule: Rule, fields: Mapping[str, str]) -> str:
    failed = (_compared(clause, fields) for clause in rule if not clause.holds(fields))
    return f"Rule {number} asks: {'; '.join(failed)}"


def _compared(clause: Clause, fields: Mapping[str, str]) -> str:
    return f"{clause_words(clause)} (they have {_value(fields.get(clause.field, ''))})"


def _value(value: str) -> str:
    return quoted(value) if value else "nothing there"


def mapping(facts: Facts) -> TraceStep:
    if facts.person is None:
        return TraceStep("mapping", None, _UNKNOWN)
    person = permitted(facts.person, facts.rules)
    mapped = facts.rules.mapping.apply(person)
    if mapped.attributes is None:
        details = tuple(_told(found) for found in mapped.problems)
        title = problems.words(mapped.problems[0].code).title
        return TraceStep(
            "mapping", False, f"They have no e-mail address that can be used: {_small(title)}.", details
        )
    words = f"Their e-mail address is {mapped.attributes['email']}."
    return TraceStep("mapping", True, words, _origins(facts, person, mapped))


def _told(found: problems.Found) -> str:
    return f"{field_label(found.field)}: {found.shape}"


def _origins(facts: Facts, person: Person, mapped: Mapped) -> tuple[str, ...]:
    """Each attribute with its value and the fields that it comes from."""
    values, lines = mapped.attributes or {}, []
    for origin in facts.rules.mapping.origins:
        if value := values[origin.attribute]:
            given = [name for name in origin.fields if person.fields.get(name)]
            if not given and origin.attribute == "email":
                given = [facts.rules.mapping.instead_of_email]
            label = ATTRIBUTES[origin.attribute]
            came = f" (from {', '.join(map(field_label, given))})" if given else ""
            lines.append(f"{label}: {value}{came}")
    return (*lines, *(f"{problems.words(one.code).title}: {_told(one)}" for one in mapped.problems))


def directory(facts: Facts, stays: bool) -> TraceStep:
    details = _decided(facts)
    if not stays and facts.problem and facts.problem.code in BLOCKING:
        details = (problems.words(facts.problem.code).meaning, *details)
    return TraceStep("directory", stays, _outcome(facts, stays), details)


def _outcome(facts: Facts, stays: bool) -> str:
    match (facts.was_here, stays):
        case (True, True):
            kept = _kept(facts)
            return (
                f"They are in the directory and stay there: {kept}." if kept else "They are in the directory."
            )
        case (True, False):
            return "They are still in the directory. The next run deactivates them, unless a person holds it."
        case (False, True):
            return "They are not in the directory yet. The next run brings them " + (
                "back." if facts.known else "in."
            )
    return "They are not in the directory" + (" any more." if facts.known else ".")


def _leaving(facts: Facts) -> Leaving | None:
    """How they would leave if nobody had decided otherwise."""
    if facts.unreadable:
        return None
    if facts.person is None:
        return Leaving.ABSENT
    if facts.person.status is Status.TERMINATED:
        return Leaving.TERMINATED
    return None if facts.rules.filter.judge(facts.fields).inside else Leaving.OUTSIDE


def _kept(facts: Facts) -> str:
    """Why somebody stays who would leave, "" when they would not."""
    why = _leaving(facts)
    if why is None:
        return ""
    if facts.protected:
        return "they are protected"
    return "a person decided to keep them" if facts.kept else f"the connection keeps {LEAVERS[why]}"


def _decided(facts: Facts) -> tuple[str, ...]:
    """What people and policies decided about them."""
    said = []
    if facts.protected:
        said.append("They are protected: no run deactivates them.")
    if facts.kept:
        said.append("A person rejected their removal; it lasts until the HR system lists them as before.")
    why = _leaving(facts)
    if why and facts.rules.policy.on(why) is OnLeave.KEEP:
        said.append(f"The connection keeps {LEAVERS[why]}.")
    return tuple(said)


def _small(title: str) -> str:
    return title[:1].lower() + title[1:]
