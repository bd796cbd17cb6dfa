"""From the fields of a person to the attributes of the directory: steps, modes, and the e-mail address."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.engine.diff import Known, compare
from integrations.engine.mapping import AttributeMapping, When
from integrations.engine.pipeline import identify, judge
from integrations.engine.rules import Rules
from integrations.engine.transforms import CASES, DATES, Do, Step, pipe
from integrations.people import ATTRIBUTES, Person, Status
from tests.integrations.sources import MAPPING, ListSource, record

sixty = settings(max_examples=60, deadline=None)
texts = st.text(max_size=20)
steps = st.one_of(
    st.sampled_from((Step(Do.TRIM), Step(Do.FIRST))),
    st.sampled_from(CASES).map(lambda how: Step(Do.CASE, how=how)),
    st.sampled_from(DATES).map(lambda how: Step(Do.DATE, how=how)),
    st.builds(lambda by: Step(Do.JOIN, by=by), texts),
    st.builds(
        lambda by, part: Step(Do.SPLIT, by=by, part=part),
        st.text(min_size=1, max_size=3),
        st.integers(-100, 100),
    ),
    st.builds(lambda value: Step(Do.CONSTANT, value=value), st.text(min_size=1, max_size=9)),
    st.builds(
        lambda table, value: Step(Do.LOOKUP, table=table, value=value),
        st.dictionaries(texts, texts, max_size=4),
        texts,
    ),
)
pipes = st.lists(steps, max_size=10)


def person(**fields: str) -> Person:
    return Person("k1", Status.ACTIVE, {"work_email": "jane@example.com", **fields})


def mapped(spec: Any, **fields: str) -> str:
    found = AttributeMapping.of({"email": "work_email", "city": spec}).apply(person(**fields)).attributes
    assert found is not None
    return found["city"]


@sixty
@given(pipes, st.lists(texts | st.dates().map(str), max_size=4))
def test_steps_never_fail_and_always_give_text(chosen: list[Step], values: list[str]) -> None:
    assert isinstance(pipe(chosen)(values), str)


@sixty
@given(pipes)
def test_a_stored_step_is_the_one_that_was_stored(chosen: list[Step]) -> None:
    assert [Step.from_data(step.as_data()) for step in chosen] == chosen


@pytest.mark.parametrize(
    ("step", "values", "becomes"),
    [
        ({"do": "trim"}, ["  Ward \t 3 "], "Ward 3"),
        ({"do": "case", "how": "title"}, ["o'neil-MEYER"], "O'Neil-Meyer"),
        ({"do": "case", "how": "title"}, ["women's health"], "Women's Health"),
        ({"do": "case", "how": "title"}, ["O’BRIEN and d'angelo’s"], "O’Brien And D'Angelo’s"),
        ({"do": "case", "how": "title"}, ["mcdonald ÄRZTE-haus straße ßa"], "Mcdonald Ärzte-Haus Straße Ssa"),
        ({"do": "case", "how": "upper"}, ["straße"], "STRASSE"),
        ({"do": "join", "by": ", "}, ["Berlin", "", "Mitte"], "Berlin, Mitte"),
        ({"do": "split", "by": "/", "part": -1}, ["DE / Berlin / Mitte"], "Mitte"),
        ({"do": "split", "by": "/", "part": 5}, ["DE/Berlin"], ""),
        ({"do": "first"}, ["", "Berlin", "Mitte"], "Berlin"),
        ({"do": "constant", "value": "Head office"}, [""], "Head office"),
        ({"do": "lookup", "table": {"BER": "Berlin"}}, ["ber"], "Berlin"),
        ({"do": "lookup", "table": {"BER": "Berlin"}}, ["MUC"], "MUC"),
        ({"do": "lookup", "table": {"Human  Resources": "HR"}}, ["human  resources"], "HR"),
        ({"do": "lookup", "table": {"BER": "Berlin"}, "value": "Elsewhere"}, ["MUC"], "Elsewhere"),
        ({"do": "lookup", "table": {"BER": "Berlin"}, "value": "Elsewhere"}, [""], ""),
    ],
)
def test_what_each_step_does(step: dict[str, Any], values: list[str], becomes: str) -> None:
    assert pipe([Step.from_data(step)])(values) == becomes


@pytest.mark.parametrize("part", [10**30, -(10**30), 101])
def test_a_value_has_no_part_that_could_not_be_stored(part: int) -> None:
    with pytest.raises(ValueError, match="parts"):
        Step.from_data({"do": "split", "by": " ", "part": part})


@pytest.mark.parametrize(
    ("how", "value", "becomes"),
    [
        ("DD.MM.YYYY", "29.02.2024", "2024-02-29"),
        ("DD.MM.YYYY", "1.2.2024", "2024-02-01"),
        ("MM/DD/YYYY", "02/01/2024", "2024-02-01"),
        ("DD/MM/YYYY", "02/01/2024", "2024-01-02"),
        ("YYYYMMDD", " 20240201 ", "2024-02-01"),
        ("DD.MM.YYYY", "29.02.2023", "29.02.2023"),
        ("DD.MM.YYYY", "31.04.2024", "31.04.2024"),
        ("MM/DD/YYYY", "13/01/2024", "13/01/2024"),
        ("YYYYMMDD", "2024111", "2024111"),
        ("DD.MM.YYYY", "01.01.0000", "01.01.0000"),
        ("DD.MM.YYYY", "01.01.24", "01.01.24"),
        ("DD.MM.YYYY", "٠١.٠١.٢٠٢٤", "٠١.٠١.٢٠٢٤"),
        ("DD.MM.YYYY", "", ""),
    ],
)
def test_a_day_that_is_not_in_the_calendar_is_never_guessed(how: str, value: str, becomes: str) -> None:
    assert pipe([Step(Do.DATE, how=how)])([value]) == becomes


@sixty
@given(st.dates(), st.sampled_from(DATES))
def test_every_real_day_becomes_itself(day: Any, how: str) -> None:
    said = (
        how.replace("YYYY", f"{day.year:04}").replace("MM", f"{day.month:02}").replace("DD", f"{day.day:02}")
    )
    assert pipe([Step(Do.DATE, how=how)])([said]) == day.isoformat()


def test_several_fields_without_steps_mean_the_first_that_is_not_empty() -> None:
    assert mapped({"from": ["city", "custom.site"]}, **{"custom.site": "Ulm"}) == "Ulm"
    assert mapped({"from": ["city", "custom.site"]}, city="Bonn", **{"custom.site": "Ulm"}) == "Bonn"


@pytest.mark.parametrize(
    ("when", "has", "new", "known"),
    [
        (When.ALWAYS, "Bonn", "Ulm", "Ulm"),
        (When.NEW, "Bonn", "Ulm", "Bonn"),
        (When.NEW, "", "Ulm", ""),
        (When.EMPTY, "Bonn", "Ulm", "Bonn"),
        (When.EMPTY, "", "Ulm", "Ulm"),
    ],
)
def test_always_only_when_new_and_only_when_empty(when: When, has: str, new: str, known: str) -> None:
    mapping = AttributeMapping.of({"email": "work_email", "city": {"from": ["city"], "when": when.value}})
    desired = mapping.apply(person(city="Ulm")).attributes
    assert desired is not None
    directory = {**dict.fromkeys(ATTRIBUTES, ""), "email": "jane@example.com", "city": has}
    came = compare("k1", "d", Status.ACTIVE, None, desired, mapping.sometimes)
    stays = compare("k1", "d", Status.ACTIVE, Known(True, directory), desired, mapping.sometimes)
    assert came
    assert came.after["city"] == new
    assert stays
    assert {**directory, **stays.after}["city"] == known


@pytest.mark.parametrize(
    ("work", "personal", "address", "problem"),
    [
        ("w@example.com", "p@example.com", "w@example.com", None),
        ("", "p@example.com", "p@example.com", None),
        ("nonsense", "p@example.com", "p@example.com", None),
        ("", "", None, ("missing_work_email", "work_email")),
        ("", "nonsense", None, ("invalid_email", "personal_email")),
        ("nonsense", "", None, ("invalid_email", "work_email")),
    ],
)
def test_the_personal_address_stands_in_where_the_policy_says_so(
    work: str, personal: str, address: str | None, problem: tuple[str, str] | None
) -> None:
    rules = Rules.of(MAPPING, policy={"no_address": "personal"})
    found = rules.mapping.apply(Person("k", Status.ACTIVE, {"work_email": work, "personal_email": personal}))
    assert (found.attributes and found.attributes["email"]) == address
    assert [(one.code, one.field) for one in found.problems] == ([problem] if problem else [])
    skipping = Rules.of(MAPPING).mapping.apply(
        Person("k", Status.ACTIVE, {"personal_email": "p@example.com"})
    )
    assert [one.code for one in skipping.problems] == ["missing_work_email"]


def test_a_declined_field_reaches_neither_filter_nor_mapping() -> None:
    rules = Rules.of(
        {**MAPPING, "city": {"from": ["city", "office"]}},
        filter={"exclude": [[{"field": "custom.union", "op": "present"}]]},
        policy={"no_address": "personal"},
        declined=["department", "city", "custom.union", "personal_email"],
    )
    sent = [
        record("a", department="Care", city="Bonn", office="Hall", **{"custom.union": "yes"}),
        record("b", work_email=None, personal_email="b@example.com"),
    ]
    reader = ListSource(())
    judged = judge(identify(sent, reader, rules).keyed, {}, reader, rules)
    (line,) = judged.lines
    assert (line.source_id, line.after["city"], "department" in line.after) == ("a", "Hall", False)
    assert [one.code for one in judged.problems] == ["missing_work_email"]
    assert not rules.mapping.fields & {"department", "city", "personal_email"}


def test_nobody_can_come_in_without_any_field_for_the_address() -> None:
    for declined in (["work_email"], ["work_email", "personal_email"]):
        with pytest.raises(ValueError, match="e-mail"):
            Rules.of({"email": {"from": ["work_email"], "steps": [{"do": "trim"}]}}, declined=declined)


def test_equal_rules_have_one_digest_and_any_other_rule_another() -> None:
    said: dict[str, Any] = {
        "mapping": {"city": {"from": ["office"], "steps": [{"do": "lookup", "table": {"a": "1", "b": "2"}}]}},
        "filter": {"include": [[{"field": "department", "op": "is", "values": ["Care"]}]]},
        "policy": {"outside": "keep"},
        "declined": ["phone", "title"],
    }
    turned: dict[str, Any] = {
        "mapping": {"city": {"steps": [{"table": {"b": "2", "a": "1"}, "do": "lookup"}], "from": ["office"]}},
        "filter": {"include": [[{"field": "department", "op": "is", "values": ["CARE"]}]], "exclude": []},
        "policy": {"outside": "keep", "absent": "deactivate"},
        "declined": ["title", "phone"],
    }
    assert Rules.of(MAPPING, **said).digest == Rules.of(MAPPING, **turned).digest
    others: list[dict[str, Any]] = [{**said, name: type(value)()} for name, value in said.items()]
    assert len({Rules.of(MAPPING, **one).digest for one in [said, *others]}) == 5
