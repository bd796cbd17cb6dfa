""" "Why is … (not) here?" from what real runs and decisions left behind: nothing is said that nobody noted."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.engine.explain import Trace, TraceStep
from integrations.models import Connection, ConnectionState, DirectoryPerson
from integrations.services import holds, local
from integrations.services.explaining import explain_person
from integrations.services.starts import SYNC_RUN
from integrations.services.undo import plan_undo, undo_run
from portal.accounts.models import User
from portal.kit import queue
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record

STAFF = [record(f"s{number:02}", department="Care") for number in range(20)]


def staff(number: int, **changed: Any) -> ListSource:
    """Everybody as before, but for one."""
    return ListSource([{**one, **changed} if one["id"] == f"s{number:02}" else one for one in STAFF])


def told(connection: Connection, number: int) -> Trace:
    person = DirectoryPerson.objects.get(connection=connection, source_id=f"s{number:02}")
    return explain_person(person).trace


def step(found: Trace, name: str) -> TraceStep:
    return next(one for one in found.steps if one.step == name)


# --- whose removal waits for a decision ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "failed"),
    [
        (ListSource(STAFF[:12]), "listed"),
        (ListSource([*STAFF[:12], *({**one, "status": "terminated"} for one in STAFF[12:])]), "status"),
    ],
)
def test_nobody_is_told_that_the_next_run_removes_whose_removal_is_held(
    sync: Syncer, connection: Connection, admin: User, left: ListSource, failed: str
) -> None:
    sync(ListSource(STAFF))
    assert sync(left).held == 8
    found = told(connection, 15)
    assert found.is_here
    assert (step(found, failed).ok, step(found, "directory").ok) == (False, True)
    assert "their removal is held" in step(found, "directory").words
    assert "as soon as somebody releases their removal" in found.fix
    local.protect(DirectoryPerson.objects.get(source_id="s15"), on=True, by=admin)
    assert "they are protected" in step(told(connection, 15), "directory").words


# --- whoever would have left, and stays ---------------------------------------------------------------------


def test_of_somebody_protected_it_is_not_said_that_they_work_there_nor_what_lets_them_go(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(STAFF))
    local.protect(DirectoryPerson.objects.get(source_id="s01"), on=True, by=admin)
    sync(staff(1, status="terminated"))
    found = told(connection, 1)
    assert found.is_here
    assert (step(found, "listed").ok, step(found, "status").ok) == (None, None)
    assert step(found, "status").words.startswith("Not noted: whoever may stay anyway")
    assert found.fix.startswith("Ask the HR system now")
    assert step(told(connection, 2), "status").words == "They work there."


def test_where_the_policy_keeps_whoever_left_it_is_not_said_that_somebody_works_there(
    sync: Syncer, connection: Connection
) -> None:
    Connection.objects.update(policy={"terminated": "keep"})
    sync(ListSource(STAFF))
    sync(staff(1, status="terminated"))
    found = told(connection, 1)
    assert [step(found, name).ok for name in ("listed", "status", "filter")] == [True, None, True]
    assert found.fix.startswith("Ask the HR system now")


def test_whom_the_policy_keeps_outside_of_the_filter_is_told_by_the_filter(
    sync: Syncer, connection: Connection
) -> None:
    care = {"include": [[{"field": "department", "op": "is", "values": ["Care"]}]]}
    Connection.objects.update(policy={"outside": "keep"}, filter=care)
    sync(ListSource(STAFF))
    sync(staff(1, fields={**STAFF[1]["fields"], "department": "Sales"}))
    found = told(connection, 1)
    assert [step(found, name).ok for name in ("status", "filter", "directory")] == [True, False, True]
    assert "the connection deactivates whoever falls out of the filter" in found.fix


def test_after_an_undo_nothing_is_said_of_the_hr_system_before_it_was_read_again(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(STAFF))
    sync(ListSource(STAFF[:12]))
    run = holds.release(connection, None, reason="Left.", by=admin)
    queue.run_job(SYNC_RUN, run.pk)
    run.refresh_from_db()
    plan = plan_undo(run)
    queue.run_job(SYNC_RUN, undo_run(run, typed=plan.affected, digest=plan.digest, by=admin).pk)
    found = told(connection, 15)
    assert found.is_here
    assert [step(found, name).ok for name in ("listed", "status", "filter")] == [None] * 3
    assert "no run has looked at them since" in step(found, "status").words
    assert step(told(connection, 1), "status").ok, "nothing was undone for them"
    Connection.objects.update(state=ConnectionState.CONNECTED)
    sync(ListSource(STAFF))
    assert step(told(connection, 15), "status").words == "They work there."


def test_after_a_decision_was_taken_back_nothing_is_said_before_a_run_has_looked(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(STAFF))
    sync(ListSource(STAFF[:12]))
    holds.reject(connection, None, reason="On leave.", by=admin)
    assert not step(told(connection, 15), "listed").ok
    assert "the decision to keep them is taken back" in told(connection, 15).fix
    holds.take_back(DirectoryPerson.objects.get(source_id="s15"), by=admin)
    found = told(connection, 15)
    assert (step(found, "listed").ok, found.is_here) == (None, True)
    assert found.fix.startswith("Ask the HR system now")
    sync(ListSource(STAFF[:12]))
    assert not told(connection, 15).is_here


# --- whose record was of no use -----------------------------------------------------------------------------


def test_somebody_here_whose_record_the_last_run_could_not_use_is_told_so(
    sync: Syncer, connection: Connection
) -> None:
    sync(ListSource(STAFF))
    run = sync(staff(1, fields={**STAFF[1]["fields"], "work_email": ""}))
    assert run.problem_count == 1
    found = told(connection, 1)
    assert (found.is_here, step(found, "mapping").ok) == (True, False)
    assert step(found, "mapping").words == (
        "The last run could not use their record: no work e-mail. They stayed as they were."
    )
    assert "Enter the work e-mail address in the HR system" in step(found, "mapping").details[-1]
    assert step(told(connection, 2), "mapping").ok


def test_of_a_record_that_could_not_be_read_nothing_else_is_said(
    sync: Syncer, connection: Connection
) -> None:
    sync(ListSource(STAFF))
    sync(staff(1, status="sabbatical"))
    found = told(connection, 1)
    assert [one.ok for one in found.steps] == [False, None, None, None, True]
    assert "their record cannot be read: unknown status" in step(found, "listed").words
    assert found.fix.startswith("Nothing alters it until their record can be read")
