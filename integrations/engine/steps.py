"""The five steps of an explanation, each a sentence with what it was made of. Used by engine.explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from integrations.engine import problems
from integrations.engine.filtering import Because, Clause, Rule, Verdict
from integrations.engine.mapping import Mapped
from integrations.engine.pipeline import permitted
from integrations.engine.policy import Leaving, OnLeave
from integrations.engine.saying import Said, as_data, from_data, listing, quoted, say, small
from integrations.engine.variants import STATUSES, clause_words
from integrations.engine.whatif import BLOCKING, LEAVERS, Facts
from integrations.people import ATTRIBUTES, Person, Status, field_label

StepName = Literal["listed", "status", "filter", "mapping", "directory"]
_UNKNOWN = say("Not known, because there is no record to look at.")


@dataclass(frozen=True, slots=True)
class TraceStep:
    """`ok` is None where the step has no answer. `words` is a sentence, `details` are what it was made of."""

    step: StepName
    ok: bool | None
    words: str
    details: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        words, details = as_data(self.words), list(map(as_data, self.details))
        return {"step": self.step, "ok": self.ok, "words": words, "details": details}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> TraceStep:
        details = tuple(map(from_data, data["details"]))
        return cls(data["step"], data["ok"], from_data(data["words"]), details)


def listed(facts: Facts) -> TraceStep:
    if facts.unreadable:
        found = problems.words(facts.unreadable)
        words = say(
            "The HR system lists them, but their record cannot be read: %(problem)s.",
            problem=small(found.title),
        )
        return TraceStep("listed", False, words, (say(found.meaning), *_shape(facts)))
    if facts.person is None:
        return TraceStep("listed", False, say("The HR system does not list them for this connection."))
    number = say("Id there: %(id)s", id=facts.person.source_id)
    return TraceStep("listed", True, say("The HR system lists them."), (number,))


def _shape(facts: Facts) -> tuple[str, ...]:
    found = facts.problem
    if found is None or not found.field:
        return ()
    return (_told(found) if found.shape else say(field_label(found.field)),)


def status(facts: Facts) -> TraceStep:
    if facts.person is None:
        return TraceStep("status", None, _UNKNOWN)
    status = facts.person.status
    details = (say("Status: %(status)s", status=STATUSES[status]),)
    if status.works_here:
        return TraceStep("status", True, say("They work there."), details)
    if status is Status.TERMINATED:
        return TraceStep("status", False, say("The HR system says that they have left."), details)
    if facts.was_here:
        words = say("They have not started yet. Whoever is here already stays.")
        return TraceStep("status", True, words, details)
    words = say("They have not started yet. They come in when they work there.")
    return TraceStep("status", False, words, details)


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
            return say("Nothing in the filter keeps them out.")
        case Because.INCLUDED:
            return say("They match include rule %(number)s of the filter.", number=number)
        case Because.EXCLUDED:
            return say("Exclude rule %(number)s of the filter keeps them out.", number=number)
        case Because.NOT_INCLUDED if rules == 1:
            return say("They do not match the filter.")
        case Because.NOT_INCLUDED:
            return say("They match no rule of the filter.")


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
    return say("Rule %(number)s asks: %(clauses)s", number=number, clauses=listing(failed, "; "))


def _compared(clause: Clause, fields: Mapping[str, str]) -> str:
    value = fields.get(clause.field, "")
    has = quoted(value) if value else say("nothing there")
    return say("%(clause)s (they have %(value)s)", clause=clause_words(clause), value=has)


def mapping(facts: Facts) -> TraceStep:
    if facts.person is None:
        return TraceStep("mapping", None, _UNKNOWN)
    person = permitted(facts.person, facts.rules)
    mapped = facts.rules.mapping.apply(person)
    if mapped.attributes is None:
        details = tuple(_told(found) for found in mapped.problems)
        title = small(problems.words(mapped.problems[0].code).title)
        words = say("They have no e-mail address that can be used: %(problem)s.", problem=title)
        return TraceStep("mapping", False, words, details)
    words = say("Their e-mail address is %(email)s.", email=mapped.attributes["email"])
    return TraceStep("mapping", True, words, _origins(facts, person, mapped))


def _told(found: problems.Found) -> str:
    return _named(field_label(found.field), problems.shape_told(found.shape))


def _named(label: str, value: str) -> Said:
    return say("%(name)s: %(value)s", name=say(label), value=value)


def _origins(facts: Facts, person: Person, mapped: Mapped) -> tuple[str, ...]:
    """Each attribute with its value and the fields that it comes from."""
    values, lines = mapped.attributes or {}, list[str]()
    for origin in facts.rules.mapping.origins:
        if value := values[origin.attribute]:
            given = [name for name in origin.fields if person.fields.get(name)]
            if not given and origin.attribute == "email":
                given = [facts.rules.mapping.instead_of_email]
            shown = facts.manager if origin.attribute == "manager_id" else ""
            line = _named(ATTRIBUTES[origin.attribute], shown or value)
            if given:
                came = listing(say(field_label(name)) for name in given)
                line = say("%(line)s (from %(fields)s)", line=line, fields=came)
            lines.append(line)
    return (*lines, *(_named(problems.words(one.code).title, _told(one)) for one in mapped.problems))


def directory(facts: Facts, stays: bool) -> TraceStep:
    details = _decided(facts)
    if not stays and facts.problem and facts.problem.code in BLOCKING:
        details = (say(problems.words(facts.problem.code).meaning), *details)
    return TraceStep("directory", stays, _outcome(facts, stays), details)


def _outcome(facts: Facts, stays: bool) -> str:
    match (facts.was_here, stays):
        case (True, True):
            if kept := _kept(facts):
                return say("They are in the directory and stay there: %(why)s.", why=kept)
            return say("They are in the directory.")
        case (True, False):
            return say(
                "They are still in the directory. The next run deactivates them, unless a person holds it."
            )
        case (False, True) if facts.known:
            return say("They are in the directory, deactivated. The next run brings them back.")
        case (False, True):
            return say("They are not in the directory yet. The next run brings them in.")
    if facts.known:
        return say("They are not in the directory any more.")
    return say("They are not in the directory.")


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
        return say("they are protected")
    if facts.kept == why:
        return say("a person decided to keep them")
    return say("the connection keeps %(who)s", who=LEAVERS[why])


def _decided(facts: Facts) -> tuple[str, ...]:
    """What people and policies decided about them."""
    said = list[str]()
    if facts.protected:
        said.append(say("They are protected: no run deactivates them."))
    if facts.kept:
        said.append(
            say("A person rejected their removal; it lasts until the HR system lists them as before.")
        )
    why = _leaving(facts)
    if why and facts.rules.policy.on(why) is OnLeave.KEEP:
        said.append(say("The connection keeps %(who)s.", who=LEAVERS[why]))
    return tuple(said)
