"""The laws of a filter: AND inside a rule, OR between rules, exclude wins, and what an empty value means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.engine.filtering import Because, Clause, Filter, Op, Rule, Verdict
from integrations.engine.mapping import Origin
from integrations.engine.policy import Policy
from integrations.engine.rules import Rules
from integrations.engine.transforms import Step
from tests.integrations.sources import MAPPING

sixty = settings(max_examples=60, deadline=None)
FIELDS = ("department", "country", "hired_on", "custom.shift")
VALUES = ("Care", "care", "Surgery", "Großküche", "GROSSKÜCHE", "2024-02-29", "2024-03-01", "1")
DAYS = ("2023-12-31", "2024-02-29", "2024-03-01")


def _values(op: Op) -> tuple[tuple[str, ...], ...]:
    if op in (Op.BEFORE, Op.AFTER):
        return tuple((day,) for day in DAYS)
    if op is Op.ONE_OF:
        return (("Care",), ("Surgery", "großküche"), ("1", "2024-03-01", "Care"))
    return tuple((value,) for value in VALUES) if op.takes_value else ((),)


CLAUSES = [Clause(field, op, values) for field in FIELDS for op in Op for values in _values(op)]
clauses = st.sampled_from(CLAUSES)
rules = st.lists(st.lists(clauses, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple)
filters = st.builds(Filter, rules, rules)
people = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(("", " ", *VALUES)))
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(Op),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("field", "op", "values", "include", "exclude", "from")), inner)
    ),
    max_leaves=8,
)


def _matches(rule: Rule, fields: Mapping[str, str]) -> bool:
    return all(clause.holds(fields) for clause in rule)


@sixty
@given(filters, people)
def test_and_inside_a_rule_or_between_rules_and_exclude_wins(
    chosen: Filter, fields: Mapping[str, str]
) -> None:
    included = not chosen.include or any(_matches(rule, fields) for rule in chosen.include)
    excluded = any(_matches(rule, fields) for rule in chosen.exclude)
    assert chosen.judge(fields).inside is (included and not excluded)


@sixty
@given(filters, people)
def test_the_verdict_names_the_rule_that_decided(chosen: Filter, fields: Mapping[str, str]) -> None:
    verdict = chosen.judge(fields)
    if verdict.because is Because.EXCLUDED:
        assert _matches(chosen.exclude[verdict.rule or 0], fields)
    elif verdict.because is Because.INCLUDED:
        assert _matches(chosen.include[verdict.rule or 0], fields)
    else:
        assert verdict == Verdict(not chosen.include, verdict.because)


@sixty
@given(clauses, people, st.sampled_from((None, "", "  ")))
def test_an_empty_value_satisfies_nothing_but_empty(
    clause: Clause, fields: Mapping[str, str], nothing: str | None
) -> None:
    without = {name: value for name, value in fields.items() if name != clause.field}
    if nothing is not None:
        without[clause.field] = nothing
    assert clause.holds(without) is (clause.op is Op.EMPTY)


@sixty
@given(filters, people)
def test_a_stored_filter_decides_as_the_one_that_was_stored(
    chosen: Filter, fields: Mapping[str, str]
) -> None:
    again = Filter.from_data(chosen.as_data())
    assert again == chosen
    assert again.folded().judge(fields) == chosen.judge(fields)
    shouted = {name: value.upper() for name, value in fields.items()}
    assert again.judge(shouted) == chosen.judge(fields)


@pytest.mark.parametrize(
    ("op", "value", "has", "holds"),
    [
        (Op.IS, "GROSSKÜCHE", "Großküche", True),
        (Op.IS, " Care ", "Care", True),
        (Op.IS, "Pre\N{COMBINING ACUTE ACCENT}", "PR\N{LATIN CAPITAL LETTER E WITH ACUTE}", True),
        (Op.IS_NOT, "Care", "Surgery", True),
        (Op.CONTAINS, "urg", "Surgery", True),
        (Op.STARTS, "urg", "Surgery", False),
        (Op.BEFORE, "2024-03-01", "2024-02-29", True),
        (Op.BEFORE, "2024-03-01", "2024-03-01", False),
        (Op.BEFORE, "2024-03-01", "2024-02-29T23:59:59Z", True),
        (Op.AFTER, "2024-03-01", "2024-03-02", True),
        (Op.AFTER, "2024-03-01", "next spring", False),
        (Op.BEFORE, "2024-03-01", "01.01.2020", False),
    ],
)
def test_how_values_are_compared(op: Op, value: str, has: str, holds: bool) -> None:
    assert Clause("any", op, (value,)).holds({"any": has}) is holds


@pytest.mark.parametrize(
    "data",
    [
        {"field": "department", "op": "is"},
        {"field": "department", "op": "is", "values": ["a", "b"]},
        {"field": "department", "op": "is", "values": "a"},
        {"field": "department", "op": "is", "values": ["\u200b"]},
        {"field": "department", "op": "present", "values": ["a"]},
        {"field": "department", "op": "one_of", "values": []},
        {"field": "hired_on", "op": "before", "values": ["2024-02-30"]},
        {"field": "hired_on", "op": "before", "values": ["1.1.2024"]},
        {"field": "", "op": "present"},
        {"field": 3, "op": "present"},
        {"field": "department", "op": "near", "values": ["a"]},
    ],
)
def test_a_condition_that_says_nothing_is_refused(data: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Filter.from_data({"include": [[data]]})


@sixty
@given(json)
def test_nonsense_is_a_value_error_and_nothing_else(data: Any) -> None:
    for make in (
        Filter.from_data,
        Policy.from_data,
        Step.from_data,
        lambda sent: Origin.of("city", sent),
        lambda sent: Rules.of(MAPPING, filter=sent),
        lambda sent: Rules.of(MAPPING, mapping=sent),
        lambda sent: Rules.of(MAPPING, mapping={"city": sent}),
        lambda sent: Rules.of(MAPPING, policy=sent),
        lambda sent: Rules.of(MAPPING, declined=sent),
    ):
        try:
            make(data)
        except ValueError:
            continue


def test_a_rule_without_a_condition_would_be_everybody() -> None:
    with pytest.raises(ValueError, match="condition"):
        Filter.from_data({"include": [[]]})
    assert Filter.from_data({}).judge({}) == Verdict(True, Because.NO_FILTER)


@pytest.mark.parametrize("said", ["Human  Resources", "Human\u200b Resources", "HUMAN\tRESOURCES "])
def test_blanks_and_invisible_marks_tell_no_values_apart(said: str) -> None:
    rule = Filter.from_data({"include": [[{"field": "department", "op": "is", "values": [said]}]]})
    for has in ("Human Resources", "Human  Resources", "human\u200b resources"):
        assert rule.judge({"department": has}).inside
