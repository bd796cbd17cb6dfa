"""What a run does to the directory, its change log and its connection, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db.models.functions import Now

from integrations import catalog
from integrations.models import (
    Change,
    Connection,
    ConnectionState,
    DirectoryPerson,
    PersonState,
    Problem,
    Run,
    RunKind,
    RunOutcome,
    Seen,
    Staged,
)
from integrations.provider import Cursor, Page, Settings, Unreadable
from integrations.services.batches import BATCH_PEOPLE
from integrations.services.starts import SYNC_RUN
from integrations.signals import connection_news
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Http
from portal.kit.leases import JobState
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records

pytestmark = pytest.mark.django_db(transaction=True)


def active() -> set[str]:
    return set(DirectoryPerson.objects.filter(state=PersonState.ACTIVE).values_list("source_id", flat=True))


def versions() -> dict[str, str]:
    """The row versions of all people: whatever was written, even with equal values, has another one."""
    with database.cursor() as cursor:
        cursor.execute("SELECT source_id, xmin::text || ctid::text FROM integrations_directoryperson")
        return dict(cursor.fetchall())


def changes(run: Run) -> dict[str, str]:
    return dict(Change.objects.filter(run=run).values_list("source_id", "kind"))


def test_a_first_run_fills_the_directory_and_connects(sync: Syncer, connection: Connection) -> None:
    run = sync(ListSource(records(25)))
    assert (run.job_state, run.outcome, run.added, run.seen) == (JobState.DONE, RunOutcome.APPLIED, 25, 25)
    assert active() == {f"k{number:05}" for number in range(25)}
    person = DirectoryPerson.objects.get(source_id="k00007")
    assert (person.first_name, person.email, person.company_id) == (
        "Firstk00007",
        "k00007@example.com",
        connection.company_id,
    )
    assert connection.state == ConnectionState.CONNECTED
    assert connection.last_success_at is not None
    change = Change.objects.get(run=run, source_id="k00007")
    assert (change.before, change.after["first_name"], change.person_name) == (
        {},
        "Firstk00007",
        "Firstk00007 Person",
    )
    assert (Seen.objects.count(), Staged.objects.count()) == (0, 0)


def test_an_unchanged_answer_writes_no_person_and_no_change(sync: Syncer) -> None:
    sync(ListSource(records(25)))
    before = versions()
    run = sync(ListSource(records(25)))
    assert versions() == before
    assert (run.outcome, run.unchanged, run.change_total) == (RunOutcome.APPLIED, 25, 0)
    assert changes(run) == {}


def test_a_rename_and_a_leaver_are_exactly_two_changes(sync: Syncer) -> None:
    sync(ListSource(records(25)))
    before = versions()
    answer = [one for one in records(25) if one["id"] != "k00003"]
    answer[9] = record(answer[9]["id"], first="Renamed")
    run = sync(ListSource(answer))
    assert changes(run) == {"k00003": "deactivated", "k00010": "changed"}
    assert {key for key, version in versions().items() if version != before[key]} == {"k00003", "k00010"}
    renamed = Change.objects.get(run=run, source_id="k00010")
    assert (renamed.before, renamed.after) == ({"first_name": "Firstk00010"}, {"first_name": "Renamed"})
    assert "k00003" not in active()


@pytest.mark.parametrize("size", [1, 2, 25])
def test_empty_answer_is_held_however_small(sync: Syncer, connection: Connection, size: int) -> None:
    sync(ListSource(records(size)))
    before = versions()
    run = sync(ListSource([]))
    assert (run.outcome, run.deactivated, len(run.objections)) == (RunOutcome.HELD, 0, 1)
    assert versions() == before
    assert (connection.state, connection.reason_code) == (ConnectionState.QUARANTINED, "empty_answer")


@pytest.mark.parametrize(
    "answer",
    [ListSource(records(20), complete=False), ListSource(records(20), total=21), ListSource(records(9))],
    ids=["broken off", "total not reached", "shrunken"],
)
def test_a_broken_answer_changes_nobody(sync: Syncer, answer: ListSource) -> None:
    sync(ListSource(records(20)))
    before = versions()
    renamed = [*answer.people[:-1], record(answer.people[-1]["id"], first="Renamed")]
    run = sync(ListSource(renamed, complete=answer.complete, total=answer.total))
    assert (run.outcome, run.change_total) == (RunOutcome.HELD, 0)
    assert versions() == before
    assert sync(ListSource(records(20))).outcome == RunOutcome.APPLIED


def test_too_many_removals_are_held_and_the_rest_is_applied(sync: Syncer, connection: Connection) -> None:
    sync(ListSource(records(20)))
    run = sync(ListSource([*records(14), record("new")]))
    assert (run.outcome, run.added, run.deactivated) == (RunOutcome.HELD, 1, 0)
    assert changes(run) == {"new": "added"}
    assert len(active()) == 21
    assert connection.state == ConnectionState.DEGRADED
    assert connection.reason == run.objections[0]


def test_a_held_leaver_is_looked_at_again_by_the_next_run(sync: Syncer) -> None:
    sync(ListSource(records(20)))
    gone = [record(one["id"], status="terminated") for one in records(7)]
    assert sync(ListSource([*gone, *records(13, start=7)])).outcome == RunOutcome.HELD
    assert sync(ListSource([*gone, *records(13, start=7)])).objections != []
    fewer = sync(ListSource([*gone[:3], *records(17, start=3)]))
    assert (fewer.outcome, fewer.deactivated) == (RunOutcome.APPLIED, 3)


def test_a_rehire_returns_to_the_same_row(sync: Syncer) -> None:
    sync(ListSource(records(20)))
    was = DirectoryPerson.objects.get(source_id="k00000")
    sync(ListSource(records(19, start=1)))
    assert DirectoryPerson.objects.get(pk=was.pk).deactivated_at is not None
    run = sync(ListSource(records(20)))
    now = DirectoryPerson.objects.get(source_id="k00000")
    assert changes(run) == {"k00000": "returned"}
    assert (now.pk, now.public_id, now.state, now.deactivated_at) == (was.pk, was.public_id, "active", None)


def test_somebody_terminated_is_deactivated_once(sync: Syncer) -> None:
    sync(ListSource(records(20)))
    answer = [*records(19), record("k00019", status="terminated")]
    run = sync(ListSource(answer))
    assert changes(run) == {"k00019": "deactivated"}
    assert Change.objects.get(run=run).after == {"status": "terminated"}
    before = versions()
    assert sync(ListSource(answer)).change_total == 0
    assert versions() == before


def test_an_unreadable_record_is_a_problem_and_keeps_the_person(sync: Syncer) -> None:
    sync(ListSource(records(20)))
    run = sync(ListSource([*records(19), record("k00019", status="sabbatical")]))
    assert (run.outcome, run.problem_count, run.change_total) == (RunOutcome.APPLIED, 1, 0)
    problem = Problem.objects.get(run=run)
    assert (problem.code, problem.person_name) == ("unknown_status", "Firstk00019 Person")
    assert "k00019" in active()


def test_an_unreadable_record_of_somebody_new_has_their_name_as_far_as_it_can_be_read(sync: Syncer) -> None:
    run = sync(ListSource([*records(3), record("x", status="sabbatical")]))
    assert Problem.objects.get(run=run).person_name == "Firstx Person"
    source = catalog.get("personio").source
    assert source is not None
    value = {"status": {"value": "sabbatical"}, "first_name": {"value": "Ida"}, "last_name": {"value": ["x"]}}
    with pytest.raises(Unreadable) as caught:
        source.read({"type": "Employee", "attributes": {"id": {"value": 7}, **value}})
    assert (caught.value.code, caught.value.name) == ("unknown_status", "Ida")


def test_a_record_without_an_id_means_that_nobody_is_missed(sync: Syncer) -> None:
    sync(ListSource(records(20)))
    run = sync(ListSource([*records(19), {**record("k00019"), "id": None}]))
    assert (run.outcome, run.deactivated) == (RunOutcome.HELD, 0)
    assert "k00019" in active()


def test_the_first_of_two_records_wins_whatever_page_they_are_on(sync: Syncer) -> None:
    answer = [*records(20), record("k00003", first="Second"), record("k00019", first="Second")]
    run = sync(ListSource(answer))
    assert (run.seen, run.added, run.problem_count) == (20, 20, 2)
    assert not DirectoryPerson.objects.filter(first_name="Second").exists()


def test_hostile_text_is_stored_clean(sync: Syncer) -> None:
    run = sync(
        ListSource(
            [record("a\\b", work_email="a@b.co", first="A\x00\t\\N\ud800 'x'", department='{"a": 1}\\.')]
        )
    )
    person = DirectoryPerson.objects.get()
    assert (person.source_id, person.first_name, person.department) == ("a\\b", "A \\N 'x'", '{"a": 1}\\.')
    assert run.outcome == RunOutcome.APPLIED


def test_wrong_credentials_are_an_error_with_the_sentence(sync: Syncer, connection: Connection) -> None:
    sentence = "The token is not accepted. Copy it again."
    run = sync(ListSource(records(5), refuses=NeedsPerson(sentence, code="wrong_credentials")))
    assert (run.job_state, run.outcome, run.failure) == (JobState.FAILED, RunOutcome.FAILED, sentence)
    assert (connection.state, connection.reason, connection.reason_code) == (
        ConnectionState.QUARANTINED,
        sentence,
        "wrong_credentials",
    )


def goes_on(run: Run) -> timedelta:
    """The queue tries again until it has enough. Returns how long that takes."""
    waited = timedelta()
    while run.is_open:
        waited += run.due_at - clock.now()
        Run.objects.filter(pk=run.pk).update(due_at=Now())
        queue.run_job(SYNC_RUN, run.pk)
        run.refresh_from_db()
    return waited


def test_a_system_that_is_away_leaves_the_connection_as_it_is_for_an_hour_and_is_told_then(
    sync: Syncer, connection: Connection
) -> None:
    sync(ListSource(records(5)))
    away = ListSource(records(5), refuses=RetryLater("The HR system is busy."))
    run = sync(away)
    assert (run.job_state, run.failure) == (JobState.QUEUED, "The HR system is busy.")
    assert connection.state == ConnectionState.CONNECTED
    assert timedelta(hours=1) < goes_on(run) < timedelta(hours=2)
    connection.refresh_from_db()
    assert (connection.state, connection.reason) == (ConnectionState.DEGRADED, "The HR system is busy.")
    assert connection.next_run_at is not None
    assert connection.next_run_at - clock.now() < timedelta(hours=6)
    goes_on(sync(away))
    connection.refresh_from_db()
    assert connection.state == ConnectionState.QUARANTINED, "red on the same day"


def test_a_long_list_may_be_told_to_wait_on_every_page(sync: Syncer, connection: Connection) -> None:
    class Busy(ListSource):
        """Gives one page, and asks for a moment before the next one."""

        def pages(self, http: Http, settings: Settings, cursor: Cursor | None = None) -> Iterator[Page]:
            yield next(super().pages(http, settings, cursor))
            if (cursor["at"] if cursor else 0) + self.size < len(self.people):
                raise RetryLater("One moment.", after=timedelta(seconds=1))

    run = sync(Busy(records(12), size=1))
    goes_on(run)
    assert (run.outcome, run.added) == (RunOutcome.APPLIED, 12)


def test_a_run_that_a_pause_has_left_over_changes_nobody(sync: Syncer, connection: Connection) -> None:
    sync(ListSource(records(5)))
    Connection.objects.update(state=ConnectionState.PAUSED)
    run = sync(ListSource(records(6)))
    assert (run.outcome, run.failure_code, len(active())) == (RunOutcome.FAILED, "not_running", 5)
    assert connection.state == ConnectionState.PAUSED


def test_news_is_told_once_for_a_connection_that_works_and_each_time_for_one_that_does_not(
    sync: Syncer, connection: Connection
) -> None:
    heard: list[tuple[str, str]] = []

    def listen(sender: object, news: str, reason: str, **_: Any) -> None:
        heard.append((news, reason))

    connection_news.connect(listen)
    try:
        sync(ListSource([], refuses=NeedsPerson("No.", code="wrong_credentials")))
        sync(ListSource(records(5)))
        sync(ListSource(records(5)))
        sync(ListSource([]))
    finally:
        connection_news.disconnect(listen)
    assert heard == [("failed", "No."), ("connected", "")]


def test_another_mapping_is_applied_to_people_who_did_not_change(
    sync: Syncer, connection: Connection
) -> None:
    answer = [{**one, "fields": {**one["fields"], "team": "Blue"}} for one in records(5)]
    sync(ListSource(answer))
    connection.mapping = {"department": "team"}
    connection.save()
    assert sync(ListSource(answer)).changed == 5
    assert set(DirectoryPerson.objects.values_list("department", flat=True)) == {"Blue"}
    assert sync(ListSource(answer)).unchanged == 5


def test_a_field_that_no_attribute_shows_is_no_change(sync: Syncer) -> None:
    sync(ListSource(records(5)))
    run = sync(ListSource([{**one, "salary": 1} for one in records(5)]))
    assert (run.unchanged, run.change_total, Change.objects.filter(run=run).count()) == (5, 0, 0)


def test_other_connections_people_are_never_touched(sync: Syncer, connection: Connection) -> None:
    other = Connection.objects.create(company=connection.company, provider_slug="bamboohr", kind="hris")
    DirectoryPerson.objects.create(
        company=connection.company,
        connection=other,
        source_id="k00001",
        email="theirs@example.com",
        raw_digest="0" * 32,
    )
    sync(ListSource(records(20)))
    run = sync(ListSource(records(18, start=2)))
    assert set(changes(run)) == {"k00000", "k00001"}
    theirs = DirectoryPerson.objects.get(connection=other)
    assert (theirs.state, theirs.email) == ("active", "theirs@example.com")


def test_whoever_makes_no_line_may_be_listed_twice_in_a_first_run(
    sync: Syncer, connection: Connection
) -> None:
    gone, staff = record("gone", status="terminated"), records(BATCH_PEOPLE + 10)
    listed = [gone, *staff[:BATCH_PEOPLE], gone, *staff[BATCH_PEOPLE:]]
    run = sync(ListSource(listed, size=1_000), RunKind.FIRST)
    assert (run.outcome, run.added, run.seen, run.unchanged) == (
        RunOutcome.APPLIED,
        len(staff),
        len(staff) + 1,
        0,
    )
    assert connection.state == ConnectionState.CONNECTED
