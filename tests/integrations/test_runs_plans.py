"""Dry runs and confirmed plans: what was looked at is what happens, or nothing happens."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.models import (
    Change,
    Connection,
    ConnectionState,
    Credential,
    DirectoryPerson,
    Draft,
    DraftState,
    Planned,
    Purpose,
    Receipt,
    Run,
    RunKind,
    RunOutcome,
    Seen,
    Staged,
)
from integrations.services.credentials import connection_settings, store_credentials
from integrations.services.draft_rows import writing
from integrations.services.starts import start_run
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson
from portal.kit.leases import JobState
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record

pytestmark = pytest.mark.django_db

ONLY_SALES = {"include": [[{"field": "department", "op": "is", "values": ["Sales"]}]]}


def people(count: int, *, start: int = 0, department: str = "Sales") -> list[dict[str, Any]]:
    return [record(f"k{number:05}", department=department) for number in range(start, start + count)]


def a_draft(connection: Connection, by: User, **settings: Any) -> Draft:
    purpose = Purpose.CHANGE if connection.last_success_at else Purpose.SETUP
    return Draft.objects.create(connection=connection, purpose=purpose, created_by=by, **settings)


def confirmed(draft: Draft, plan: Run, by: User) -> Receipt:
    """As the wizard writes it; only what a run reads."""
    Draft.objects.filter(pk=draft.pk).update(state=DraftState.CONFIRMED)
    return Receipt.objects.create(
        connection=draft.connection,
        draft=draft,
        purpose=draft.purpose,
        after=draft.settings,
        affected=plan.change_total,
        rules_digest=plan.rules_digest,
        plan_digest=plan.plan_digest,
        digest="0" * 64,
        confirmed_by=by,
    )


def test_a_dry_run_tells_everything_and_changes_nobody(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource([*people(20), *people(5, start=20, department="Law")]))
    before = list(DirectoryPerson.objects.order_by("pk").values())
    stood = Connection.objects.values().get(pk=connection.pk)
    draft = a_draft(connection, admin, filter=ONLY_SALES)
    answer = [*people(19), *people(5, start=20, department="Law"), record("new", department="Sales")]
    run = sync(ListSource(answer), RunKind.DRY, draft=draft)
    assert (run.outcome, run.added, run.deactivated, run.plan_digest != "") == (
        RunOutcome.PLANNED,
        1,
        6,
        True,
    )
    assert run.rules_digest == draft.rules.digest
    lines = dict(Planned.objects.filter(run=run).values_list("source_id", "after__status"))
    assert lines == {"new": None, "k00019": "absent", **{f"k000{n}": "outside" for n in range(20, 25)}}
    assert list(DirectoryPerson.objects.order_by("pk").values()) == before
    assert Connection.objects.values().get(pk=connection.pk) == stood
    assert not Change.objects.filter(run=run).exists()
    assert (Seen.objects.count(), Staged.objects.count()) == (0, 0)
    draft.refresh_from_db()
    assert draft.plan == run


def test_the_same_answer_gives_the_same_plan_whatever_its_order(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    draft = a_draft(connection, admin)
    first = sync(ListSource(people(15)), RunKind.DRY, draft=draft)
    again = sync(ListSource(people(15)[::-1]), RunKind.DRY, draft=draft)
    other = sync(ListSource([*people(14), record("k00014", first="Other")]), RunKind.DRY, draft=draft)
    assert first.plan_digest == again.plan_digest != other.plan_digest


def test_a_company_that_has_really_halved_goes_on_by_a_plan_that_somebody_confirms(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(people(40)))
    half = ListSource(people(15))
    assert sync(half).outcome == RunOutcome.HELD
    assert connection.reason_code == "shrunken_answer"
    assert "make a plan, look at it, and confirm its number" in connection.reason
    draft = a_draft(connection, admin)
    plan = sync(half, RunKind.DRY, draft=draft)
    assert (plan.outcome, plan.deactivated, plan.planned.count()) == (RunOutcome.PLANNED, 25, 25)
    run = sync(half, receipt=confirmed(draft, plan, admin))
    assert (run.outcome, run.deactivated) == (RunOutcome.APPLIED, 25)
    assert connection.state == ConnectionState.CONNECTED
    assert sync(ListSource([]), RunKind.DRY, draft=a_draft(connection, admin)).outcome == RunOutcome.HELD


@pytest.mark.parametrize(
    "broken", [ListSource([]), ListSource([], refuses=NeedsPerson("No.", code="wrong_credentials"))]
)
def test_a_dry_run_that_fails_quarantines_nothing(
    sync: Syncer, connection: Connection, admin: User, broken: ListSource
) -> None:
    Connection.objects.filter(pk=connection.pk).update(state=ConnectionState.SETTING_UP)
    draft = a_draft(connection, admin)
    run = sync(broken, RunKind.DRY, draft=draft)
    assert run.outcome in (RunOutcome.HELD, RunOutcome.FAILED)
    assert run.failure == "No." or run.objections
    assert (connection.state, connection.reason) == (ConnectionState.SETTING_UP, "")
    draft.refresh_from_db()
    assert draft.plan is None


def test_a_confirmed_plan_is_carried_out_and_its_settings_are_taken_over(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    answer = ListSource([*people(20), *people(10, start=20, department="Law")])
    sync(answer)
    store_credentials(connection, {"client_id": "old", "client_secret": "old-secret"}, admin)
    draft = a_draft(connection, admin, filter=ONLY_SALES)
    store_credentials(connection, {"client_secret": "new-secret"}, admin, draft=draft)
    plan = sync(answer, RunKind.DRY, draft=draft)
    run = sync(answer, receipt=confirmed(draft, plan, admin))
    # A third of the people leave: more than any run may do unasked, but somebody typed their number.
    assert (run.outcome, run.deactivated, run.objections) == (RunOutcome.APPLIED, 10, [])
    assert run.plan_digest == plan.plan_digest
    assert connection.filter == ONLY_SALES
    assert connection_settings(connection) == {"client_id": "old", "client_secret": "new-secret"}
    assert not Credential.objects.exclude(draft=None).exists()
    draft.refresh_from_db()
    assert draft.state == DraftState.APPLIED
    assert sync(answer).change_total == 0


def test_a_plan_that_is_not_the_confirmed_one_changes_nobody(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    answer = [*people(20), *people(10, start=20, department="Law")]
    sync(ListSource(answer))
    draft = a_draft(connection, admin, filter=ONLY_SALES)
    store_credentials(connection, {"client_secret": "new-secret"}, admin, draft=draft)
    receipt = confirmed(draft, sync(ListSource(answer), RunKind.DRY, draft=draft), admin)
    before = list(DirectoryPerson.objects.order_by("pk").values())
    run = sync(
        ListSource([record("k00000", first="Renamed", department="Sales"), *answer[1:]]), receipt=receipt
    )
    assert (run.outcome, run.change_total, len(run.objections)) == (RunOutcome.HELD, 0, 1)
    assert "1 person" in run.objections[0]
    assert list(DirectoryPerson.objects.order_by("pk").values()) == before
    assert (connection.filter, connection.state) == ({}, ConnectionState.CONNECTED)
    assert Credential.objects.get().draft == Draft.objects.get(state=DraftState.OPEN)
    draft.refresh_from_db()
    assert draft.state == DraftState.REFUSED


def test_settings_that_do_not_work_leave_a_running_connection_alone(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(people(20)))
    draft = a_draft(connection, admin, filter=ONLY_SALES)
    receipt = confirmed(draft, sync(ListSource(people(20)), RunKind.DRY, draft=draft), admin)
    run = sync(ListSource([], refuses=NeedsPerson("No.", code="wrong_credentials")), receipt=receipt)
    assert run.job_state == JobState.FAILED
    assert (connection.filter, connection.state) == ({}, ConnectionState.CONNECTED)
    draft.refresh_from_db()
    assert draft.state == DraftState.REFUSED


@pytest.mark.parametrize(("more", "applies"), [(5, True), (6, False)])
def test_a_first_run_may_differ_a_little_and_says_so(
    sync: Syncer, connection: Connection, admin: User, more: int, applies: bool
) -> None:
    draft = a_draft(connection, admin)
    receipt = confirmed(draft, sync(ListSource(people(20)), RunKind.DRY, draft=draft), admin)
    run = sync(ListSource(people(20 + more)), RunKind.FIRST, receipt=receipt)
    assert (run.outcome == RunOutcome.APPLIED, run.added) == (applies, 25 if applies else 0)
    assert ("5 people" in run.words) == applies
    assert (connection.state == ConnectionState.CONNECTED) == applies


def test_a_plan_called_off_by_a_save_leaves_nobodys_name_in_the_work_tables(
    connection: Connection, admin: User
) -> None:
    draft = a_draft(connection, admin)
    run = start_run(connection, kind=RunKind.DRY, draft=draft)
    Seen.objects.create(run_id=run.pk, place=0, people=1, keys="k1")
    with writing(draft):
        assert not Seen.objects.exists()
