"""Previews: everybody shown before anything is stored, readable by one browser alone, and gone within the hour."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection as database

from integrations.engine.filtering import Because, Filter
from integrations.models import Draft, Preview, PreviewPage
from integrations.people import Person
from integrations.provider import Assigned, Record, Settings
from integrations.services import drafts, previews
from integrations.services.drafts import DraftRefused
from portal.accounts.models import Company, User
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson
from portal.kit.http import Http
from portal.kit.leases import JobState
from portal.kit.sealed import KeyPair
from tests.integrations.conftest import CARD
from tests.integrations.sources import ListSource, record, records
from tests.support.confirmed import confirmed, ready

pytestmark = pytest.mark.django_db(transaction=True)

MARK = "Quillfeather"
STAFF = [
    record("a", first=MARK, department="Care", work_phone="1"),
    record("b", department="care"),
    record("c", department="Surgery"),
    record("d", status="terminated", department="Care"),
    record("e", status="nonsense"),
    record("f"),
]
CARE = {"include": [[{"field": "department", "op": "is", "values": ["Care"]}]], "exclude": []}


@dataclass(frozen=True)
class Shifts:
    """One person has something to do."""

    def assigned(self, http: Http, settings: Settings, today: date) -> Iterator[tuple[Assigned, ...]]:
        yield (Assigned("b", "e1", "Night shift"),)


@pytest.fixture
def draft(company: Company, admin: User) -> Draft:
    begun = drafts.begin_setup(company, CARD, settings={}, mapping={}, by=admin, request_number="REQ-1")
    return ready(begun, by=admin, source=ListSource([]))


def read(draft: Draft, source: ListSource, **parts: Any) -> tuple[Preview, KeyPair]:
    """What the worker does after somebody asked for the lists."""
    preview, keys = previews.start(draft)
    job = queue.JOBS[previews.SETUP_PREVIEW]
    work = lambda row: previews.perform_preview(row, source=source, **parts)  # noqa: E731
    queue.JOBS[previews.SETUP_PREVIEW] = replace(job, work=work)
    try:
        queue.run_job(previews.SETUP_PREVIEW, preview.pk)
    finally:
        queue.JOBS[previews.SETUP_PREVIEW] = job
    preview.refresh_from_db()
    return preview, keys


def texts_of_every_table() -> Iterator[tuple[str, str]]:
    """Every row of every table that holds text, JSON or bytes, as text."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = current_schema() "
            "AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')"
        )
        for table, column, kind in cursor.fetchall():
            shown = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            cursor.execute(f'SELECT {shown} FROM "{table}" WHERE "{column}" IS NOT NULL')  # noqa: S608
            for (value,) in cursor.fetchall():
                yield f"{table}.{column}", value


def test_nothing_readable_is_stored_before_the_plan(draft: Draft, admin: User) -> None:
    preview, keys = read(draft, ListSource(STAFF))
    drafts.save_filter(draft, CARE, by=admin, expected_version=draft.version)
    assert MARK in {seen.fields["first_name"] for seen in previews.people(preview, keys)}
    found = list(texts_of_every_table())
    assert any(place.startswith("integrations_previewpage") for place, _ in found)
    assert [place for place, value in found if MARK.casefold() in value.casefold()] == []


def test_the_lists_show_who_is_in_who_is_out_and_why(draft: Draft) -> None:
    preview, keys = read(draft, ListSource(STAFF))
    assert (preview.people, preview.unreadable, preview.read_all) == (5, 1, True)
    found = previews.matching(preview, keys, Filter.from_data(CARE), limit=1)
    assert (found.inside, found.outside, found.gone) == (2, 2, 1)
    assert [one.seen.source_id for one in found.inside_people] == ["a"]
    (out,) = found.outside_people
    assert (out.seen.source_id, out.verdict.because) == ("c", Because.NOT_INCLUDED)
    assert previews.options(preview, keys, "department") == [("Care", 2), ("Surgery", 1)]
    assert previews.options(preview, keys, "status") == [("active", 4)]


def test_a_field_that_nobody_has_is_told(draft: Draft) -> None:
    preview, _ = read(draft, ListSource(STAFF))
    counts = {one.name: one.count for one in previews.fields(preview)}
    assert (counts["department"], counts["work_phone"], counts["job_title"]) == (4, 1, 0)


def test_people_with_an_event_are_told_apart(draft: Draft) -> None:
    preview, keys = read(draft, ListSource(STAFF), events=Shifts())
    assert [seen.source_id for seen in previews.people(preview, keys) if seen.has_event] == ["b"]
    assert previews.options(preview, keys, "event") == [("yes", 1)]


