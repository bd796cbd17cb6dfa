"""What a run writes: rows that differ and no others, whatever the number of people."""

from __future__ import annotations

import time

import pytest
from django.db import connection as database

from integrations.models import Connection, DirectoryPerson, Planned, RunKind, RunOutcome
from portal.accounts.models import User
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record
from tests.integrations.test_runs_plans import a_draft

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = [
    "directoryperson",
    "change",
    "problem",
    "group",
    "membership",
    "membershipchange",
    "invitation",
    "held",
    "match",
    "planned",
]


def written() -> dict[str, int]:
    """Rows inserted, updated and deleted so far, by table; counted by the database itself."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE relname = ANY(%s)",
            [[f"integrations_{name}" for name in TABLES]],
        )
        return dict(cursor.fetchall())


def wal() -> int:
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        return int(cursor.fetchone()[0])


def people(count: int) -> list[dict[str, object]]:
    return [record(f"k{number:06}", department=f"D{number % 20}") for number in range(count)]


def test_an_unchanged_run_writes_no_row_and_a_changed_one_only_what_differs(
    sync: Syncer, connection: Connection
) -> None:
    connection.policy = {"invites": True}
    connection.save()
    sync(ListSource(people(50)))
    before = written()
    sync(ListSource(people(50)))
    assert written() == before
    sync(ListSource([record("k000000", first="Renamed", department="D0"), *people(50)[1:]]))
    differing = {name: count - before[name] for name, count in written().items() if count != before[name]}
    assert differing == {"integrations_directoryperson": 1, "integrations_change": 1}


@pytest.mark.slow
def test_ten_thousand_unchanged_people_are_at_most_a_mebibyte_of_log(sync: Syncer) -> None:
    sync(ListSource(people(10_000), size=500))
    with database.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    before, rows = wal(), written()
    run = sync(ListSource(people(10_000), size=500))
    assert (run.unchanged, written()) == (10_000, rows)
    assert wal() - before <= 1024 * 1024


@pytest.mark.slow
def test_the_plan_of_ten_thousand_is_there_two_seconds_after_the_last_page(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    ended: list[float] = []

    class Noting(ListSource):
        def pages(self, *parts: object, **more: object):  # type: ignore[no-untyped-def]
            yield from super().pages(*parts, **more)  # type: ignore[arg-type]
            ended.append(time.monotonic())

    run = sync(Noting(people(10_000), size=500), RunKind.DRY, draft=a_draft(connection, admin))
    assert time.monotonic() - ended[0] <= 2
    assert (run.outcome, run.added) == (RunOutcome.PLANNED, 10_000)
    assert Planned.objects.filter(run=run).count() == 10_000
    assert not DirectoryPerson.objects.exists()
