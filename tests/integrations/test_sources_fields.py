"""Readers of fields: what they find, and that wild records end in a value or in Unreadable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import catalog
from integrations.people import Person, Status
from integrations.provider import Kind, Unreadable
from integrations.sources.fields import (
    At,
    Field,
    First,
    Label,
    Labelled,
    Where,
    Words,
    date,
    email,
    key,
    reader,
    reader_of_all,
    text,
)
from integrations.sources.shapes import shape

WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=30)
    | st.sampled_from(["0000-00-00", "2024-02-30", "2024-02-29T08:00:00Z", "\ud800", "a" * 2_000]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "a",
                    "b",
                    "value",
                    "attributes",
                    "label",
                    "shortName",
                    "codeValue",
                    "emails",
                    "primary",
                    "id",
                ]
            ),
            inner,
        )
    ),
    max_leaves=12,
)
FIELDS: list[Field] = [
    At("a"),
    At("a.b"),
    At("a.b.value"),
    At("a[0].b", email),
    At("a[primary].b", date),
    At("a[primary].b[0].id", key),
    First(At("a"), At("b.value"), Label("a")),
    Label("a"),
    Label("a[0].b"),
    Where("a", "b", "x", At("value")),
    Labelled("a"),
    Labelled("a", "b"),
]


@given(WILD, st.sampled_from(FIELDS))
def test_a_wild_record_gives_text_or_nothing_or_is_unreadable(record: Any, field: Field) -> None:
    try:
        found = reader(field, "some_field")(record)
    except Unreadable:
        return
    assert found is None or (isinstance(found, str) and found and len(found) <= 1_000)
    if found:
        found.encode()
        assert not any(ord(letter) < 32 for letter in found)


@given(WILD, st.lists(st.sampled_from(FIELDS), min_size=2, max_size=6))
def test_fields_that_are_read_together_say_what_each_says_alone(record: Any, fields: list[Field]) -> None:
    named = {f"field_{number}": field for number, field in enumerate(fields)}
    nothing = At("", lambda value, name: None)
    together = reader_of_all(nothing, Words(nothing, {"": Status.ACTIVE}), named)
    try:
        alone = {name: reader(field, name)(record) for name, field in named.items()}
    except Unreadable:
        with pytest.raises(Unreadable):
            together(record)
        return
    assert together(record) == (None, Status.ACTIVE, {name: v for name, v in alone.items() if v is not None})


@pytest.mark.slow
@given(st.dictionaries(st.text(max_size=20), WILD), st.sampled_from(catalog.providers(Kind.HRIS)))
def test_every_card_survives_wild_records(record: dict[str, Any], card: Any) -> None:
    _read_or_unreadable(card.source, record)


@given(st.data())
def test_every_card_survives_a_wild_value_in_its_own_places(data: st.DataObject) -> None:
    card = data.draw(st.sampled_from(catalog.providers(Kind.HRIS)))
    record: dict[str, Any] = {"_list": "employed"}
    for name in data.draw(st.lists(st.sampled_from(TOPS), max_size=6)):
        record[name] = data.draw(WILD)
    _read_or_unreadable(card.source, record)


TOPS = [
    "associateOID",
    "workerID",
    "person",
    "workAssignments",
    "workerStatus",
    "attributes",
    "fields",
    "id",
    "status",
    "email",
]


def _read_or_unreadable(source: Any, record: dict[str, Any]) -> None:
    try:
        person = source.read(record)
    except Unreadable:
        return
    assert isinstance(person, Person)
    assert person.source_id
    assert all(isinstance(value, str) and value for value in person.fields.values())


def _status_of(words: Words) -> Callable[[Any], Status]:
    read = reader_of_all(At("id", key), words, {})
    return lambda record: read(record)[1]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"jobs": [{"primary": False, "t": "A"}, {"primary": True, "t": "B"}]}, "B"),
        ({"jobs": [{"primary": "true", "t": "A"}]}, None),
        ({"jobs": []}, None),
        ({"jobs": None}, None),
        ({}, None),
    ],
)
def test_the_primary_entry_is_the_one_marked_as_such(record: dict[str, Any], expected: str | None) -> None:
    assert reader(At("jobs[primary].t"), "job_title")(record) == expected


@pytest.mark.parametrize(
    "record", [{"jobs": "Nurse"}, {"jobs": {"t": "A"}}, {"jobs": [{"primary": True, "t": {}}]}]
)
def test_another_shape_is_unreadable_and_never_an_empty_field(record: dict[str, Any]) -> None:
    with pytest.raises(Unreadable) as caught:
        reader(At("jobs[primary].t"), "job_title")(record)
    assert caught.value.code == "wrong_type"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ({"shortName": "Clinic", "longName": "Clinic 1", "codeValue": "C1"}, "Clinic"),
        ({"shortName": " ", "longName": "Clinic 1", "codeValue": "C1"}, "Clinic 1"),
        ({"codeValue": "C1"}, "C1"),
        ({}, None),
    ],
)
def test_a_label_is_the_best_name_there_is(code: dict[str, str], expected: str | None) -> None:
    assert reader(Label("place"), "location")({"place": code}) == expected


def test_first_takes_the_first_that_is_not_empty() -> None:
    read = reader(First(At("a"), At("b"), At("c")), "x")
    assert read({"a": "", "b": "  ", "c": "C"}) == "C"
    assert read({}) is None


def test_where_reads_in_the_entry_that_matches() -> None:
    units = [{"kind": {"code": "BU"}, "name": "West"}, {"kind": {"code": "DEP"}, "name": "Nursing"}]
    read = reader(Where("units", "kind.code", "DEP", At("name")), "department")
    assert read({"units": units}) == "Nursing"
    assert read({"units": units[:1]}) is None


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"office": {"label": "O", "value": {"attributes": {"name": "Berlin"}}}}, "Berlin"),
        (
            {"office": {"label": "O", "value": {"attributes": {"name": {"label": "N", "value": "Berlin"}}}}},
            "Berlin",
        ),
        ({"office": {"label": "O", "value": None}}, None),
        ({}, None),
    ],
)
def test_a_labelled_relation_is_read_plain_or_labelled(record: dict[str, Any], expected: str | None) -> None:
    assert reader(Labelled("office", "name"), "location")({"attributes": record}) == expected


def test_a_word_that_nobody_knows_is_unreadable_and_shown_as_a_shape() -> None:
    read = _status_of(Words(At("s"), {"Active": Status.ACTIVE}))
    assert read({"s": "active"}) is Status.ACTIVE
    for value in ("Furlough-7", None, ""):
        with pytest.raises(Unreadable) as caught:
            read({"s": value})
        assert caught.value.code == "unknown_status"
        assert "Furlough" not in caught.value.shape


def test_a_closer_word_counts_only_for_active_people() -> None:
    closer = Words(At("d"), {"L": Status.LEAVE, "A": Status.ACTIVE})
    read = _status_of(Words(At("s"), {"on": Status.ACTIVE, "off": Status.TERMINATED}, detail=closer))
    assert read({"s": "on", "d": "L"}) is Status.LEAVE
    assert read({"s": "on"}) is Status.ACTIVE
    assert read({"s": "off", "d": "nonsense"}) is Status.TERMINATED
    with pytest.raises(Unreadable):
        read({"s": "on", "d": "nonsense"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" Zoe\u0308 ", "Zoë"), ("a\tb\n c", "a b c"), ("\x00", None), (7, "7"), ("", None), (None, None),
        ("a\u202eb", "a\u202eb"),
    ],
)  # fmt: skip
def test_text_is_clean(value: Any, expected: str | None) -> None:
    assert text(value, "x") == expected


@pytest.mark.parametrize("value", [True, 1.5, [], {}, float("nan")])
def test_what_is_no_text_is_unreadable(value: Any) -> None:
    with pytest.raises(Unreadable):
        text(value, "x")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-02-29", "2024-02-29"),
        ("2024-02-29T23:00:00+01:00", "2024-02-29"),
        ("0000-00-00", None),
        ("", None),
    ],
)
def test_dates_are_days(value: str, expected: str | None) -> None:
    assert date(value, "hired_on") == expected


@pytest.mark.parametrize("value", ["2023-02-29", "29.02.2024", "20240229", "2024-02-29x", "2024-W01-1"])
def test_a_date_that_is_none_is_unreadable(value: str) -> None:
    with pytest.raises(Unreadable) as caught:
        date(value, "hired_on")
    assert caught.value.code == "bad_date"


def test_an_address_is_lower_case_and_trimmed() -> None:
    assert email(" Ada@Corp.Example ", "work_email") == "ada@corp.example"


@given(st.text(max_size=60))
def test_a_shape_tells_no_letters_and_no_digits(value: str) -> None:
    shown = shape(value).removeprefix("text ")
    assert not any(letter.isalpha() and letter != "a" for letter in shown)
    assert not any(letter.isdecimal() and letter != "9" for letter in shown)


@pytest.mark.parametrize("said", ["Home  Care", " Home Care", "Home\tCare", "Home Care\n"])
def test_several_blanks_are_one_in_whichever_way_a_text_is_read(said: str) -> None:
    assert text(said, "department") == "Home Care"
    assert reader(At("unit"), "department")({"unit": said}) == "Home Care"