def test_declined_and_sensitive_fields_are_not_even_in_the_sealed_lists(draft: Draft, admin: User) -> None:
    drafts.save_consent(draft, declined=["department"], by=admin, expected_version=draft.version)
    sent = [record("a", department="Care", **{"custom.salary": "9", "custom.ward": "7"})]
    preview, keys = read(draft, ListSource(sent))
    (seen,) = previews.people(preview, keys)
    assert (seen.fields.get("custom.ward"), set(seen.fields) & {"department", "custom.salary"}) == (
        "7",
        set(),
    )


def test_only_the_browser_with_the_key_sees_anybody_and_only_for_an_hour(draft: Draft) -> None:
    preview, keys = read(draft, ListSource(STAFF))
    assert keys.private not in bytes(Preview.objects.get().public_key)
    with pytest.raises(DraftRefused) as caught:
        list(previews.people(preview, KeyPair.make()))
    assert caught.value.code == "gone"
    page, other = (
        PreviewPage.objects.get(),
        Preview.objects.create(draft=draft, public_key=keys.public, expires_at=preview.expires_at),
    )
    PreviewPage.objects.create(preview=other, number=0, body=page.body)
    with pytest.raises(DraftRefused):
        list(previews.people(other, keys))
    preview.expires_at = clock.now()
    with pytest.raises(DraftRefused):
        list(previews.people(preview, keys))


def test_lists_go_with_the_hour_the_confirmation_and_the_withdrawal(draft: Draft, admin: User) -> None:
    read(draft, ListSource(STAFF))
    previews.forget_expired()
    assert Preview.objects.count() == 1
    Preview.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    previews.forget_expired()
    assert not PreviewPage.objects.exists()
    read(draft, ListSource(STAFF))
    drafts.withdraw(draft, by=admin)
    assert not PreviewPage.objects.exists()
    begun = drafts.begin_change(draft.connection, by=admin)
    again = ready(begun, by=admin, source=ListSource([]))
    read(again, ListSource(STAFF))
    confirmed(again, by=admin, source=ListSource(STAFF))
    assert not PreviewPage.objects.exists()


def test_a_new_reading_takes_the_place_of_the_old_one_even_while_it_goes_on(draft: Draft) -> None:
    slow, keys = previews.start(draft)

    @dataclass(frozen=True)
    class Interrupted(ListSource):
        def read(self, record: Record) -> Person:
            if record["id"] == "k00500":
                previews.start(draft)
            return super().read(record)

    queue.JOBS[previews.SETUP_PREVIEW], job = (
        replace(
            queue.JOBS[previews.SETUP_PREVIEW],
            work=lambda row: previews.perform_preview(row, source=Interrupted(records(900), size=300)),
        ),
        queue.JOBS[previews.SETUP_PREVIEW],
    )
    try:
        queue.run_job(previews.SETUP_PREVIEW, slow.pk)
    finally:
        queue.JOBS[previews.SETUP_PREVIEW] = job
    assert not Preview.objects.filter(pk=slow.pk).exists()
    assert not PreviewPage.objects.exists()
    assert list(previews.people(slow, keys)) == []


def test_a_second_attempt_starts_over(draft: Draft) -> None:
    breaks = {1: RuntimeError("our bug")}
    with pytest.raises(queue.JobFailed):
        read(draft, ListSource(records(1500), size=600, breaks=breaks))
    preview = Preview.objects.get()
    assert (preview.people, preview.job_state) == (600, JobState.QUEUED)
    Preview.objects.update(job_state=JobState.RUNNING, epoch=9)
    preview.refresh_from_db()
    previews.perform_preview(preview, source=ListSource(records(30)))
    preview.refresh_from_db()
    assert (preview.people, preview.pages, PreviewPage.objects.count()) == (30, 1, 1)


def test_a_refusal_of_the_vendor_stands_on_the_preview(draft: Draft) -> None:
    refusal = NeedsPerson("Ask for the right.", code="missing_right")
    preview, _ = read(draft, ListSource(records(5), breaks={0: refusal}))
    assert (preview.job_state, preview.failure, preview.failure_code) == (
        JobState.FAILED,
        "Ask for the right.",
        "missing_right",
    )


def test_nobody_is_shown_before_it_was_agreed_to_and_tried(company: Company, admin: User) -> None:
    begun = drafts.begin_setup(company, CARD, settings={}, mapping={}, by=admin, request_number="REQ-1")
    with pytest.raises(DraftRefused) as caught:
        previews.start(begun)
    assert caught.value.code == "not_ready"


def test_ten_thousand_people_are_looked_through_within_a_second(draft: Draft) -> None:
    preview, keys = read(draft, ListSource(records(10_000), size=1000))
    asked = Filter.from_data(CARE)
    took = []
    for _ in range(3):
        began = time.perf_counter()
        assert previews.matching(preview, keys, asked, limit=50).outside == 10_000
        took.append(time.perf_counter() - began)
    assert min(took) < 1.0
