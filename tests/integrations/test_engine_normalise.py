"""What equal values look like, and how long they may be."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.engine.normalise import _UNWANTED, CAPS, KEY_CAP, address, capped, text, usable_key
from integrations.models import DirectoryPerson, Staged
from integrations.people import ATTRIBUTES

anything = st.text(st.characters(), max_size=60)  # lone surrogates included


@given(anything)
def test_clean_text_is_storable_and_cleaning_it_again_changes_nothing(value: str) -> None:
    clean = text(value)
    assert text(clean) == clean
    clean.encode()
    assert "\x00" not in clean
    assert clean == " ".join(clean.split())


@given(anything)
def test_a_cut_value_never_exceeds_its_cap(value: str) -> None:
    clean, cut = capped("hired_on", value)
    assert len(clean) <= CAPS["hired_on"]
    assert cut or clean == text(value)


def test_composed_and_decomposed_letters_become_equal() -> None:
    assert text("Zoe\u0308") == text("Zo\u00eb") == "Zo\u00eb"


def test_line_breaks_and_tabs_separate_words() -> None:
    assert text(" Mary\tJane\r\nWatson ") == "Mary Jane Watson"


def test_marks_that_turn_text_around_are_removed() -> None:
    assert text("\u202eevil\u202c\u200b") == "evil"


def test_joiners_of_persian_names_stay() -> None:
    assert text("علی\u200cرضا") == "علی\u200cرضا"


def test_what_is_printable_needs_no_cleaning_but_its_spaces_and_its_form() -> None:
    printable = [letter for letter in map(chr, range(sys.maxunicode + 1)) if letter.isprintable()]
    assert not _UNWANTED.search("".join(printable))
    assert all(unicodedata.normalize("NFC", letter).isprintable() for letter in printable)


def test_every_cap_is_the_length_of_its_column() -> None:
    columns = {field.name: field.max_length for field in DirectoryPerson._meta.concrete_fields}
    assert {name: columns[name] for name in ATTRIBUTES} == dict(CAPS)
    assert columns["source_id"] == KEY_CAP
    assert {field.name: field.max_length for field in Staged._meta.concrete_fields}["source_id"] == KEY_CAP


@pytest.mark.parametrize(
    ("given_address", "stored"),
    [
        ("Jane.Doe@Example.COM", "jane.doe@example.com"),
        (" o'hara+lms@sub.example.co.uk ", "o'hara+lms@sub.example.co.uk"),
        ("björn@exämple.se", "björn@exämple.se"),
        ("用户@例子.广告", "用户@例子.广告"),
    ],
)
def test_addresses_from_all_over_the_world_are_accepted(given_address: str, stored: str) -> None:
    assert address(given_address) == stored


@pytest.mark.parametrize(
    "no_address",
    ["", "jane", "jane@", "@example.com", "a b@example.com", "a@b@example.com", "a@-b.com", "a..b@c.com"],
)
def test_what_is_no_address_is_refused(no_address: str) -> None:
    assert address(no_address) is None


@given(anything)
def test_an_accepted_address_is_storable(value: str) -> None:
    found = address(f"{value}@example.com")
    assert found is None or (len(found) <= CAPS["email"] and text(found) == found and found == found.lower())


def test_an_address_that_is_too_long_is_refused() -> None:
    assert address(f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.com") is None


@pytest.mark.parametrize("key", ["", "x" * 101, "a\x00b", "a\nb", "a\ud800"])
def test_an_id_that_cannot_be_stored_as_it_is_is_not_used(key: str) -> None:
    assert not usable_key(key)
