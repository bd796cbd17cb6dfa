"""What a run may never do, whatever the HR system answers: a run made of the engine alone, over a dictionary."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.engine.diff import Known, Line, LineKind, leaving
from integrations.engine.guard import Answer, Effect, Objection, objections
from integrations.engine.pipeline import identify, judge
from integrations.engine.plan import summarise
from integrations.engine.policy import Leaving, OnLeave
from integrations.engine.problems import UNIDENTIFIED
from integrations.engine.rules import Rules
from integrations.people import ATTRIBUTES
from tests.integrations.sources import MAPPING, ListSource, record

sixty = settings(max_examples=60, deadline=None)
Directory = dict[str, Known]
READER = ListSource(())
KEYS = [f"k{number:02}" for number in range(12)]
BERLIN = {"include": [[{"field": "location", "op": "is", "values": ["Berlin"]}]]}
RULES = Rules.of(MAPPING, filter=BERLIN)
NOTHING = dict.fromkeys(ATTRIBUTES, "")

answers = st.lists(
    st.builds(
        lambda key, status, place, mail: record(
            key, status=status, location=place, work_email=f"{key}@example.com" if mail else None
        ),
        st.sampled_from(KEYS),
        st.sampled_from(("active", "active", "leave", "prehire", "terminated", "sabbatical")),
        st.sampled_from(("Berlin", "Berlin", "Bonn")),
        st.booleans(),
    ),
    max_size=16,
    unique_by=lambda one: str(one["id"]),
)
directories = st.dictionaries(
    st.sampled_from(KEYS),
    st.builds(
        lambda active, shielded, kept: Known(active, NOTHING, shielded, kept),
        st.booleans(),
        st.booleans(),
        st.sampled_from(("", *(why.value for why in Leaving))),
    ),
)
policies = st.fixed_dictionaries({}, optional={why.value: st.just("keep") for why in Leaving})


@dataclass(frozen=True)
class Result:
    directory: Directory
    lines: tuple[Line, ...]
    objected: tuple[Objection, ...]


def run(
    directory: Directory, answer: Sequence[Mapping[str, Any]], rules: Rules = RULES, *, complete: bool = True
) -> Result:
    """The order of a run: read, judge, find the absent, ask the guard, apply."""
    identified = identify(answer, READER, rules)
    lines = list(judge(identified.keyed, directory, READER, rules).lines)
    seen = {one.source_id for one in identified.keyed}
    for key, known in directory.items():
        keeps = rules.policy.absent is OnLeave.KEEP
        if key not in seen and (line := leaving(key, "", known, Leaving.ABSENT, keeps=keeps)):
            lines.append(line)
    said = Answer(complete, len(seen), sum(one.code in UNIDENTIFIED for one in identified.problems))
    objected = objections(said, _effect(directory, lines))
    if any(one.stops for one in objected):
        return Result(directory, (), objected)
    applied = tuple(line for line in lines if not (objected and line.kind is LineKind.DEACTIVATED))
    return Result(_applied(directory, applied), applied, objected)


def _effect(directory: Directory, lines: Sequence[Line]) -> Effect:
    gone = [line.after["status"] for line in lines if line.kind is LineKind.DEACTIVATED]
    return Effect(
        owned=sum(known.active for known in directory.values()),
        absent=gone.count(Leaving.ABSENT),
        terminated=gone.count(Leaving.TERMINATED),
        outside=gone.count(Leaving.OUTSIDE),
        added=sum(line.kind is LineKind.ADDED for line in lines),
    )


def _applied(directory: Directory, lines: Sequence[Line]) -> Directory:
    after = dict(directory)
    for line in lines:
        has = after.get(line.source_id, Known(False, NOTHING))
        if line.kind is LineKind.DEACTIVATED:
            after[line.source_id] = replace(has, active=False)
        elif line.kind is not LineKind.REFRESHED:
            after[line.source_id] = replace(has, active=True, attributes={**has.attributes, **line.after})
    return after


def full(count: int) -> tuple[Directory, list[dict[str, Any]]]:
    """A directory and the answer that it came from."""
    answer = [record(f"p{number}", location="Berlin") for number in range(count)]
    return run({}, answer).directory, answer


@sixty
@given(directories, answers, policies)
def test_only_own_people_leave_and_only_for_one_of_three_reasons(
    directory: Directory, answer: list[dict[str, Any]], policy: dict[str, str]
) -> None:
    rules = Rules.of(MAPPING, filter=BERLIN, policy=policy)
    result = run(directory, answer, rules)
    sent = {one["id"]: one for one in answer}
    for key, before in directory.items():
        if not before.active or result.directory[key].active:
            continue
        one = sent.get(key)
        if one is None:
            why = Leaving.ABSENT
        elif one["status"] == "terminated":
            why = Leaving.TERMINATED
        else:
            assert one["fields"]["location"] != "Berlin"
            why = Leaving.OUTSIDE
        assert rules.policy.on(why) is OnLeave.DEACTIVATE
        assert not before.shielded
        assert before.kept != why
    assert set(result.directory) - set(directory) <= set(sent)


@sixty
@given(directories, answers, policies)
def test_applying_twice_is_applying_once(
    directory: Directory, answer: list[dict[str, Any]], policy: dict[str, str]
) -> None:
    rules = Rules.of(MAPPING, filter=BERLIN, policy=policy)
    once = run(directory, answer, rules)
    again = run(once.directory, answer, rules)
    if not once.objected:
        assert again.directory == once.directory
        assert summarise((one.source_id, one.kind, one.after) for one in again.lines).affected == 0


@sixty
@given(directories, answers, st.booleans())
def test_nobody_leaves_after_an_empty_a_broken_or_a_shrunken_answer(
    directory: Directory, answer: list[dict[str, Any]], complete: bool
) -> None:
    owned = sum(known.active for known in directory.values())
    if complete and answer and len(answer) >= owned / 2:
        answer = answer[: (owned - 1) // 2] if owned > 1 else []
    result = run(directory, answer, complete=complete)
    assert result.objected
    assert result.objected[0].stops
    assert result.directory == directory


@pytest.mark.parametrize("owned", [1, 10, 60])
def test_above_five_and_a_fifth_the_rest_is_applied_and_the_removals_wait(owned: int) -> None:
    directory, answer = full(owned)
    most = max(5, owned // 5)
    for gone in {min(most, owned // 2), min(most + 1, owned // 2)}:
        now = [*answer[gone:], record("new", location="Berlin")]
        result = run(directory, now)
        held = gone > most
        assert [one.code for one in result.objected] == (["too_many_removals"] if held else [])
        left = sum(not known.active for known in result.directory.values())
        assert left == (0 if held else gone)
        assert result.directory["new"].active


def test_the_three_ways_of_leaving_each_have_their_own_policy() -> None:
    directory, answer = full(10)
    now = [
        {**answer[0], "status": "terminated"},
        {**answer[1], "fields": {**answer[1]["fields"], "location": "Bonn"}},
        *answer[3:],
    ]
    ways = {"p0": Leaving.TERMINATED, "p1": Leaving.OUTSIDE, "p2": Leaving.ABSENT}
    for kept_key, kept in ways.items():
        rules = Rules.of(MAPPING, filter=BERLIN, policy={kept.value: "keep"})
        result = run(directory, now, rules)
        left = {line.source_id: line.after for line in result.lines if line.kind is LineKind.DEACTIVATED}
        assert left == {key: {"status": why.value} for key, why in ways.items() if key != kept_key}


def test_protected_people_leave_in_none_of_the_three_ways() -> None:
    directory, answer = full(10)
    for key in ("p0", "p1", "p2"):
        directory[key] = replace(directory[key], shielded=True)
    now = [
        {**answer[0], "status": "terminated"},
        {**answer[1], "fields": {**answer[1]["fields"], "location": "Bonn"}},
        *answer[3:],
    ]
    result = run(directory, now)
    assert all(known.active for known in result.directory.values())
    assert not any(line.belongs for line in result.lines if line.source_id in ("p0", "p1"))


def test_who_is_kept_for_one_reason_leaves_for_any_other() -> None:
    directory, answer = full(10)
    for number, why in enumerate(Leaving):
        directory[f"p{number}"] = replace(directory[f"p{number}"], kept=why.value)
    bonn = {**answer[2], "fields": {**answer[2]["fields"], "location": "Bonn"}}
    kept = [{**answer[0], "status": "terminated"}, bonn, *answer[3:]]
    assert all(known.active for known in run(directory, kept).directory.values())
    turned = [{**answer[1], "status": "terminated"}, {**bonn, "id": "p0"}, *answer[3:]]
    left = {line.source_id: line.after for line in run(directory, turned).lines if line.after}
    assert left == {"p0": {"status": "outside"}, "p1": {"status": "terminated"}, "p2": {"status": "absent"}}


def test_the_word_belongs_ends_a_decision_to_keep_somebody() -> None:
    directory, answer = full(3)
    assert all(line.belongs for line in run(directory, answer).lines)


lines = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from([kind.value for kind in LineKind if kind is not LineKind.REFRESHED]),
        st.dictionaries(st.sampled_from(("city", "email")), st.sampled_from(("a", "b"))),
    ),
    max_size=8,
    unique_by=lambda one: one[0],
)
Lines = list[tuple[str, str, Mapping[str, Any]]]


@sixty
@given(lines, st.randoms(use_true_random=False))
def test_a_summary_does_not_depend_on_the_order(found: Lines, chance: random.Random) -> None:
    shuffled = [(key, kind, dict(reversed(list(after.items())))) for key, kind, after in found]
    chance.shuffle(shuffled)
    refreshed: tuple[str, str, Mapping[str, Any]] = ("anybody", LineKind.REFRESHED.value, {})
    assert summarise(found) == summarise([refreshed, *shuffled])
    assert summarise(found).affected == len(found)


@sixty
@given(lines, lines)
def test_a_summary_differs_as_soon_as_one_line_does(one: Lines, other: Lines) -> None:
    same = sorted(map(str, one)) == sorted(map(str, other)) or {key: rest for key, *rest in one} == {
        key: rest for key, *rest in other
    }
    assert (summarise(one).digest == summarise(other).digest) is same
    for at, (key, kind, after) in enumerate(one):
        changed = [*one[:at], (key, kind, {**after, "email": "c"}), *one[at + 1 :]]
        assert summarise(changed).digest != summarise(one).digest
        assert summarise([*one[:at], *one[at + 1 :]]).digest != summarise(one).digest
