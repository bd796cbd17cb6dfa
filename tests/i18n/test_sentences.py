"""Sentences of the engine, which knows no Django: made of pieces or stored with their numbers, and German all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import translation
from django.utils.translation import gettext
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from integrations.engine.explain import Facts, Trace, trace
from integrations.engine.filtering import Because
from integrations.engine.guard import Answer, Effect, objections
from integrations.engine.problems import Found
from integrations.engine.saying import Said, as_data, from_data, in_words, listing, quoted, say, small
from integrations.people import Status
from integrations.services.wording import shape_words
from integrations.sources.shapes import shape
from portal.kit.retold import retold
from tests.i18n import messages
from tests.integrations.test_engine_explain import GONE, HERE, about, facts, jane

KNOWN = {message.id for message in messages.committed() if message.id}
LISTS = {f"%(before)s{between}%(one)s" for between in (", ", "; ")}
counts = st.integers(0, 3_000)


def told(found: Trace) -> Iterator[str]:
    for step in found.steps:
        yield step.words
        yield from step.details
    yield found.fix


def pieces(said: str) -> Iterator[str]:
    assert isinstance(said, Said), said
    yield said.template
    for value in said.values.values():
        if isinstance(value, Said):
            yield from pieces(value)


@settings(max_examples=150, deadline=None)
@given(facts)
def test_every_piece_of_an_explanation_has_a_german_text(found: Facts) -> None:
    templates = {template for said in told(trace(found)) for template in pieces(said)}
    assert templates <= KNOWN | LISTS


@settings(max_examples=60, deadline=None)
@given(facts)
def test_an_explanation_is_the_same_sentence_again_in_english_and_after_being_stored(found: Facts) -> None:
    for said in told(trace(found)):
        assert in_words(said, lambda template: template) == said
        again = from_data(as_data(said))
        assert (again, as_data(again)) == (said, as_data(said))


@pytest.mark.parametrize(
    ("found", "german"),
    [
        (
            about(jane(department="Admin")),
            "Die Person wird aufgenommen, sobald gilt: Abteilung ist eines von „Care“, „Surgery“ im HR-System, "
            "nicht „Admin“; oder sobald gilt: Aufnahmeregel 1 lässt für Abteilung auch „Admin“ zu.",
        ),
        (
            about(jane(Status.TERMINATED), GONE),
            "Die Person wird aufgenommen, sobald gilt: der Status im HR-System ist „Aktiv“, nicht „Ausgeschieden“.",
        ),
        (about(None, unreadable="bad_date"), "Berichtigen Sie das Datum im HR-System."),
        (
            about(None, HERE, kept="absent"),
            "Die Person scheidet aus, sobald gilt: die Entscheidung, die Person zu behalten, wird zurückgenommen.",
        ),
    ],
)
def test_the_smallest_change_in_german(found: Facts, german: str) -> None:
    with translation.override("de"):
        assert in_words(trace(found).fix, gettext) == german


def test_a_heading_within_a_german_sentence_keeps_its_capital() -> None:
    step = trace(about(jane(work_email=""), problem=Found("missing_work_email"))).steps[3]
    assert step.words == "They have no e-mail address that can be used: no work e-mail."
    with translation.override("de"):
        assert in_words(step.words, gettext).endswith("werden kann: Keine dienstliche E-Mail.")


@pytest.mark.parametrize(
    ("told", "german"),
    [
        ("12 characters", "12 Zeichen"),
        ("text aaa-99 %(a)s …", "Text aaa-99 %(a)s …"),
        (shape(["x"]), "Liste"),
        (shape(7), "Zahl"),
        (shape({}), "Objekt"),
        (shape(True), "ja oder nein"),
        (shape(None), "nichts"),
        (shape(object()), "etwas anderes"),
        ("as a card says it", "as a card says it"),
        ("", ""),
    ],
)
def test_the_shape_of_a_value_is_told_in_german_and_its_letters_stay(told: str, german: str) -> None:
    with translation.override("en-gb"):
        assert shape_words(told) == told
    with translation.override("de"):
        assert shape_words(told) == german
        unreadable = about(
            None, unreadable="bad_date", problem=Found("bad_date", field="hired_on", shape=told)
        )
        assert german in [in_words(one, gettext) for one in trace(unreadable).steps[0].details][-1]


@pytest.mark.parametrize("value", ["100 %", "%(n1)s", "is", "“quoted”", "%"])
def test_what_somebody_entered_is_never_taken_for_a_sentence(value: str) -> None:
    said = from_data(as_data(say("%(field)s %(op)s", field=quoted(value, value), op=value)))
    assert said == f"“{value}”, “{value}” {value}"
    with translation.override("de"):
        assert in_words(said, gettext) == f"„{value}“, „{value}“ {value}"


def test_nothing_and_plain_words_are_said_as_well() -> None:
    assert (listing(()), in_words("", gettext), as_data("plain"), from_data("plain")) == (
        "",
        "",
        "plain",
        "plain",
    )
    assert from_data(as_data(small("No id"))) == "no id"
    assert len(Because) == 4  # each has its sentence in engine.steps


@settings(deadline=None)
@given(st.booleans(), counts, counts, counts, st.none() | counts, counts, counts, counts, counts)
def test_whatever_the_guard_objects_to_is_german_with_its_numbers(
    complete: bool,
    people: int,
    unidentified: int,
    repeated: int,
    expected: int | None,
    owned: int,
    absent: int,
    outside: int,
    added: int,
) -> None:
    assume(absent + outside <= owned)
    effect = Effect(owned, absent=absent, outside=outside, added=added)
    for one in objections(Answer(complete, people, unidentified, repeated, expected), effect):
        with translation.override("de"):
            german = retold(one.words)
        assert german != one.words
        assert "people" not in german
        assert numbers(german, ".") == numbers(one.words, ",")
        with translation.override("en-gb"):
            assert retold(one.words) == one.words


def numbers(text: str, thousands: str) -> list[int]:
    bare = "".join(letter if letter.isdigit() or letter == thousands else " " for letter in text)
    return [int(word.replace(thousands, "")) for word in bare.split() if word.strip(thousands)]


def test_a_stored_sentence_that_nobody_knows_stays_whole_as_it_is() -> None:
    with translation.override("de"):
        for text in ("Nobody was changed. The vendor says 42.", "", "100 % of 3", "Error 0x12 at 2026-11-22"):
            assert retold(text) == text
        assert retold("Nobody was changed.") != "Nobody was changed."
