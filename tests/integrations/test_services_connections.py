"""Connections as people steer them: activation, credentials, "Sync now", pause, disconnect, checks."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction

from integrations import queries
from integrations.models import (
    Check,
    Connection,
    ConnectionState,
    Credential,
    DirectoryPerson,
    DraftState,
    PersonState,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.provider import Finding, Settings
from integrations.services import connections as services
from integrations.services.checks import perform_check
from integrations.services.starts import CONNECTION_CHECK, start_run
from portal.accounts.models import Company, User
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Http
from portal.kit.leases import JobState
from portal.sandbox.credentials import demo
from portal.sandbox.server import Running
from tests.integrations.conftest import CARD, Syncer
from tests.integrations.sources import ListSource, records
from tests.support.confirmed import connected, ready

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "a-very-secret-value-77aa"
GIVEN = {"client_id": "papi-1234", "client_secret": SECRET}


def activated(company: Company, by: User, slug: str = CARD, given: Settings = GIVEN) -> Connection:
    with transaction.atomic():
        return services.activate_connection(
            company, slug, settings=given, mapping={"job_title": "job_title"}, by=by, request_number="REQ-7"
        )


def test_approval_waits_for_somebody_who_confirms_the_plan(company: Company, admin: User) -> None:
    connection = activated(company, admin)
    assert (connection.state, connection.started_by_request) == (ConnectionState.SETTING_UP, "REQ-7")
    assert (connection.reason_code, bool(connection.approved_at)) == ("waits_for_confirmation", True)
    assert not Run.objects.exists()
    stored = Credential.objects.get(connection=connection, key="client_secret")
    assert (stored.value, stored.hint) == ("", "77aa")
    assert SECRET.encode() not in bytes(stored.sealed or b"")
    assert services.connection_settings(connection) == GIVEN


def test_approval_starts_what_is_confirmed_and_leaves_alone_what_runs(company: Company, admin: User) -> None:
    connection = connected(company, CARD, by=admin, source=ListSource(records(3)))
    run = Run.objects.get(kind=RunKind.FIRST)
    assert (connection.state, run.job_state, run.asked_by) == (
        ConnectionState.CONNECTING,
        JobState.QUEUED,
        admin,
    )
    assert connection.next_run_at is not None
    settings = services.connection_settings(connection)
    assert activated(company, admin).pk == connection.pk
    assert (Run.objects.exclude(kind=RunKind.DRY).get(), services.connection_settings(connection)) == (
        run,
        settings,
    )


def test_approval_is_refused_where_the_plan_has_no_such_connections(company: Company, admin: User) -> None:
    Company.objects.update(hris_entitled=False, sso_entitled=False)
    for slug in (CARD, "microsoft_entra_id"):
        with pytest.raises(NeedsPerson) as caught:
            activated(company, admin, slug, {})
        assert caught.value.code == "not_entitled"
    assert not Connection.objects.exists()


def test_nothing_is_left_when_the_callers_transaction_fails(company: Company, admin: User) -> None:
    with transaction.atomic():
        activated(company, admin)
        transaction.set_rollback(True)
    assert not Connection.objects.exists()
    assert not Run.objects.exists()


def test_a_mapping_without_an_address_is_refused(company: Company, admin: User) -> None:
    with pytest.raises(ValueError, match="e-mail"), transaction.atomic():
        services.activate_connection(
            company, CARD, settings=GIVEN, mapping={"email": ""}, by=admin, request_number=""
        )


def test_a_secret_that_was_moved_to_another_row_asks_a_person(company: Company, admin: User) -> None:
    first = activated(company, admin)
    other = activated(Company.objects.create(name="Other"), admin)
    sealed = Credential.objects.get(connection=first, key="client_secret").sealed
    Credential.objects.filter(connection=other, key="client_secret").update(sealed=sealed)
    with pytest.raises(NeedsPerson) as caught:
        services.connection_settings(other)
    assert (caught.value.code, SECRET in str(caught.value)) == ("credentials_unreadable", False)


def failing(company: Company, by: User, state: str = ConnectionState.QUARANTINED) -> Connection:
    connection = activated(company, by)
    Connection.objects.update(state=state, confirmed_at=clock.now())
    connection.refresh_from_db()
    return connection


@pytest.mark.parametrize("state", [ConnectionState.QUARANTINED, ConnectionState.PAUSED])
def test_an_empty_secret_keeps_the_stored_one_and_tries_again(
    company: Company, admin: User, state: str
) -> None:
    connection = failing(company, admin, state)
    first = start_run(connection, kind=RunKind.FIRST, by=admin)
    services.replace_credentials(connection, {"client_id": "other", "client_secret": ""}, admin)
    assert services.connection_settings(connection) == {"client_id": "other", "client_secret": SECRET}
    first.refresh_from_db()
    assert (first.job_state, first.outcome) == (JobState.FAILED, RunOutcome.FAILED)
    assert Run.objects.filter(job_state=JobState.QUEUED).count() == 1


def test_only_what_was_entered_anew_bears_the_name_of_who_entered_it(company: Company, admin: User) -> None:
    connection = failing(company, admin)
    Credential.objects.update(given_at=clock.now() - timedelta(days=90))
    other = User.objects.create_user("toni@example.com", name="Toni", role="tl")
    services.replace_credentials(connection, {**GIVEN, "client_secret": "another-secret-value-88bb"}, other)
    givers = {each.key: each.given_by for each in connection.credentials.all()}
    assert givers == {"client_id": admin, "client_secret": other}
    assert connection.credentials.get(key="client_secret").given_at > clock.now() - timedelta(minutes=1)


@pytest.mark.parametrize("state", [ConnectionState.CONNECTED, ConnectionState.DEGRADED])
def test_credentials_of_what_works_are_not_replaced_without_a_plan(
    company: Company, admin: User, state: str
) -> None:
    connection = failing(company, admin, state)
    with pytest.raises(NeedsPerson) as caught:
        services.replace_credentials(connection, {"client_id": "other"}, admin)
    assert caught.value.code == "needs_plan"
    assert services.connection_settings(connection) == GIVEN


def test_credentials_of_a_set_up_are_tried_at_once(sandbox: Running, company: Company, admin: User) -> None:
    connection = activated(company, admin)
    with pytest.raises(NeedsPerson) as caught:
        services.replace_credentials(connection, {"client_secret": "wrong"}, admin)
    assert caught.value.code == "wrong_credentials"
    services.replace_credentials(connection, demo()[CARD], admin)
    assert services.connection_settings(connection) == demo()[CARD]
    assert not Run.objects.exists()


def test_six_syncs_within_an_hour_are_enough(connection: Connection, admin: User) -> None:
    for _ in range(6):
        services.sync_now(connection, admin)
        Run.objects.update(job_state=JobState.DONE)
    with pytest.raises(NeedsPerson) as caught:
        services.sync_now(connection, admin)
    assert caught.value.code == "rate_limited"
    assert re.fullmatch(
        r"This connection was synced 6 times within the hour\. The next is possible in \d+ minutes\.",
        caught.value.sentence,
    )


def test_nothing_syncs_before_its_plan_is_confirmed(company: Company, admin: User) -> None:
    connection = activated(company, admin)
    with pytest.raises(NeedsPerson, match="set up"):
        services.sync_now(connection, admin)


def test_a_double_click_gives_the_running_one(connection: Connection, admin: User) -> None:
    run = services.sync_now(connection, admin)
    assert services.sync_now(connection, admin) == run


def test_sync_now_says_when_another_run_is_going_on(connection: Connection, admin: User) -> None:
    other = User.objects.create_user("tl@example.com", name="Toni", role="tl")
    services.sync_now(connection, other)
    with pytest.raises(NeedsPerson, match="already running"):
        services.sync_now(connection, admin)


def test_sync_now_is_no_plan_that_waits_for_the_hr_system(connection: Connection, admin: User) -> None:
    plan = start_run(connection, kind=RunKind.DRY)
    Run.objects.update(due_at=clock.now() + timedelta(hours=1))
    with pytest.raises(NeedsPerson, match="already running"):
        services.sync_now(connection, admin)
    assert Run.objects.get() == plan


def test_sync_now_goes_by_what_the_connection_is_by_now(connection: Connection, admin: User) -> None:
    Connection.objects.update(state=ConnectionState.PAUSED)
    with pytest.raises(NeedsPerson, match="paused"):
        services.sync_now(connection, admin)
    assert not Run.objects.exists()


def test_new_credentials_resume_what_is_paused_only_where_the_plan_has_it(
    connection: Connection, admin: User
) -> None:
    Connection.objects.update(state=ConnectionState.PAUSED, watermark="1")
    connection.refresh_from_db()
    Company.objects.update(hris_entitled=False)
    with pytest.raises(NeedsPerson) as caught:
        services.replace_credentials(connection, GIVEN, admin)
    assert (caught.value.code, Credential.objects.exists()) == ("not_entitled", False)
    Company.objects.update(hris_entitled=True)
    services.replace_credentials(connection, GIVEN, admin)
    connection.refresh_from_db()
    assert (connection.state, connection.watermark) == (ConnectionState.CONNECTING, "")


def test_clicks_at_the_same_moment_make_one_run(connection: Connection, admin: User) -> None:
    found: list[int] = []
    barrier = threading.Barrier(4)

    def click() -> None:
        barrier.wait()
        try:
            found.append(services.sync_now(connection, admin).pk)
        finally:
            database.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found)), Run.objects.count()) == (4, 1, 1)


def test_a_run_that_waits_for_a_retry_starts_at_once(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    waiting = sync(ListSource([], refuses=RetryLater("busy")))
    assert waiting.due_at > waiting.created_at
    again = services.sync_now(connection, admin)
    assert again.pk == waiting.pk
    again.refresh_from_db()
    assert (again.attempts, again.failure) == (0, "")


def test_a_paused_connection_neither_syncs_nor_applies(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(records(3)))
    services.sync_now(connection, admin)
    services.pause(connection)
    assert not Run.objects.filter(job_state__in=("queued", "running")).exists()
    with pytest.raises(NeedsPerson, match="paused"):
        services.sync_now(connection, admin)
    services.resume(connection, admin)
    assert (connection.state, connection.runs.latest("pk").kind) == (
        ConnectionState.CONNECTING,
        RunKind.MANUAL,
    )


def test_disconnecting_keeps_people_and_forgets_credentials_and_a_new_request_revives_it(
    sync: Syncer, connection: Connection, company: Company, admin: User
) -> None:
    sync(ListSource(records(3)))
    draft = ready(connection, by=admin, source=ListSource([]), settings=GIVEN)
    services.disconnect(connection)
    draft.refresh_from_db()
    assert draft.state == DraftState.WITHDRAWN
    assert (connection.state, connection.next_run_at) == (ConnectionState.DISCONNECTED, None)
    assert DirectoryPerson.objects.filter(state=PersonState.ACTIVE).count() == 3
    assert not Credential.objects.exists()
    revived = activated(company, admin)
    assert (revived.pk, revived.state) == (connection.pk, ConnectionState.SETTING_UP)
    assert (revived.disconnected_at, revived.last_success_at) == (None, None)


@dataclass(frozen=True)
class Verified:
    """An identity provider with given findings."""

    findings: tuple[Finding, ...]

    def verify(self, http: Http, settings: Settings) -> tuple[Finding, ...]:
        return self.findings


@pytest.mark.parametrize(
    ("findings", "state", "reason"),
    [
        ((Finding("domain", True, "Found."),), ConnectionState.CONNECTED, ""),
        (
            (Finding("domain", True, "Found."), Finding("issuer", False, "The issuer is another one.")),
            ConnectionState.QUARANTINED,
            "The issuer is another one.",
        ),
    ],
)
def test_a_check_tells_what_it_found_step_by_step(
    company: Company,
    admin: User,
    monkeypatch: pytest.MonkeyPatch,
    findings: tuple[Finding, ...],
    state: str,
    reason: str,
) -> None:
    connection = activated(company, admin, "microsoft_entra_id", {})
    job = replace(
        queue.JOBS[CONNECTION_CHECK], work=lambda check: perform_check(check, sign_in=Verified(findings))
    )
    monkeypatch.setitem(queue.JOBS, CONNECTION_CHECK, job)
    check = Check.objects.get(connection=connection)
    queue.run_job(CONNECTION_CHECK, check.pk)
    check.refresh_from_db()
    connection.refresh_from_db()
    assert (check.job_state, [found["step"] for found in check.findings]) == (
        "done",
        [f.step for f in findings],
    )
    assert (connection.state, connection.reason, check.ok) == (state, reason, not reason)


def test_people_are_found_by_the_beginning_of_name_address_or_number(sync: Syncer, company: Company) -> None:
    sync(ListSource(records(30)))
    assert queries.people_of(company, text="firstk00007 per").get().source_id == "k00007"
    assert queries.people_of(company, text="K00007@").get().source_id == "k00007"
    assert queries.people_of(company, text="irstk00007").count() == 0
    assert queries.people_of(company, state="deactivated").count() == 0


def test_nobody_finds_people_of_another_company(sync: Syncer, company: Company) -> None:
    sync(ListSource(records(3)))
    stranger = User.objects.create_user("admin@example.com", name="A", role="customer_admin")
    assert not queries.people_of(company, user=stranger).exists()
    assert not queries.connections_for(stranger).exists()


def test_the_list_of_connections_is_one_query(
    sync: Syncer, connection: Connection, admin: User, django_assert_num_queries: object
) -> None:
    run = sync(ListSource(records(3)))
    with django_assert_num_queries(1):  # type: ignore[operator]
        (found,) = queries.connections_for(admin)
        assert found.company.name == "Riverside"
    assert vars(found)["last_run_public_id"] == run.public_id
    assert vars(found)["last_run_outcome"] == RunOutcome.APPLIED


def test_a_run_that_waits_for_the_hr_system_is_not_tried_more_often_than_six_times_an_hour(
    connection: Connection, admin: User
) -> None:
    run = services.sync_now(connection, admin)
    for _ in range(5):
        Run.objects.update(due_at=clock.now() + timedelta(hours=2))
        assert services.sync_now(connection, admin) == run
    Run.objects.update(due_at=clock.now() + timedelta(hours=2))
    with pytest.raises(NeedsPerson) as caught:
        services.sync_now(connection, admin)
    assert caught.value.code == "rate_limited"
