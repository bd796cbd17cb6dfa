"""When runs are due, and that each slot runs once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from integrations.models import Connection, ConnectionState, Run, RunKind
from integrations.services.schedule import SPREAD, next_slot, start_due_runs
from integrations.services.starts import start_run
from portal.accounts.models import Company
from portal.kit import clock

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def due(connection: Connection, ago: timedelta = timedelta(minutes=1)) -> datetime:
    slot = clock.now() - ago
    Connection.objects.filter(pk=connection.pk).update(next_run_at=slot, state=ConnectionState.CONNECTED)
    return slot


def test_chosen_times_are_kept_to_the_minute(connection: Connection) -> None:
    connection.schedule = ["02:00", "14:00"]
    slots = [next_slot(connection, NOON)]
    slots += [next_slot(connection, slots[0])]
    assert slots == [NOON.replace(hour=14), NOON.replace(day=2, hour=2)]


def test_default_times_are_spread_and_stable(company: Company) -> None:
    found = set()
    for number in range(20):
        one = Connection(company=company, provider_slug="personio", kind="hris")
        slot = next_slot(one, NOON)
        assert slot == next_slot(one, NOON), number
        assert timedelta() <= slot - datetime(2026, 3, 2, 3, 0, tzinfo=UTC) < SPREAD
        found.add(slot)
    assert len(found) > 5


def test_a_due_connection_gets_one_run_for_its_slot(connection: Connection) -> None:
    slot = due(connection)
    start_due_runs()
    start_due_runs()
    run = Run.objects.get()
    assert (run.kind, run.slot) == (RunKind.SCHEDULED, slot)
    connection.refresh_from_db()
    assert connection.next_run_at is not None
    assert connection.next_run_at > clock.now()


def test_missed_slots_run_once(connection: Connection) -> None:
    due(connection, timedelta(days=9))
    start_due_runs()
    start_due_runs()
    assert Run.objects.count() == 1


def test_a_slot_has_one_run_for_ever(connection: Connection) -> None:
    start_run(connection, kind=RunKind.SCHEDULED, slot=NOON)
    Run.objects.update(job_state="done")
    with pytest.raises(IntegrityError), transaction.atomic():
        start_run(connection, kind=RunKind.SCHEDULED, slot=NOON)


def test_an_open_run_stands_for_the_slot(connection: Connection) -> None:
    due(connection)
    start_run(connection, kind=RunKind.MANUAL)
    start_due_runs()
    assert Run.objects.count() == 1
    connection.refresh_from_db()
    assert connection.next_run_at is not None
    assert connection.next_run_at > clock.now()


@pytest.mark.parametrize(
    "state", [ConnectionState.PAUSED, ConnectionState.DISCONNECTED, ConnectionState.SETTING_UP]
)
def test_a_connection_that_does_not_run_is_left_alone(connection: Connection, state: str) -> None:
    due(connection)
    Connection.objects.update(state=state)
    start_due_runs()
    assert not Run.objects.exists()


def test_one_broken_schedule_does_not_stop_the_others(connection: Connection, company: Company) -> None:
    broken = Connection.objects.create(
        company=company, provider_slug="bamboohr", kind="hris", schedule=["no time"]
    )
    due(broken, timedelta(hours=1))
    due(connection)
    start_due_runs()
    assert Run.objects.get().connection == connection
