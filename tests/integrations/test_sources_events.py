"""Events: only confirmed assignments to what lasts until today or later (seed 002)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from integrations import catalog
from integrations.provider import Assigned
from integrations.sources.events import EventGroups
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Egress
from tests.integrations.vendors import Vendor, standing_in
from tests.kit.doubles import Answer, answer, serving

TODAY = date(2026, 11, 22)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with standing_in("staffcloud") as found:
        yield found


def assigned(vendor: Vendor) -> list[Assigned]:
    events = vendor.card.events
    assert events is not None
    found = events.assigned(vendor.session(), vendor.settings, vendor.world.today)
    return [one for batch in found for one in batch]


def rows(vendor: Vendor, path: str) -> list[dict[str, Any]]:
    url = f"https://{vendor.settings['tenant']}.staff.cloud/api/v1/{path}"
    headers = {"Authorization": f"Bearer {vendor.settings['token']}"}
    return list(vendor.session().call("GET", url, headers=headers).json())


def test_who_is_confirmed_for_a_present_or_future_event_is_in_its_group(vendor: Vendor) -> None:
    today = vendor.world.today.isoformat()
    on = {
        str(e["id"]): e["name"] for e in rows(vendor, "events") if e["status"] == 2 and e["end"][:10] >= today
    }
    wanted = {
        (str(a["employee_id"]), str(a["event_id"]))
        for a in rows(vendor, "assignments")
        if a["status"] == 7 and str(a["event_id"]) in on
    }
    found = assigned(vendor)
    assert {(one.source_id, one.group_key) for one in found} == wanted
    assert {one.group_name for one in found} == {on[one.group_key] for one in found}
    assert len(found) == len(set(found))


def test_the_vendor_has_every_case_that_must_not_count(vendor: Vendor) -> None:
    today = vendor.world.today.isoformat()
    events = rows(vendor, "events")
    assert {event["status"] for event in events} == {1, 2, 3, 5}
    assert {event["end"][:10] < today for event in events if event["status"] == 5} == {True, False}
    assert [e for e in events if e["start"][:10] < today <= e["end"][:10]], "one is under way"
    assert {row["status"] for row in rows(vendor, "assignments")} == set(range(1, 9))


def test_a_person_may_be_in_several_groups(vendor: Vendor) -> None:
    groups: dict[str, set[str]] = {}
    for one in assigned(vendor):
        groups.setdefault(one.source_id, set()).add(one.group_key)
    assert max(map(len, groups.values())) == 2


def test_everybody_assigned_is_in_the_list_of_people(vendor: Vendor) -> None:
    known = {vendor.source.source_id(record) for record in vendor.records()}
    assert {one.source_id for one in assigned(vendor)} <= known


@pytest.mark.parametrize(
    ("kind", "error"), [("500", RetryLater), ("403", NeedsPerson), ("truncated", RetryLater)]
)
def test_a_refusal_is_never_taken_for_no_events(vendor: Vendor, kind: str, error: type[Exception]) -> None:
    vendor.world.fault("staffcloud", kind, path="/assignments")
    with pytest.raises(error):
        assigned(vendor)


def scripted(*answers: Answer) -> list[Assigned]:
    events = catalog.get("staffcloud").events
    assert isinstance(events, EventGroups)
    settings = {"tenant": "river", "token": "a.b.c"}
    with serving(*answers) as double:
        egress = Egress(sandbox_url=double.url, wait=lambda seconds: None)
        return [one for batch in events.assigned(egress.session(), settings, TODAY) for one in batch]


def body(*entries: Any) -> Answer:
    return answer(200, json.dumps(entries).encode())


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": f"Shift {number}", "status": 2, "end": "2026-11-22 17:00:00", **more}


def test_an_event_of_today_counts_and_one_of_yesterday_does_not() -> None:
    found = scripted(
        body(event(1), event(2, end="2026-11-21 23:59:00"), event(3, end=None, start="2026-11-30 08:00:00")),
        body(*({"employee_id": 7, "event_id": number, "status": 7} for number in (1, 2, 3))),
    )
    assert found == [Assigned("7", "1", "Shift 1"), Assigned("7", "3", "Shift 3")]


def test_an_event_whose_end_cannot_be_read_counts_as_lasting() -> None:
    found = scripted(
        body(event(1, end="soon"), event(2, end=None), event(3, name=None)),
        body(*({"employee_id": 7, "event_id": number, "status": 7} for number in (1, 2, 3))),
    )
    assert [one.group_name for one in found] == ["Shift 1", "Shift 2", "3"]


def test_a_vendor_that_ignores_the_question_lets_nobody_in() -> None:
    found = scripted(
        body(event(1), event(2, status=5)),
        body(
            {"employee_id": 7, "event_id": 1, "status": 6},
            {"employee_id": 8, "event_id": 2, "status": 7},
            {"employee_id": 9, "event_id": 1, "status": 7},
            {"employee_id": 9, "event_id": 1, "status": 7},
        ),
    )
    assert found == [Assigned("9", "1", "Shift 1")]


def test_without_events_nobody_asks_for_assignments() -> None:
    assert scripted(body(event(1, end="2020-01-01"))) == []


@pytest.mark.parametrize(
    "broken", [{"event_id": 1, "status": 7}, {"employee_id": [1], "event_id": 1, "status": 7}]
)
def test_an_assignment_of_another_form_is_broken_and_not_skipped(broken: dict[str, Any]) -> None:
    """Skipped, the person would lose the group and, by the filter, the account."""
    with pytest.raises(RetryLater, match="broken"):
        scripted(body(event(1)), body(broken))
