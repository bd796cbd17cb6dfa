"""What is kept of an answer, and how it is said again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.provider import ItemKind
from requests_app.services.kinds import Asked, InvalidAnswer, parse, phone_words

GUID = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("guid", [GUID, GUID.upper(), f"{{{GUID}}}", f"  {GUID}\n"])
def test_the_id_of_a_secret_is_not_its_value(guid: str) -> None:
    with pytest.raises(InvalidAnswer, match="This is the Secret ID"):
        parse(ItemKind.SECRET, guid, Asked(guid_is_secret_id=True))
    assert parse(ItemKind.SECRET, guid, Asked()) == guid.strip()


@pytest.mark.parametrize(
    ("typed", "region", "kept", "said"),
    [
        ("(312) 555-0142", "US", "+13125550142", "+1 312-555-0142"),
        ("030 901820", "DE", "+4930901820", "+49 30 901820"),
        ("+44 20 7946 0958 ext. 12", None, "+442079460958 ext. 12", "+44 20 7946 0958 ext. 12"),
    ],
)
def test_a_phone_number_is_kept_for_machines_and_said_for_people(
    typed: str, region: str | None, kept: str, said: str
) -> None:
    assert parse(ItemKind.PHONE, typed, Asked(region=region)) == kept
    assert phone_words(kept) == said
    assert parse(ItemKind.PHONE, said, Asked()) == kept


@given(st.text(max_size=60))
def test_any_text_has_words_as_a_phone_number(text: str) -> None:
    assert isinstance(phone_words(text), str)


def test_a_refusal_names_the_choices() -> None:
    options = ({"value": "a", "label": "First"}, {"value": "b", "label": "Second"})
    with pytest.raises(InvalidAnswer, match="Choose one of: First, Second"):
        parse(ItemKind.CHOICE, "c", Asked(options=options))
