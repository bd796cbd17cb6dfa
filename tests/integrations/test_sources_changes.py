"""Who changed since the run before, from the vendors that can tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from integrations import catalog
from integrations.people import Person
from integrations.provider import Cursor, Kind
from integrations.sources.changes import OVERLAP, SinceByIds
from portal.kit.errors import RetryLater
from tests.integrations.vendors import Vendor, standing_in

ABLE = ["bamboohr", "personio"]


@pytest.fixture(params=ABLE)
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    with standing_in(request.param) as found:
        yield found


def changed(vendor: Vendor, cursor: Cursor | None = None) -> list[Person]:
    """Since today began, as the vendor sees it."""
    incremental = vendor.card.incremental
    assert incremental is not None
    began = datetime.combine(vendor.world.today, datetime.min.time(), UTC) + OVERLAP
    since = incremental.watermark(began)
    pages = list(incremental.changed(vendor.session(), vendor.settings, since, cursor))
    assert pages
    assert pages[-1].cursor is None
    return [vendor.source.read(record) for page in pages for record in page.records]


def test_only_those_vendors_are_asked_for_changes_that_can_tell() -> None:
    able = [card.slug for card in catalog.providers(Kind.HRIS) if card.incremental]
    assert able == ABLE
    # A person whose assignment changed is not a changed person.
    assert not [card.slug for card in catalog.providers() if card.incremental and card.events]


def test_who_changed_is_read_like_anybody_in_the_whole_list(vendor: Vendor) -> None:
    assert changed(vendor) == []
    vendor.world.rename(3, "Zora", "Quill")
    vendor.world.let_go(17)
    found = changed(vendor)
    whole = {person.source_id: person for person in map(vendor.source.read, vendor.records())}
    assert len(found) == 2
    assert all(whole[person.source_id] == person for person in found)
    assert {"Zora"} <= {person.fields["first_name"] for person in found}


def test_the_watermark_overlaps_so_that_nothing_falls_between_two_runs(vendor: Vendor) -> None:
    began = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    incremental = vendor.card.incremental
    assert incremental is not None
    assert datetime.fromisoformat(incremental.watermark(began)) == began - OVERLAP
    assert incremental.watermark(began + timedelta(minutes=5)) > incremental.watermark(began)


def test_a_refused_question_is_never_taken_for_no_changes(vendor: Vendor) -> None:
    vendor.world.rename(3, "Zora", "Quill")
    for kind in ("503", "truncated"):
        vendor.world.fault(vendor.name, kind, path="employees" if vendor.name == "personio" else "changed")
        with pytest.raises(RetryLater):
            changed(vendor)


def test_changes_by_id_come_in_parts_and_resume_after_any() -> None:
    with standing_in("bamboohr") as vendor:
        for index in range(25):
            vendor.world.rename(index, "Zora", f"Quill{index}")
        incremental = vendor.card.incremental
        assert isinstance(incremental, SinceByIds)
        few = SinceByIds(
            incremental.source,
            incremental.ask,
            incremental.at,
            incremental.name,
            incremental.listing,
            incremental.filter,
            incremental.gone,
            at_once=10,
        )
        since = f"{vendor.world.today}T00:00:00Z"
        pages = list(few.changed(vendor.session(), vendor.settings, since))
        assert [len(page.records) for page in pages] == [10, 10, 5]
        for number, page in enumerate(pages[:-1], start=1):
            rest = list(few.changed(vendor.session(), vendor.settings, since, page.cursor))
            assert rest == pages[number:]
