"""The way back from a run, as pure values: it leads to before the run, and leaves alone what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.engine import undoing
from integrations.engine.diff import Known, LineKind, compare, leaving
from integrations.engine.policy import Leaving
from integrations.engine.undoing import (
    CONFLICTS_NAMED,
    Back,
    Because,
    Conflict,
    Does,
    Done,
    Moved,
    Present,
    Tally,
    UndoPlan,
)
from integrations.people import ATTRIBUTES, Status

EMPTY = dict.fromkeys(ATTRIBUTES, "")
GROUPS = {"Care": 1, "Sales": 2}
KEYS = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Account:
    active: bool
    attributes: Mapping[str, str]
    groups: frozenset[int]


Directory = dict[str, Account]
values = st.fixed_dictionaries(
    {"city": st.sampled_from(("", "Leeds", "Hull")), "department": st.sampled_from(("", *GROUPS))}
)
attributes = values.map(lambda some: {**EMPTY, **some, "email": "x@example.com"})
accounts = st.builds(
    lambda active, has, groups: Account(active, has, frozenset(groups) if active else frozenset()),
    st.booleans(),
    attributes,
    st.sets(st.sampled_from((1, 2))),
)
directories = st.dictionaries(st.sampled_from(KEYS), accounts)
answers = st.dictionaries(st.sampled_from(KEYS), attributes)


def after_a_run(before: Directory, answer: Mapping[str, Mapping[str, str]]) -> tuple[Directory, list[Done]]:
    """What the engine and the groups make of an answer, and the log of it."""
    now, log = dict(before), []
    for key in sorted(before.keys() | answer.keys()):
        has = before.get(key)
        known = Known(has.active, has.attributes) if has else None
        if key in answer:
            line = compare(key, "d", Status.ACTIVE, known, answer[key])
        else:
            line = leaving(key, "d", known, Leaving.ABSENT, keeps=False) if known else None
        gone = key not in answer
        shown = answer.get(key) or (has.attributes if has else EMPTY)
        groups = frozenset() if gone else frozenset(GROUPS[one] for one in [shown["department"]] if one)
        had = has.groups if has else frozenset()
        now[key] = Account(not gone, shown, groups)
        moved = [Moved(one, one in groups) for one in sorted(groups ^ had)]
        if line is None or line.kind is LineKind.REFRESHED:
            log.append(Done(key, key, moved=tuple(moved)))
        else:
            log.append(Done(key, key, line.kind, line.before, line.after, tuple(moved)))
    return now, [one for one in log if one.kind or one.moved]


def seen(directory: Directory) -> dict[str, Present]:
    return {key: Present(one.active, one.attributes, one.groups) for key, one in directory.items()}


@dataclass(frozen=True)
class Way:
    """The way back of everybody, and what it comes to."""

    lines: tuple[Back, ...]
    conflicts: tuple[Conflict, ...]
    plan: UndoPlan


def way_of(log: Iterable[Done], present: Mapping[str, Present]) -> Way:
    tally = Tally()
    ways = [undoing.reverse(one, present.get(one.source_id)) for one in log]
    for line, conflicts in ways:
        tally.add(line, conflicts)
    lines = tuple(line for line, _ in ways if line)
    return Way(lines, tuple(one for _, conflicts in ways for one in conflicts), tally.plan())


def put_back(directory: Directory, way: Way) -> Directory:
    now = dict(directory)
    for line in way.lines:
        one = now[line.source_id]
        assert {name: one.attributes[name] for name in line.before} == line.before
        active = {Does.DEACTIVATE: False, Does.REACTIVATE: True}.get(line.does, one.active)
        groups = (one.groups - line.leaves) | frozenset(line.joins)
        now[line.source_id] = Account(active, {**one.attributes, **line.after}, groups)
    return now


@given(directories, answers)
def test_undoing_a_run_at_once_leads_back_to_before_it_groups_included(
    before: Directory, answer: Mapping[str, Mapping[str, str]]
) -> None:
    now, log = after_a_run(before, answer)
    way = way_of(log, seen(now))
    back = put_back(now, way)
    assert way.conflicts == ()
    assert {key: back[key] for key in before} == before
    assert all(not back[key].active and not back[key].groups for key in back.keys() - before.keys())
    assert way.plan.affected == len(
        {key for key in back if back[key] != now[key]} | {line.source_id for line in way.lines}
    )


@given(directories, answers, st.sampled_from(KEYS), st.sampled_from(("city", "department")))
def test_a_value_that_was_changed_since_is_left_alone_and_listed(
    before: Directory, answer: Mapping[str, Mapping[str, str]], key: str, name: str
) -> None:
    now, log = after_a_run(before, answer)
    if key not in now:
        return
    now[key] = replace(now[key], attributes={**now[key].attributes, name: "by hand"})
    way = way_of(log, seen(now))
    assert put_back(now, way)[key].attributes[name] == "by hand"
    touched = any(
        one.source_id == key and name in {**one.before, **one.after} and one.kind is not LineKind.ADDED
        for one in log
    )
    assert [(one.source_id, one.attribute) for one in way.conflicts] == [(key, name)] * touched
    assert (way.plan.conflicts, way.plan.left_alone) == (way.conflicts, int(touched))


LEFT = Done(
    "a", "Ann", LineKind.DEACTIVATED, {"status": "active"}, {"status": "absent"}, (Moved(1, False, True),)
)
CAME = Done("a", "Ann", LineKind.ADDED, {}, {"email": "x@example.com"})
TAKEN_OVER = Done("a", "Ann", LineKind.MATCHED, {"status": "deactivated", "city": "Hull"}, {"city": "Leeds"})
HERE = Present(True, {**EMPTY, "city": "Leeds"}, frozenset({2}))
OUT = Present(False, EMPTY)


@pytest.mark.parametrize(
    ("done", "present", "because"),
    [
        (LEFT, None, Because.GONE),
        (LEFT, HERE, Because.SINCE),
        (LEFT, replace(OUT, turned=True), Because.SINCE),
        (LEFT, replace(OUT, address_taken=True), Because.ADDRESS),
        (CAME, OUT, Because.SINCE),
        (CAME, replace(HERE, turned=True), Because.SINCE),
        (CAME, replace(HERE, protected=True), Because.PROTECTED),
        (TAKEN_OVER, replace(HERE, returnable=False), Because.TAKEN),
        (replace(TAKEN_OVER, kind=LineKind.CHANGED), OUT, Because.SINCE),
    ],
)
def test_whoever_cannot_go_back_is_left_alone_with_the_reason(
    done: Done, present: Present | None, because: Because
) -> None:
    line, conflicts = undoing.reverse(done, present)
    assert line is None
    assert [one.because for one in conflicts] == [because]


def test_whoever_was_out_when_they_were_taken_over_is_out_again_and_in_no_group() -> None:
    line, conflicts = undoing.reverse(TAKEN_OVER, HERE)
    assert line
    assert (line.does, line.after, line.leaves) == (Does.HAND_BACK, {"city": "Hull"}, frozenset({2}))
    assert conflicts == ()


def test_a_group_that_somebody_had_been_put_into_by_hand_comes_back_as_such() -> None:
    line, _ = undoing.reverse(LEFT, OUT)
    assert line
    assert line.joins == {1: True}


@given(directories, answers, st.sampled_from(KEYS))
def test_another_present_has_another_digest(
    before: Directory, answer: Mapping[str, Mapping[str, str]], key: str
) -> None:
    now, log = after_a_run(before, answer)
    if key not in {one.source_id for one in log}:
        return
    others = seen(now)
    del others[key]
    assert way_of(log, others).plan.digest != way_of(log, seen(now)).plan.digest


def test_a_plan_of_any_size_names_no_more_than_the_first_who_are_left_alone_and_counts_the_others() -> None:
    several = [replace(LEFT, source_id=str(number)) for number in range(CONFLICTS_NAMED + 5)]
    plan = way_of(several, {}).plan
    assert [one.source_id for one in plan.conflicts] == [str(number) for number in range(CONFLICTS_NAMED)]
    assert (plan.left_alone, plan.affected) == (CONFLICTS_NAMED + 5, 0)
