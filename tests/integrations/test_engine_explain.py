""" "Why is … (not) here?": the explanation says what a run does, and its smallest change really alters it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.engine.diff import Known, LineKind
from integrations.engine.explain import Facts, Trace, trace
from integrations.engine.pipeline import Keyed, identify, judge, with_events
from integrations.engine.problems import Found
from integrations.engine.rules import Rules
from integrations.engine.whatif import changes, is_here, smallest
from integrations.people import ATTRIBUTES, Person, Status
from tests.integrations.sources import MAPPING, ListSource

sixty = settings(max_examples=60, deadline=None)
CARE = {"field": "department", "op": "one_of", "values": ["Care", "Surgery"]}
GERMANY = {"field": "country", "op": "is", "values": ["Germany"]}
INTERN = {"field": "employment_type", "op": "contains", "values": ["intern"]}
EARLY = {"field": "hired_on", "op": "before", "values": ["2024-01-01"]}
EVENT = {"field": "event", "op": "present", "values": []}
ON_LEAVE = {"field": "status", "op": "is", "values": ["leave"]}
READER = ListSource(())
JANE = {
    "first_name": "Jane",
    "last_name": "Doe",
    "work_email": "jane@example.com",
    "department": "Care",
    "country": "Germany",
    "hired_on": "2020-05-01",
}
fields = st.fixed_dictionaries(
    {"first_name": st.just("Jane")},
    optional={
        "work_email": st.sampled_from(("jane@example.com", "nonsense")),
        "personal_email": st.just("jane@home.example"),
        "department": st.sampled_from(("Care", "Admin")),
        "country": st.sampled_from(("Germany", "France")),
        "employment_type": st.sampled_from(("Interns", "Staff")),
        "hired_on": st.sampled_from(("2020-05-01", "2025-05-01", "soon")),
    },
)
clauses = st.sampled_from((CARE, GERMANY, INTERN, EARLY, EVENT, ON_LEAVE))
some = st.lists(st.lists(clauses, min_size=1, max_size=2), max_size=2)
leaves = st.sampled_from(("deactivate", "keep"))
rules = st.builds(
    lambda include, exclude, policy, declined: Rules.of(
        MAPPING, filter={"include": include, "exclude": exclude}, policy=policy, declined=declined
    ),
    some,
    some,
    st.fixed_dictionaries(
        {"terminated": leaves, "absent": leaves, "outside": leaves},
        optional={"no_address": st.just("personal")},
    ),
    st.sampled_from(((), ("department",))),
)
facts = st.builds(
    Facts,
    person=st.none() | st.builds(Person, st.just("k1"), st.sampled_from(Status), fields),
    has_event=st.booleans(),
    known=st.none() | st.booleans().map(lambda active: Known(active, dict.fromkeys(ATTRIBUTES, ""))),
    protected=st.booleans(),
    kept=st.sampled_from(("", "absent", "outside")),
    problem=st.sampled_from((None, Found("duplicate_email"), Found("shortened"))),
    rules=rules,
)


def about(
    person: Person | None, known: Known | None = None, *, rules: Rules | None = None, **more: Any
) -> Facts:
    plain: dict[str, Any] = {"has_event": False, "protected": False, "kept": "", "problem": None}
    rules = rules or Rules.of(MAPPING, filter={"include": [[CARE, GERMANY]], "exclude": [[INTERN]]})
    return Facts(person=person, known=known, rules=rules, **{**plain, **more})


def jane(status: Status = Status.ACTIVE, **more: str) -> Person:
    return Person("k1", status, {name: value for name, value in {**JANE, **more}.items() if value})


HERE = Known(True, dict.fromkeys(ATTRIBUTES, ""))
GONE = replace(HERE, active=False)


@sixty
@given(facts)
def test_the_explanation_agrees_with_what_a_run_does(found: Facts) -> None:
    """The run's own way: the record identified, then judged against what the directory has."""
    found = replace(found, problem=None)
    if found.person is None:
        return
    sent = {"id": "k1", "status": found.person.status.value, "fields": dict(found.person.fields)}
    keyed: tuple[Keyed, ...] = identify([sent], READER, found.rules).keyed
    keyed = with_events(keyed, {"k1"} if found.has_event else ())
    known = found.known and replace(found.known, shielded=found.protected, kept=found.kept)
    judged = judge(keyed, {"k1": known} if known else {}, READER, found.rules)
    active = bool(known and known.active)
    for line in judged.lines:
        active = line.kind is not LineKind.DEACTIVATED
    assert trace(found).is_here is active


