"""A confirmed plan that was not carried out: nothing of it is lost, and there is a way on."""

from __future__ import annotations

import pytest
from django.db import transaction

from integrations.models import (
    Connection,
    ConnectionState,
    Credential,
    DirectoryPerson,
    Draft,
    DraftState,
    Purpose,
    Receipt,
    Run,
    RunKind,
    RunOutcome,
    SetupStep,
)
from integrations.provider import Source
from integrations.services import drafts
from integrations.services.adopting import plan_refused_anew
from integrations.services.connections import activate_connection
from integrations.services.credentials import connection_settings, store_credentials
from integrations.services.starts import start_run
from portal.accounts.models import Company, User
from portal.kit import queue
from portal.kit.errors import NeedsPerson
from tests.integrations.conftest import CARD, Syncer
from tests.integrations.setting_up import CARE, GIVEN, STAFF, setup
from tests.integrations.sources import ListSource, record, records
from tests.support.confirmed import confirmed, people_from
from tests.support.pages import page

pytestmark = pytest.mark.django_db

OTHER = [record("a", first="Renamed", department="Care"), *STAFF[1:]]
MANY = [*STAFF, *(record(f"n{number}", department="Care") for number in range(9))]


@pytest.fixture
def running(sync: Syncer, connection: Connection, admin: User) -> Connection:
    store_credentials(connection, GIVEN, admin)
    sync(ListSource(STAFF))
    return connection


def worked(run: Run, source: Source) -> Run:
    with people_from(source):
        queue.run_job("sync.run", run.pk)
    run.refresh_from_db()
    return run


def planned_by_the_tick(draft: Draft, source: Source) -> Draft:
    plan_refused_anew()
    worked(Run.objects.get(draft=draft, kind=RunKind.DRY), source)
    draft.refresh_from_db()
    return draft


def confirm(draft: Draft, by: User) -> Receipt:
    assert draft.plan is not None
    return drafts.confirm(draft, typed=draft.plan.change_total, plan_digest=draft.plan.plan_digest, by=by)


def refused_change(connection: Connection, by: User) -> Run:
    """New rules and a new secret, confirmed; then the HR system says something else."""
    draft = drafts.begin_change(connection, by=by)
    drafts.authenticate(draft, {"client_secret": "newer-secret-99"}, by=by, source=ListSource([]))
    receipt = confirmed(draft, by=by, source=ListSource(STAFF), filter=CARE)
    return worked(Run.objects.get(receipt=receipt), ListSource(OTHER))


def approved_set_up(company: Company, by: User, source: Source) -> Run:
    receipt = confirmed(setup(company, by), by=by, source=source)
    with transaction.atomic():
        activate_connection(company, CARD, settings={}, mapping={}, by=by, request_number="REQ-7")
    return Run.objects.get(receipt=receipt, kind=RunKind.FIRST)


# --- a change ---------------------------------------------------------------------------------------------------


def test_a_change_whose_plan_had_changed_goes_on_with_all_that_was_entered(
    running: Connection, admin: User
) -> None:
    run = refused_change(running, admin)
    assert (run.outcome, run.change_total) == (RunOutcome.HELD, 0)
    draft = Draft.objects.get(state=DraftState.OPEN)
    assert (draft.purpose, draft.step, draft.filter) == (Purpose.CHANGE, SetupStep.PLAN, CARE)
    assert drafts.begin_change(running, by=admin) == draft
    planned_by_the_tick(draft, ListSource(OTHER))
    again = worked(Run.objects.get(receipt=confirm(draft, admin)), ListSource(OTHER))
    running.refresh_from_db()
    assert (again.outcome, running.filter) == (RunOutcome.APPLIED, CARE)
    assert connection_settings(running)["client_secret"] == "newer-secret-99"
    assert not Credential.objects.exclude(draft=None).exists()


def test_its_new_plan_is_begun_once_and_no_other_plan_by_itself(running: Connection, admin: User) -> None:
    refused_change(running, admin)
    draft = Draft.objects.get(state=DraftState.OPEN)
    for _ in range(2):
        plan_refused_anew()
    run = Run.objects.get(draft=draft)
    worked(run, ListSource([]))
    plan_refused_anew()
    assert Run.objects.get(draft=draft).outcome == RunOutcome.HELD
    drafts.withdraw(draft, by=admin)
    begun = drafts.begin_change(running, by=admin)
    drafts.save_filter(begun, CARE, by=admin, expected_version=begun.version)
    drafts.go_to(begun, SetupStep.PLAN)
    plan_refused_anew()
    assert Run.objects.filter(kind=RunKind.DRY, draft__state=DraftState.OPEN).count() == 0


