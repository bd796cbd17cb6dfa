"""What the guard lets through, and what it stops or holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.engine.guard import Answer, Effect, objections

counts = st.integers(0, 200)


def codes(answer: Answer, effect: Effect) -> list[str]:
    return [one.code for one in objections(answer, effect)]


@given(st.booleans(), counts, st.none() | counts)
def test_empty_answer_is_held_however_small(complete: bool, owned: int, expected: int | None) -> None:
    (found,) = objections(Answer(complete, 0, expected=expected), Effect(owned, absent=owned))
    assert (found.code, found.stops) == ("empty_answer", True)


@given(counts, counts, counts)
def test_nobody_is_touched_when_the_list_broke_off(people: int, owned: int, absent: int) -> None:
    found = objections(Answer(complete=False, people=people), Effect(owned, absent=min(absent, owned)))
    assert [one.stops for one in found] == [True]


@given(st.integers(1, 200), counts)
def test_a_shrunken_answer_stops_everything(owned: int, people: int) -> None:
    found = objections(Answer(True, people), Effect(owned))
    assert any(one.stops for one in found) is (people == 0 or people < owned / 2)


def test_a_list_that_lost_most_of_its_people_stops_although_few_of_them_were_let_in() -> None:
    few = Effect(8, absent=5)
    assert codes(Answer(True, 300, before=1_000), few) == ["shrunken_answer"]
    assert codes(Answer(True, 500, before=1_000), few) == []
    assert codes(Answer(True, 300, before=1_000), replace(few, confirmed=True)) == []


@pytest.mark.parametrize(("sent", "stops"), [(99, True), (100, False), (101, False)])
def test_the_vendors_own_total_must_be_reached(sent: int, stops: bool) -> None:
    assert codes(Answer(True, sent, expected=100), Effect(100)) == (["total_not_reached"] if stops else [])


@pytest.mark.parametrize(
    ("owned", "removals", "held"),
    [(5, 3, False), (10, 5, False), (10, 6, True), (100, 20, False), (100, 21, True)],
)
def test_more_removals_than_five_and_a_fifth_are_held(owned: int, removals: int, held: bool) -> None:
    for effect in (Effect(owned, absent=removals), Effect(owned, terminated=removals)):
        found = objections(Answer(True, owned), effect)
        assert [(one.code, one.stops) for one in found] == ([("too_many_removals", False)] if held else [])


def test_a_record_without_an_id_might_be_anybody_who_is_missing() -> None:
    answer = Answer(True, people=9, unidentified=1)
    assert codes(answer, Effect(10, absent=1)) == ["unidentified_records"]
    assert codes(answer, Effect(10, terminated=1)) == []


def test_a_list_that_moved_while_it_was_read_removes_nobody() -> None:
    answer = Answer(True, people=99, repeated=1, expected=100)
    assert codes(answer, Effect(100, absent=1)) == ["list_moved"]
    assert codes(answer, Effect(100)) == []


def test_a_first_run_has_nothing_to_lose() -> None:
    assert codes(Answer(True, 1), Effect(0)) == []


@pytest.mark.parametrize(
    ("people", "absent", "added", "stops"),
    [
        (100, 51, 51, True),
        (100, 50, 51, False),
        (100, 51, 50, False),
        (100, 100, 100, True),
        (60, 60, 29, False),
    ],
)
def test_other_credentials_that_see_another_organisation_change_nobody(
    people: int, absent: int, added: int, stops: bool
) -> None:
    effect = Effect(100, absent=absent, added=added, confirmed=True)
    found = objections(Answer(True, people), effect)
    assert [(one.code, one.stops) for one in found] == ([("other_organisation", True)] if stops else [])


@pytest.mark.parametrize(("known", "stops"), [(1, False), (4, False), (5, True)])
def test_a_handful_of_people_may_all_be_others_unless_the_credentials_are_new(
    known: int, stops: bool
) -> None:
    everybody = Effect(known, absent=known, added=known)
    assert codes(Answer(True, known), everybody) == (["other_organisation"] if stops else [])
    found = codes(Answer(True, known), replace(everybody, new_credentials=True))
    assert found == ["other_organisation"]
    filtered = Effect(known, absent=known, new_credentials=True, confirmed=True)
    assert codes(Answer(True, 50), filtered) == ["other_organisation"], (
        "though the filter lets none of them in"
    )


def test_a_plan_that_a_person_confirmed_may_remove_many_but_never_those_who_might_be_there() -> None:
    assert codes(Answer(True, 100), Effect(100, outside=90, confirmed=True)) == []
    assert codes(Answer(True, 100), Effect(100, outside=90)) == ["too_many_removals"]
    assert codes(Answer(True, 0), Effect(100, outside=90, confirmed=True)) == ["empty_answer"]
    assert codes(Answer(False, 100), Effect(100, absent=9, confirmed=True)) == ["incomplete_answer"]
    assert codes(Answer(True, 49), Effect(100, absent=51)) == ["shrunken_answer"]
    assert codes(Answer(True, 49), Effect(100, absent=51, confirmed=True)) == []
    assert codes(Answer(True, 49, expected=98), Effect(100, absent=51, confirmed=True)) == [
        "total_not_reached"
    ]
    unsure = Answer(True, 99, unidentified=1)
    assert codes(unsure, Effect(100, absent=1, confirmed=True)) == ["unidentified_records"]


@given(counts, counts, counts, counts, st.booleans())
def test_each_kind_of_removal_counts_alike(a: int, b: int, c: int, owned: int, confirmed: bool) -> None:
    found = codes(Answer(True, owned + 1), Effect(owned, 0, a, b, c, confirmed))
    held = a + b > max(5, owned * 0.2) and not confirmed
    assert found == (["too_many_removals"] if held else [])


def test_removals_that_come_in_small_parts_are_counted_with_those_that_wait() -> None:
    answer = Answer(True, 20)
    assert codes(answer, Effect(20, terminated=5)) == []
    assert codes(answer, Effect(20, terminated=5, waiting=3)) == ["too_many_removals"]
    assert codes(answer, Effect(20, waiting=8)) == [], "nothing is to be done about those who wait"
    (held,) = objections(answer, Effect(20, terminated=5, waiting=3))
    assert "5 of 20 people would be deactivated, besides 3 about whom somebody has to decide" in held.words


def test_a_directory_that_keeps_whoever_is_missing_may_outgrow_the_list() -> None:
    grown = Effect(100, keeps=True)
    assert codes(Answer(True, 30, before=30), grown) == []
    assert codes(Answer(True, 10, before=30), grown) == ["shrunken_answer"]
    assert codes(Answer(True, 30), grown) == ["shrunken_answer"], "there is no earlier list to compare with"
