"""The pure engine as a whole: a plan, applied to a directory of dictionaries, makes it as the source says."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from integrations.engine.diff import Known, LineKind
from integrations.engine.pipeline import Judged, digest_of, identify, judge
from integrations.engine.rules import Rules
from integrations.models import ChangeKind
from integrations.people import ATTRIBUTES, Status
from tests.integrations.sources import MAPPING, ListSource, record

MAP = Rules.of(MAPPING)
READER = ListSource(())
names = st.text(st.characters(), min_size=1, max_size=8)
people = st.dictionaries(
    st.sampled_from([f"k{number}" for number in range(8)]),
    st.builds(
        lambda first, department, status, mail: (first, department, status, mail),
        names,
        st.none() | names,
        st.sampled_from([*Status, "sabbatical"]),
        st.sampled_from(["good", "missing", "broken"]),
    ),
)
Directory = dict[str, Known]


def sent(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    mails = {"good": "{}@example.com", "missing": None, "broken": "no address"}
    result = []
    for key, (first, department, status, mail) in answer.items():
        address = mails[mail]
        email = address.format(key) if address else None
        result.append(record(key, first=first, department=department, status=str(status), work_email=email))
    return result


def plan(answer: list[dict[str, Any]], directory: Directory) -> Judged:
    return judge(identify(answer, READER, MAP).keyed, directory, READER, MAP)


def applied(judged: Judged, directory: Directory) -> Directory:
    """What the target does, in three lines."""
    after = dict(directory)
    for line in judged.lines:
        has = directory.get(line.source_id, Known(False, dict.fromkeys(ATTRIBUTES, "")))
        if line.kind is LineKind.DEACTIVATED:
            after[line.source_id] = Known(False, has.attributes)
        else:
            after[line.source_id] = Known(True, {**has.attributes, **line.after})
    return after


def test_the_kinds_of_change_are_those_of_the_change_log() -> None:
    assert {kind.value for kind in LineKind} - {"refreshed"} == set(ChangeKind.values)


@given(people, people)
def test_an_applied_plan_gives_what_the_source_says(
    before: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    directory = applied(plan(sent(before), {}), {})
    after = applied(plan(sent(now), directory), directory)
    for one in sent(now):
        key, status, fields = one["id"], one["status"], one["fields"]
        had = directory.get(key)
        readable = status in list(Status) and fields.get("work_email", "").endswith("@example.com")
        if status == Status.TERMINATED:
            assert key not in after or not after[key].active
        elif not readable:
            assert after.get(key) == had
        elif Status(status).works_here or (had and had.active):
            assert after[key].active
            desired = MAP.mapping.apply(READER.read(one)).attributes
            assert after[key].attributes == desired
        else:
            assert after.get(key) == had


@given(people, people)
def test_applying_the_same_answer_twice_does_nothing(
    before: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    directory = applied(plan(sent(before), {}), {})
    once = applied(plan(sent(now), directory), directory)
    again = plan(sent(now), once)
    assert {line.kind for line in again.lines} <= {LineKind.REFRESHED}
    assert applied(again, once) == once


@given(people, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(now: Mapping[str, Any], chance: random.Random) -> None:
    answer = sent(now)
    shuffled = chance.sample(answer, len(answer))
    assert applied(plan(answer, {}), {}) == applied(plan(shuffled, {}), {})


@given(people)
def test_a_line_holds_only_what_differs(before: Mapping[str, Any]) -> None:
    directory = applied(plan(sent(before), {}), {})
    answer = [{**one, "fields": {**one["fields"], "first_name": "Renamed"}} for one in sent(before)]
    for line in plan(answer, directory).lines:
        if line.kind is LineKind.CHANGED:
            assert set(line.after) == {"first_name"}
            assert line.before == {"first_name": directory[line.source_id].attributes["first_name"]}


@given(people)
def test_an_unreadable_record_is_never_a_leaver(before: Mapping[str, Any]) -> None:
    directory = applied(plan(sent(before), {}), {})
    broken = [{**one, "status": "a word that nobody knows"} for one in sent(before)]
    judged = plan(broken, directory)
    assert judged.lines == ()
    assert {found.source_id for found in judged.problems} == set(before)
    assert {one.source_id for one in identify(broken, READER, MAP).keyed} == set(before)


def test_somebody_terminated_whom_nobody_knows_is_ignored() -> None:
    assert plan([record("a", status="terminated"), record("b", status="prehire")], {}) == Judged((), ())


def test_somebody_terminated_without_an_address_still_leaves() -> None:
    directory = applied(plan([record("a")], {}), {})
    (line,) = plan([record("a", status="terminated", work_email=None)], directory).lines
    assert line.kind is LineKind.DEACTIVATED


def test_somebody_who_waits_for_a_new_start_stays_in() -> None:
    directory = applied(plan([record("a")], {}), {})
    assert [line.kind for line in plan([record("a", status="prehire")], directory).lines] == [
        LineKind.REFRESHED
    ]


def test_a_rehire_returns_and_a_prehire_who_left_does_not() -> None:
    gone = {"a": Known(False, applied(plan([record("a")], {}), {})["a"].attributes)}
    assert [line.kind for line in plan([record("a")], gone).lines] == [LineKind.RETURNED]
    assert plan([record("a", status="prehire")], gone).lines == ()


def test_the_first_of_two_records_with_one_id_is_used() -> None:
    found = identify([record("a", first="One"), record("a", first="Two")], READER, MAP)
    assert [one.record["fields"]["first_name"] for one in found.keyed] == ["One"]
    assert [one.code for one in found.problems] == ["duplicate_id"]


def test_a_record_without_a_usable_id_is_a_problem() -> None:
    found = identify([{**record("a"), "id": None}, record("x" * 101)], READER, MAP)
    assert found.keyed == ()
    assert [one.code for one in found.problems] == ["missing_id", "unusable_id"]


def test_the_digest_ignores_the_order_of_keys_and_notices_the_mapping() -> None:
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert digest_of(one, MAP.version) == digest_of(other, MAP.version)
    changed = Rules.of({**MAPPING, "location": "city"})
    assert digest_of(one, MAP.version) != digest_of(one, changed.version)
    assert Rules.of(MAPPING, card_version=2).version != MAP.version


def test_records_that_no_text_column_takes_still_have_a_digest() -> None:
    assert len(digest_of({"a": "\ud800", "b": 2**70}, MAP.version)) == 32


def test_missing_and_broken_addresses_have_codes_of_their_own() -> None:
    personal = Rules.of({**MAPPING, "email": "personal_email"})
    judged = plan([record("a", work_email=None), record("b", work_email="nonsense")], {})
    assert [one.code for one in judged.problems] == ["missing_work_email", "invalid_email"]
    assert "nonsense" not in str(judged.problems)
    keyed = identify([record("a")], READER, personal).keyed
    assert [one.code for one in judge(keyed, {}, READER, personal).problems] == ["missing_email"]


def test_a_value_that_is_too_long_is_cut_and_told() -> None:
    judged = plan([record("a", first="x" * 500)], {})
    assert len(judged.lines[0].after["first_name"]) == 120
    assert [(one.code, one.field) for one in judged.problems] == [("shortened", "first_name")]