def test_a_change_whose_run_failed_is_kept_too(running: Connection, admin: User) -> None:
    receipt = confirmed(running, by=admin, source=ListSource(STAFF), filter=CARE)
    worked(Run.objects.get(receipt=receipt), ListSource([], refuses=NeedsPerson("No.", code="missing_right")))
    assert Draft.objects.get(state=DraftState.OPEN).filter == CARE
    html = page(admin, "connection_detail", running.public_id)
    assert "A change was not carried out: its run failed" in html
    plan_refused_anew()
    assert not Run.objects.filter(draft__state=DraftState.OPEN).exists()


def test_what_somebody_began_meanwhile_goes_before(running: Connection, admin: User) -> None:
    receipt = confirmed(running, by=admin, source=ListSource(STAFF), filter=CARE)
    begun = drafts.begin_change(running, by=admin)
    worked(Run.objects.get(receipt=receipt), ListSource(OTHER))
    assert Draft.objects.get(state=DraftState.OPEN) == begun
    assert "A change is being prepared" in page(admin, "connection_detail", running.public_id)


def test_the_pages_say_what_happened_and_lead_to_the_new_plan(running: Connection, admin: User) -> None:
    run = refused_change(running, admin)
    html = page(admin, "run_detail", run.public_id)
    assert "the HR system had changed after it was confirmed" in html
    assert "See the new plan" in html
    assert "removed by accident" not in html
    assert "sync again" not in html
    html = page(admin, "connection_detail", running.public_id)
    assert "A change was not carried out: the HR system changed since" in html
    planned_by_the_tick(Draft.objects.get(state=DraftState.OPEN), ListSource(OTHER))
    assert "not carried out" in page(admin, "setup_step", running.public_id, "plan")


def test_a_run_has_one_name_everywhere(running: Connection, admin: User) -> None:
    receipt = confirmed(running, by=admin, source=ListSource(STAFF), filter=CARE)
    worked(Run.objects.get(receipt=receipt), ListSource(STAFF))
    left = DirectoryPerson.objects.get(source_id="c")
    for name, key in (
        ("connection_detail", running),
        ("run_detail", receipt.runs.get()),
        ("person_detail", left),
    ):
        html = page(admin, name, key.public_id)
        assert "Change of settings" in html, name
        assert "Sync now</a>" not in html, name


# --- a set-up ---------------------------------------------------------------------------------------------------


def test_a_set_up_whose_plan_had_changed_is_confirmed_anew_and_not_approved_again(
    company: Company, admin: User
) -> None:
    run = worked(approved_set_up(company, admin, ListSource(STAFF)), ListSource(MANY))
    connection = Connection.objects.get()
    assert (run.outcome, connection.state) == (RunOutcome.HELD, ConnectionState.QUARANTINED)
    assert DirectoryPerson.objects.count() == 0
    draft = Draft.objects.get(state=DraftState.OPEN)
    assert draft.purpose == Purpose.SETUP
    html = page(admin, "connection_detail", connection.public_id)
    assert "The plan was not carried out: the HR system changed since" in html
    assert "as soon as the new plan is confirmed" in html
    approved_at = connection.approved_at
    receipt = confirm(planned_by_the_tick(draft, ListSource(MANY)), admin)
    worked(Run.objects.get(receipt=receipt, kind=RunKind.FIRST), ListSource(MANY))
    connection.refresh_from_db()
    assert (connection.state, connection.approved_at) == (ConnectionState.CONNECTED, approved_at)
    assert DirectoryPerson.objects.count() == len(MANY)


def test_a_plan_that_fits_again_ends_the_one_that_was_to_replace_it(company: Company, admin: User) -> None:
    run = worked(approved_set_up(company, admin, ListSource(STAFF)), ListSource(MANY))
    assert Draft.objects.filter(state=DraftState.OPEN).count() == 1
    again = start_run(run.connection, kind=RunKind.FIRST, receipt=run.receipt)
    assert worked(again, ListSource(STAFF)).outcome == RunOutcome.APPLIED
    assert not Draft.objects.filter(state=DraftState.OPEN).exists()


def test_a_set_up_whose_first_run_failed_is_tried_again_as_it_was_confirmed(
    company: Company, admin: User
) -> None:
    run = approved_set_up(company, admin, ListSource(records(9)))
    worked(run, ListSource([]))
    assert not Draft.objects.filter(state=DraftState.OPEN).exists()


# --- what a connection that is being set up waits for -------------------------------------------------------------


def test_a_connection_that_is_set_up_says_what_it_waits_for(company: Company, admin: User) -> None:
    draft = setup(company, admin)
    connection = draft.connection
    assert "The next step is “Before you start”." in page(admin, "connection_detail", connection.public_id)
    confirmed(draft, by=admin, source=ListSource(STAFF))
    html = page(admin, "connection_detail", connection.public_id)
    assert "Set up and confirmed. It starts as soon as the request is approved." in html
    assert "Enter the credentials" not in html
