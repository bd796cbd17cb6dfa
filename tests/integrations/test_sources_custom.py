"""Fields of a customer's own making: found, labelled, cut down, and asked for by name."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.people import CUSTOM
from integrations.sources.asking import Answer, Ask
from integrations.sources.custom import MOST, OWN, Grouped, Listed
from portal.kit.errors import NeedsPerson, RetryLater
from tests.integrations.vendors import standing_in

LISTED = Listed(Ask("/fields"), at="data", only=r"dynamic_\d+", adds="attributes[]", also=("universal_id",))


def learned(*entries: dict[str, Any], custom: Listed = LISTED) -> dict[str, str]:
    return dict(custom.learn(lambda ask: Answer({"data": list(entries)})))


def entry(number: int, label: str, **more: Any) -> dict[str, Any]:
    return {"key": f"dynamic_{number}", "label": label, **more}


def test_fields_of_customers_get_the_label_that_they_have_there() -> None:
    found = learned(
        entry(1, " Shirt\n size "), {"key": "first_name", "label": "First name"}, entry(2, "Team")
    )
    assert found == {"dynamic_1": "custom.Shirt size", "dynamic_2": "custom.Team"}


def test_what_sounds_sensitive_is_not_even_asked_for() -> None:
    found = learned(
        entry(1, "IBAN"),
        entry(2, "Konfession"),
        entry(3, "Payee", universal_id="iban"),
        entry(4, "Cost center"),
    )
    assert found == {"dynamic_4": "custom.Cost center"}
    asked = LISTED.into(Ask("/people", query=(("attributes[]", "id"),)), found)
    assert asked.query == (("attributes[]", "id"), ("attributes[]", "dynamic_4"))


def test_two_fields_of_one_label_stay_two() -> None:
    assert learned(entry(1, "Code"), entry(2, "Code")) == {
        "dynamic_1": "custom.Code",
        "dynamic_2": "custom.Code (dynamic_2)",
    }


def test_at_most_fifty_are_kept() -> None:
    assert len(learned(*(entry(number, f"Field {number}x") for number in range(80)))) == MOST


def test_a_vendor_without_such_a_list_has_no_such_fields_but_a_refusal_is_not_silence() -> None:
    """Taken for "none", a refusal would empty what is mapped from them."""

    def refuses(code: str) -> Any:
        def answer(ask: Ask) -> Answer:
            raise NeedsPerson("No.", code=code)

        return answer

    assert LISTED.learn(refuses("not_found")) == {}
    with pytest.raises(NeedsPerson):
        LISTED.learn(refuses("missing_right"))
    with pytest.raises(RetryLater):
        LISTED.learn(lambda ask: Answer({"data": {"no": "list"}}))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("  M ", "M"),
        (7, "7"),
        (True, "yes"),
        (2.5, "2.5"),
        (["English", "French"], "English, French"),
        ({"a": 1}, None),
        (None, None),
        ("", None),
        ("x" * 5_000, "x" * 1_000),
    ],
)
def test_values_become_text_and_an_odd_one_does_not_spoil_the_person(value: Any, kept: str | None) -> None:
    record = {"id": 1, "dynamic_1": value}
    LISTED.take(record, {"dynamic_1": "custom.Size"})
    assert record == {"id": 1, **({OWN: {"custom.Size": kept}} if kept else {})}


def test_a_field_that_nobody_asked_for_leaves_the_record() -> None:
    record = {"id": 1, "dynamic_1": "M", "dynamic_9": "private"}
    LISTED.take(record, {"dynamic_1": "custom.Size"})
    assert record == {"id": 1, OWN: {"custom.Size": "M"}}


def test_groups_name_their_entries_themselves() -> None:
    record = {
        "id": 1,
        "customFieldGroup": {
            "stringFields": [{"nameCode": {"codeValue": "Desk"}, "stringValue": "4B"}, "odd", {"x": 1}],
            "codeFields": [{"nameCode": {"shortName": "Size"}, "codeValue": "S1", "longName": "Small"}],
            "numberFields": [{"nameCode": {"codeValue": "Salary"}, "numberValue": 9}],
        },
    }
    Grouped("customFieldGroup").take(record, {})
    assert record == {"id": 1, OWN: {"custom.Desk": "4B", "custom.Size": "Small"}}


@pytest.mark.parametrize("slug", ["adp_workforce_now", "bamboohr", "personio", "staffcloud"])
def test_the_shirt_size_of_everybody_is_read(slug: str) -> None:
    with standing_in(slug) as vendor:
        people = [vendor.source.read(record) for record in vendor.records()]
        names = {name for person in people for name in person.fields if "hirt" in name}
        assert len(names) == 1
        name = names.pop()
        assert name.startswith(CUSTOM)
        sizes = [person.fields[name] for person in people]
        assert sorted(sizes) == sorted(known.shirt_size for known in vendor.world.people())


def test_the_list_of_fields_is_asked_for_once_per_session_and_again_after_a_resume() -> None:
    with standing_in("personio", size=250) as vendor:
        http = vendor.session()
        first = next(iter(vendor.source.pages(http, vendor.settings)))
        list(vendor.source.pages(http, vendor.settings, first.cursor))
        lines = [line.path for line in vendor.world.requests if line.path.endswith("/attributes")]
        assert len(lines) == 1
        resumed = list(vendor.source.pages(vendor.session(), vendor.settings, first.cursor))
        assert all(OWN in record for page in resumed for record in page.records)