@sixty
@given(facts)
def test_the_smallest_change_really_alters_the_outcome(found: Facts) -> None:
    now = is_here(found)
    single = [change for change in changes(found) if is_here(change.facts) != now]
    answer = smallest(found)
    assert all(is_here(change.facts) is not now for change in answer)
    if single:  # nobody is told to do two things where one is enough
        assert all(change in single for change in answer)
    told = trace(found)
    assert all(change.words in told.fix for change in answer[:2])


@sixty
@given(facts)
def test_a_trace_is_five_sentences_that_survive_being_stored(found: Facts) -> None:
    told = trace(found)
    assert [step.step for step in told.steps] == ["listed", "status", "filter", "mapping", "directory"]
    assert all(step.words.endswith(".") for step in told.steps)
    assert told.fix.endswith(".")
    assert told.steps[-1].ok is told.is_here
    assert Trace.from_data(json.loads(json.dumps(told.as_data()))) == told


@pytest.mark.parametrize(
    ("facts", "fix"),
    [
        (
            about(jane(department="Admin")),
            "They come in as soon as Department is one of “Care”, “Surgery” in the HR system, not “Admin”, "
            "or as soon as include rule 1 also lets Department be “Admin”.",
        ),
        (
            about(jane(employment_type="Intern")),
            "They come in as soon as Employment type does not contain “intern” in the HR system, "
            "or as soon as exclude rule 1 is taken out of the filter.",
        ),
        (
            about(jane(work_email="")),
            "They come in as soon as Work e-mail in the HR system holds an e-mail address that can be used.",
        ),
        (
            about(jane(Status.TERMINATED), GONE),
            "They come in as soon as their status in the HR system is “Active”, not “Has left”.",
        ),
        (
            about(jane(Status.TERMINATED), HERE, protected=True),
            "They leave as soon as their protection is lifted.",
        ),
        (about(None, HERE, kept="absent"), "They leave as soon as the decision to keep them is taken back."),
        (
            about(None),
            "They come in as soon as the HR system lists them for this connection as somebody who works there.",
        ),
        (
            about(jane(department="Admin", country="France")),
            "They come in as soon as Department is one of “Care”, “Surgery” in the HR system, not “Admin” "
            "and Country is “Germany” in the HR system, not “France”.",
        ),
        (
            about(jane(Status.TERMINATED, department="Admin", country="France")),
            "More than two things would have to change: begin with the first step that says no.",
        ),
        (about(None, unreadable="bad_date"), "Correct the date in the HR system."),
        (
            about(jane(), problem=Found("duplicate_email")),
            "They come in as soon as the problem “Two people, one e-mail address” is solved.",
        ),
        (
            about(jane(), HERE),
            "They leave as soon as their status in the HR system is “Has left”, not “Active”, "
            "or as soon as include rule 1 no longer names “Care”.",
        ),
    ],
)
def test_the_smallest_change_in_words(facts: Facts, fix: str) -> None:
    assert trace(facts).fix == fix


def test_the_clause_that_failed_is_named_with_the_value_that_the_person_has() -> None:
    step = trace(about(jane(department="Admin", country=""))).steps[2]
    assert (step.ok, step.words) == (False, "They do not match the filter.")
    assert step.details == (
        "Rule 1 asks: Department is one of “Care”, “Surgery” (they have “Admin”); "
        "Country is “Germany” (they have nothing there)",
    )


def test_an_explanation_shows_no_field_that_the_rules_do_not_use() -> None:
    hidden = {"personal_email": "secret@home.example", "custom.shoe": "size 38"}
    person = Person("k1", Status.ACTIVE, {**JANE, **hidden})
    rules = Rules.of(MAPPING, declined=["department"])
    told = str(trace(about(person, rules=rules)).as_data())
    assert "jane@example.com" in told
    assert not any(value in told for value in (*hidden.values(), "Care", "2020-05-01"))


def test_somebody_with_a_problem_of_the_directory_who_is_here_stays() -> None:
    assert trace(about(jane(), HERE, problem=Found("duplicate_email"))).is_here
    assert not trace(about(jane(), GONE, problem=Found("owned_elsewhere"))).is_here
    assert not trace(about(jane(Status.TERMINATED), HERE, problem=Found("duplicate_email"))).is_here
    assert trace(about(None, HERE, unreadable="wrong_type")).is_here
