"""What a run's outcome makes of its connection, and what the tile of each state says."""

from __future__ import annotations

import uuid

import pytest

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Held,
    Issue,
    Problem,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services.states import set_connected, set_error, tile
from integrations.signals import connection_news
from portal.kit import clock

pytestmark = pytest.mark.django_db


def a_run(connection: Connection, kind: RunKind = RunKind.SCHEDULED, **values: object) -> Run:
    return Run.objects.create(
        connection=connection, kind=kind, outcome=RunOutcome.APPLIED, job_state="done", **values
    )


def hold_somebody(connection: Connection, run: Run) -> Held:
    person = DirectoryPerson.objects.create(
        company=connection.company,
        connection=connection,
        source_id="k1",
        email="k1@example.com",
        raw_digest=uuid.uuid4(),
    )
    return Held.objects.create(run=run, person=person, why="absent")


@pytest.mark.parametrize(
    ("state", "label", "tone"),
    [
        (ConnectionState.SETTING_UP, "Setting up", "neutral"),
        (ConnectionState.CONNECTING, "Connecting", "neutral"),
        (ConnectionState.CONNECTED, "Connected", "good"),
        (ConnectionState.DEGRADED, "Connected", "warn"),
        (ConnectionState.QUARANTINED, "Connection error", "bad"),
        (ConnectionState.PAUSED, "Paused", "warn"),
        (ConnectionState.DISCONNECTED, "Disconnected", "neutral"),
    ],
)
def test_seed_003_the_tile_names_the_state_in_its_colour(
    connection: Connection, state: ConnectionState, label: str, tone: str
) -> None:
    connection.state = state
    assert (tile(connection).label, tile(connection).tone) == (label, tone)
    assert tile(connection).words


def test_seed_003_the_tile_of_an_error_says_why(connection: Connection) -> None:
    set_error(connection, reason="The secret has expired.", reason_code="wrong_credentials")
    assert connection.state == ConnectionState.QUARANTINED
    assert tile(connection).words == "The secret has expired."


def test_success_leaves_quarantine_by_itself_and_forgets_the_failures(connection: Connection) -> None:
    connection.schedule = ["every 1h"]
    connection.save(update_fields=["schedule"])
    set_error(connection, reason="No.", reason_code="wrong_credentials")
    retry_at = connection.next_run_at
    assert (connection.failures, connection.failing_since is None) == (1, False)
    set_connected(connection)
    assert connection.state == ConnectionState.CONNECTED
    assert (connection.failures, connection.failing_since, connection.told_reason) == (0, None, "")
    assert (connection.reason, connection.reason_code) == ("", "")
    assert connection.next_run_at != retry_at, "back to the schedule"
    assert not Issue.objects.open().exists()


def test_a_reason_makes_it_degraded(connection: Connection) -> None:
    set_connected(connection, reason="20 people were kept.", reason_code="too_many_removals")
    assert connection.state == ConnectionState.DEGRADED
    assert connection.reason == "20 people were kept."
    set_connected(connection)
    assert connection.state == ConnectionState.CONNECTED


def test_many_problems_make_it_degraded_and_few_do_not(connection: Connection) -> None:
    a_run(connection, seen=100, problem_count=20)
    set_connected(connection)
    assert connection.state == ConnectionState.CONNECTED
    a_run(connection, seen=100, problem_count=21)
    set_connected(connection)
    assert (connection.state, connection.reason_code) == (ConnectionState.DEGRADED, "many_problems")


def test_a_field_that_nobody_has_is_no_persons_problem(connection: Connection) -> None:
    run = a_run(connection, seen=3, problem_count=8)
    Problem.objects.bulk_create(Problem(run=run, code="field_never_sent", field=str(n)) for n in range(8))
    set_connected(connection)
    assert connection.state == ConnectionState.CONNECTED
    run = a_run(connection, seen=3, problem_count=14)
    Problem.objects.bulk_create(Problem(run=run, code="field_never_sent", field=str(n)) for n in range(8))
    Problem.objects.bulk_create(Problem(run=run, code="missing_email", source_id=str(n)) for n in range(6))
    set_connected(connection)
    assert connection.reason_code == "many_problems"


def test_a_first_absence_of_the_other_side_after_successes_only_degrades(connection: Connection) -> None:
    set_connected(connection)
    for expected in (ConnectionState.DEGRADED, ConnectionState.QUARANTINED):
        set_error(connection, reason="It did not answer.", reason_code="gave_up")
        assert connection.state == expected


@pytest.mark.parametrize("decided", [ConnectionState.PAUSED, ConnectionState.DISCONNECTED])
def test_what_a_person_decided_stays(connection: Connection, decided: ConnectionState) -> None:
    Connection.objects.update(state=decided)
    set_error(connection, reason="No.", reason_code="wrong_credentials")
    set_connected(connection)
    assert (connection.state, connection.failures) == (decided, 0)


def test_a_plan_that_fails_while_it_is_set_up_changes_no_state(connection: Connection) -> None:
    Connection.objects.update(state=ConnectionState.SETTING_UP)
    set_error(connection, reason="No.", reason_code="wrong_credentials")
    assert (connection.state, connection.failures) == (ConnectionState.SETTING_UP, 0)
    assert not Issue.objects.exists()


def test_a_request_hears_once_that_it_works_and_each_time_that_connecting_fails(
    connection: Connection,
) -> None:
    heard: list[str] = []

    def listen(sender: object, *, news: str, **_: object) -> None:
        heard.append(news)

    connection_news.connect(listen)
    try:
        set_error(connection, reason="No.", reason_code="wrong_credentials")
        set_error(connection, reason="No.", reason_code="wrong_credentials")
        set_connected(connection)
        set_connected(connection)
    finally:
        connection_news.disconnect(listen)
    assert heard == ["failed", "connected"]


def test_problems_of_a_run_are_issues_by_code_until_a_run_has_none(connection: Connection) -> None:
    run = a_run(connection, seen=90, problem_count=3)
    for code in ("missing_work_email", "missing_work_email", "duplicate_id", "manager_unknown", "shortened"):
        Problem.objects.create(run=run, code=code)
    set_connected(connection)
    open_now = dict(Issue.objects.open().values_list("code", "count"))
    assert open_now == {"problem:missing_work_email": 2, "problem:duplicate_id": 1}
    better = a_run(connection, seen=90, problem_count=1)
    Problem.objects.create(run=better, code="duplicate_id")
    set_connected(connection)
    assert [one.code for one in Issue.objects.open()] == ["problem:duplicate_id"]
    a_run(connection, RunKind.INCREMENTAL, seen=1)
    set_connected(connection)
    assert Issue.objects.open().count() == 1, "a run that read few people says nothing about the others"
    a_run(connection, seen=90)
    set_connected(connection)
    assert not Issue.objects.open().exists()


def test_held_removals_are_an_issue_until_they_are_decided(connection: Connection) -> None:
    held = hold_somebody(connection, a_run(connection, seen=90))
    set_connected(connection, reason="1 person was kept.", reason_code="too_many_removals")
    assert Issue.objects.open().get().code == "held_removals"
    Held.objects.filter(pk=held.pk).update(state="released", decided_at=clock.now())
    set_connected(connection)
    assert not Issue.objects.open().exists()
