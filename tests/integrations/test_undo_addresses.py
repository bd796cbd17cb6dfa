"""Undoing and addresses: nobody gets one back that somebody else keeps, and runs are undone one after the other."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import transaction

from integrations.engine.undoing import Because
from integrations.models import Connection, DirectoryPerson, PersonState, Run, RunOutcome
from integrations.services import local
from integrations.services.connections import resume
from integrations.services.starts import SYNC_RUN
from integrations.services.undo import plan_undo
from integrations.targets.directory import Directory
from integrations.targets.matching import ONE_AT_A_TIME
from integrations.targets.sql import NO_DIGEST
from portal.accounts.models import User
from portal.kit import queue
from portal.kit.leases import JobState
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records
from tests.integrations.test_undo import asked_to_undo, person_of, snapshot, undo
from tests.support.together import together, until_somebody_waits


def _addresses(connection: Connection) -> list[str]:
    active = DirectoryPerson.objects.filter(company=connection.company, state=PersonState.ACTIVE)
    return list(active.values_list("email", flat=True))


@pytest.mark.parametrize("since", ["protected", "returned"])
def test_nobody_gets_an_address_back_that_somebody_new_keeps(
    sync: Syncer, connection: Connection, admin: User, since: str
) -> None:
    sync(ListSource(records(20)))
    moved = [record("k00000", work_email="x@example.com"), *records(19, start=1)]
    new = record("new", work_email="k00000@example.com")
    run = sync(ListSource([*moved, new]))
    if since == "protected":
        local.protect(person_of(connection, "new"), on=True, by=admin)
    else:
        sync(ListSource(moved))
        sync(ListSource([*moved, new]))
    assert {(one.source_id, one.because) for one in plan_undo(run).conflicts} == {
        ("k00000", Because.ADDRESS),
        ("new", Because.PROTECTED if since == "protected" else Because.SINCE),
    }


@pytest.mark.parametrize("first", [[record("k00000", work_email="x@example.com")], []])
def test_nobody_gets_an_address_back_that_a_later_run_gave_to_somebody_else_of_that_run(
    sync: Syncer, connection: Connection, admin: User, first: list[dict[str, Any]]
) -> None:
    sync(ListSource(records(20)))
    others = records(18, start=2)
    run = sync(ListSource([*first, record("k00001", department="Law"), *others]))
    later = record("k00001", department="Law", work_email="k00000@example.com")
    assert sync(ListSource([*first, later, *others])).changed == 1
    assert [(one.source_id, one.because) for one in plan_undo(run).conflicts] == [("k00000", Because.ADDRESS)]
    undo(run, admin)
    assert len(set(_addresses(connection))) == 19 + len(first)


def test_addresses_that_a_run_swapped_are_swapped_back(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(records(10)))
    before = snapshot(connection)
    swapped = [
        record("k00000", work_email="k00001@example.com"),
        record("k00001", work_email="k00000@example.com"),
    ]
    undo(sync(ListSource([*swapped, *records(8, start=2)])), admin)
    assert snapshot(connection) == before


def test_two_runs_are_undone_one_after_the_other_the_last_one_first(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(records(20)))
    before = snapshot(connection)
    second, third = sync(ListSource(records(19))), sync(ListSource(records(20)))
    assert (second.deactivated, third.returned) == (1, 1)
    undo(third, admin)
    undo(second, admin)
    assert snapshot(connection) == before


def test_after_a_run_that_brought_too_many_was_undone_the_right_list_is_no_shrunken_one(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(records(20)))
    undo(sync(ListSource(records(120))), admin)
    connection.refresh_from_db()
    resume(connection, admin)
    Run.objects.filter(job_state=JobState.QUEUED).update(job_state=JobState.FAILED)
    assert sync(ListSource(records(20))).outcome == RunOutcome.APPLIED


@pytest.mark.django_db(transaction=True)
def test_an_undoing_waits_for_another_connection_that_decides_about_an_address(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(records(10)))
    run = sync(ListSource([record("k00000", work_email="x@example.com"), *records(9, start=1)]))
    undoing = asked_to_undo(run, admin)
    other = Connection.objects.create(company=connection.company, provider_slug="bamboohr", kind="hris")
    decides = threading.Event()

    def bring() -> None:
        with transaction.atomic():
            Directory(0, other.pk, other.company_id).execute(ONE_AT_A_TIME)
            decides.set()
            until_somebody_waits("advisory")
            DirectoryPerson.objects.create(
                company=other.company,
                connection=other,
                source_id="new",
                email="k00000@example.com",
                raw_digest=NO_DIGEST,
            )

    def go_back() -> None:
        assert decides.wait(10)
        queue.run_job(SYNC_RUN, undoing.pk)

    together(bring, go_back)
    undoing.refresh_from_db()
    assert undoing.failure_code == "undo_changed"
    assert _addresses(connection).count("k00000@example.com") == 1
