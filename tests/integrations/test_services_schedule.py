"""When runs are due, and that each slot runs once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import cast

import pytest
from django.db import IntegrityError, transaction

from integrations.models import Connection, ConnectionState, Run, RunKind
from integrations.provider import Incremental
from integrations.services.schedule import (
    SPREAD,
    kind_for,
    next_slot,
    set_schedule,
    slots_of,
    start_due_runs,
)
from integrations.services.starts import start_run
from integrations.views.runs import facts
from portal.accounts.models import Company, User
from portal.audit.models import Entry
from portal.kit import clock
from portal.kit.errors import NeedsPerson

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


@pytest.mark.parametrize("kind", [RunKind.DRY, RunKind.UNDO, RunKind.RELEASE])
def test_what_brings_nothing_new_does_not_use_up_the_slot(connection: Connection, kind: RunKind) -> None:
    slot = due(connection)
    start_run(connection, kind=kind)
    start_due_runs()
    assert not Run.objects.filter(slot=slot).exists()
    Run.objects.update(job_state="done")
    start_due_runs()
    assert Run.objects.filter(slot=slot).exists()


def test_a_slot_that_has_had_its_run_does_not_hold_up_the_next(connection: Connection) -> None:
    start_run(connection, kind=RunKind.SCHEDULED, slot=due(connection))
    Run.objects.update(job_state="done")
    start_due_runs()
    connection.refresh_from_db()
    assert (Run.objects.count(), (connection.next_run_at or NOON) > clock.now()) == (1, True)


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


def test_an_interval_has_slots_of_its_own_spread_and_stable(connection: Connection, company: Company) -> None:
    connection.schedule = ["every 6h"]
    day = slots_of(connection, NOON.date())
    assert [later - earlier for earlier, later in pairwise(day)] == [timedelta(hours=6)] * 3
    assert next_slot(connection, day[1]) == day[2]
    made = [Connection(company=company, provider_slug="personio", kind="hris") for _ in range(20)]
    for one in made:
        one.schedule = ["every 6h"]
    assert len({next_slot(one, NOON) for one in made}) > 5
    connection.schedule = ["every 1h"]
    assert len(slots_of(connection, NOON.date())) == 24


def test_seed_002_runs_at_two_and_at_fourteen(company: Company) -> None:
    one = Connection(company=company, provider_slug="staffcloud", kind="hris")
    assert [slot.hour for slot in slots_of(one, NOON.date())] == [2, 14]
    assert {slot.minute for slot in slots_of(one, NOON.date())} == {0}


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        (["14:00", " 02:00", "02:00"], ["02:00", "14:00"]),
        (["Every 6h"], ["every 6h"]),
        (["23:30", "00:30"], ["00:30", "23:30"]),
        ([], []),
        ([f"{hour:02}:15" for hour in range(24)], [f"{hour:02}:15" for hour in range(24)]),
    ],
)
def test_a_schedule_is_kept_in_order_and_moves_the_next_run(
    connection: Connection, admin: User, entries: list[str], kept: list[str]
) -> None:
    set_schedule(connection, entries, by=admin, now=lambda: NOON)
    assert connection.schedule == kept
    assert connection.next_run_at == next_slot(connection, NOON)
    assert Entry.objects.get(action="connection.schedule").details["after"] == kept


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        (["02:00", "02:30"], "one hour"),
        (["23:45", "00:15"], "midnight"),
        (["25:00"], "25:00"),
        (["2:0"], "2:0"),
        (["every 0h"], "every hour"),
        (["every 25h"], "24 hours"),
        (["every sunday"], "interval"),
        (["every 6h", "02:00"], "not both"),
        ([f"{minute // 60:02}:{minute % 60:02}" for minute in range(0, 1440, 50)], "24 times"),
    ],
)
def test_what_is_no_schedule_is_refused_with_a_sentence(
    connection: Connection, admin: User, entries: list[str], sentence: str
) -> None:
    with pytest.raises(NeedsPerson, match=sentence):
        set_schedule(connection, entries, by=admin)
    connection.refresh_from_db()
    assert connection.schedule == []


def test_a_try_of_the_ladder_has_no_slot(connection: Connection) -> None:
    due(connection)
    Connection.objects.update(failures=1)
    start_due_runs()
    run = Run.objects.get()
    assert (run.kind, run.slot) == (RunKind.SCHEDULED, None)
    assert "Another try after a failure" in facts(run)


def test_a_new_schedule_does_not_hurry_what_waits_after_a_failure(
    connection: Connection, admin: User
) -> None:
    later = NOON + timedelta(hours=12)
    Connection.objects.update(failures=2, next_run_at=later)
    set_schedule(connection, ["every 1h"], by=admin, now=lambda: NOON)
    assert connection.next_run_at == later


@pytest.mark.parametrize(
    ("tells", "watermark", "days", "kind"),
    [
        (True, "w1", 6, RunKind.INCREMENTAL),
        (True, "w1", 6.1, RunKind.SCHEDULED),
        (True, "w1", None, RunKind.SCHEDULED),
        (True, "", 1, RunKind.SCHEDULED),
        (False, "w1", 1, RunKind.SCHEDULED),
    ],
)
def test_only_what_changed_is_read_where_that_is_enough_with_a_full_pass_every_week(
    connection: Connection, tells: bool, watermark: str, days: float | None, kind: RunKind
) -> None:
    card = replace(connection.provider, incremental=cast(Incremental, object()) if tells else None)
    connection.schedule, connection.state = ["12:00"], ConnectionState.CONNECTED
    connection.watermark = watermark
    connection.full_pass_at = None if days is None else NOON - timedelta(days=days)
    assert kind_for(connection, NOON, card) == kind
    connection.failures = 1
    assert kind_for(connection, NOON, card) == RunKind.SCHEDULED, "a failure is over when everybody was read"


def test_no_two_full_passes_are_more_than_a_week_apart(connection: Connection) -> None:
    card = replace(connection.provider, incremental=cast(Incremental, object()))
    connection.schedule, connection.state, connection.watermark = (
        ["02:00"],
        ConnectionState.CONNECTED,
        "w1",
    )
    at, full = NOON, []
    for _ in range(30):
        at = next_slot(connection, at)
        if kind_for(connection, at, card) == RunKind.SCHEDULED:
            full.append(at)
            connection.full_pass_at = at + timedelta(minutes=3)
    assert {later - earlier for earlier, later in pairwise(full)} == {timedelta(days=7)}
