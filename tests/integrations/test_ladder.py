"""After a failure: 6, 12, 24 hours, then daily; paused after 3 days of failing credentials, disabled after 28 days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.models import Connection, ConnectionState, Issue
from integrations.services import ladder
from integrations.services.ladder import CREDENTIAL_CODES, DISABLED
from integrations.services.lifecycle import resume
from integrations.services.states import set_connected, set_error
from portal.accounts.models import Role, User
from portal.audit.models import Entry
from portal.notices.models import Notice
from portal.outbox.models import Effect
from tests.support.people import a_customer, a_user
from tests.support.queue import drain

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 3, 1, 3, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def owner(connection: Connection) -> User:
    """The CSM who looks after it; the connection had worked before."""
    csm = a_user(Role.CSM, "Casey Lee")
    Connection.objects.update(created_by=csm, state=ConnectionState.CONNECTED, last_success_at=BEGIN - DAY)
    connection.refresh_from_db()
    return csm


def fail(connection: Connection, at: datetime, code: str = "wrong_credentials", reason: str = "No.") -> None:
    set_error(connection, reason=reason, reason_code=code, now=lambda: at)


def mails() -> list[Effect]:
    return list(Effect.objects.filter(kind="mail.send", payload__template="paused"))


@pytest.mark.parametrize("schedule", [["every 1h"], ["every 24h"], ["03:00"], ["02:00", "14:00"], []])
def test_tries_come_after_6_12_and_24_hours_and_then_daily_whatever_the_schedule(
    connection: Connection, schedule: list[str]
) -> None:
    connection.schedule = schedule
    connection.save(update_fields=["schedule"])
    at, waits = BEGIN, []
    for _ in range(5):
        fail(connection, at, "other_organisation")
        assert connection.next_run_at is not None
        waits.append(connection.next_run_at - at)
        at = connection.next_run_at
    assert waits == [6 * HOUR, 12 * HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR]


def test_a_try_that_works_before_the_daily_slot_leaves_the_slot_as_it_was(connection: Connection) -> None:
    connection.schedule = ["03:00"]
    connection.save(update_fields=["schedule"])
    fail(connection, BEGIN)
    assert connection.next_run_at == BEGIN + 6 * HOUR
    set_connected(connection, now=lambda: BEGIN + 6 * HOUR)
    assert connection.next_run_at == datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def test_tried_by_the_ladder_alone_failing_credentials_pause_it_after_exactly_three_days(
    connection: Connection, owner: User
) -> None:
    connection.schedule = ["03:00"]
    connection.save(update_fields=["schedule"])
    connection.next_run_at, tries = BEGIN, []
    while at := connection.next_run_at:
        tries.append((at - BEGIN) // HOUR)
        fail(connection, at)
    assert tries == [0, 6, 18, 42, 66, 72]
    assert connection.state == ConnectionState.PAUSED


@pytest.mark.parametrize("code", sorted(CREDENTIAL_CODES))
def test_failing_credentials_pause_it_after_three_days(
    connection: Connection, owner: User, code: str
) -> None:
    for hours in (0, 24, 71):
        fail(connection, BEGIN + hours * HOUR, code)
        assert connection.state == ConnectionState.QUARANTINED
    fail(connection, BEGIN + 72 * HOUR, code)
    assert (connection.state, connection.next_run_at) == (ConnectionState.PAUSED, None)
    assert (connection.reason, connection.reason_code) == ("No.", code)
    assert Entry.objects.filter(action="connection.paused").count() == 1


def test_two_failures_far_apart_do_not_pause(connection: Connection, owner: User) -> None:
    fail(connection, BEGIN)
    fail(connection, BEGIN + 10 * DAY)
    assert connection.state == ConnectionState.QUARANTINED


def test_credentials_that_fail_only_now_after_days_of_other_trouble_do_not_pause(
    connection: Connection, owner: User
) -> None:
    for day in range(6):
        fail(connection, BEGIN + day * DAY, "other_organisation")
    fail(connection, BEGIN + 6 * DAY)
    fail(connection, BEGIN + 6 * DAY + HOUR)
    fail(connection, BEGIN + 6 * DAY + 2 * HOUR)
    assert connection.state == ConnectionState.QUARANTINED


def test_any_other_failure_is_tried_for_28_days_and_then_disabled(
    connection: Connection, owner: User
) -> None:
    for day in range(28):
        fail(connection, BEGIN + day * DAY, "empty_answer", "Nobody came.")
        assert connection.state == ConnectionState.QUARANTINED
    fail(connection, BEGIN + 28 * DAY, "empty_answer", "Nobody came.")
    assert (connection.state, connection.reason_code) == (ConnectionState.PAUSED, DISABLED)
    assert "28 days" in connection.reason


def test_entering_quarantine_is_told_once_and_again_only_for_another_reason(
    connection: Connection, owner: User
) -> None:
    for hours in (0, 6, 18):
        fail(connection, BEGIN + hours * HOUR, "empty_answer")
    assert [one.user for one in Notice.objects.filter(kind="quarantined")] == [owner]
    fail(connection, BEGIN + 42 * HOUR, "wrong_credentials")
    assert Notice.objects.filter(kind="quarantined").count() == 2
    set_connected(connection)
    fail(connection, BEGIN + 90 * HOUR, "wrong_credentials")
    assert Notice.objects.filter(kind="quarantined").count() == 3


def test_a_pause_is_told_once_to_the_customers_admins_and_to_who_looks_after_it(
    connection: Connection, owner: User
) -> None:
    dana = a_customer(connection.company)
    User.objects.filter(pk=dana.pk).update(language="de")
    gone = a_customer(connection.company, "gone@riverside.example")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for hours in (0, 24, 48, 72):
        fail(connection, BEGIN + hours * HOUR)
    [notice] = Notice.objects.filter(kind="paused")
    assert notice.user == owner
    [mail] = mails()
    assert (mail.payload["to"], mail.payload["language"]) == ([dana.email], "de")
    drain()
    mail.refresh_from_db()
    assert (mail.job_state, mail.failure) == ("done", "")


def test_once_resumed_it_is_told_again_only_after_another_three_days(
    connection: Connection, owner: User
) -> None:
    a_customer(connection.company)
    for hours in (0, 24, 48, 72):
        fail(connection, BEGIN + hours * HOUR)
    resume(connection, by=owner)
    assert connection.state == ConnectionState.CONNECTING
    fail(connection, BEGIN + 80 * HOUR)
    assert connection.state == ConnectionState.QUARANTINED
    assert len(mails()) == 1


def test_team_leads_hear_of_a_connection_that_a_customer_made(connection: Connection, owner: User) -> None:
    lead = a_user(Role.TL, "Toni Lead")
    Connection.objects.update(created_by=a_customer(connection.company))
    fail(connection, BEGIN)
    assert [one.user for one in Notice.objects.filter(kind="quarantined")] == [lead]


def test_a_sign_in_connection_is_never_paused_by_itself(connection: Connection) -> None:
    Connection.objects.update(kind="sso", provider_slug="microsoft_entra_id")
    for day in range(0, 40, 4):
        fail(connection, BEGIN + day * DAY)
    assert (connection.state, connection.next_run_at) == (ConnectionState.QUARANTINED, None)


def test_what_a_person_tries_besides_is_no_step_of_the_ladder(connection: Connection, owner: User) -> None:
    set_error(connection, reason="No.", reason_code="other", by_hand=True, now=lambda: BEGIN)
    assert (connection.failures, connection.next_run_at) == (1, BEGIN + 6 * HOUR)
    later = BEGIN + 2 * HOUR
    for _ in range(3):
        set_error(connection, reason="Still no.", reason_code="other", by_hand=True, now=lambda: later)
    assert (connection.failures, connection.next_run_at) == (1, BEGIN + 6 * HOUR)
    assert (connection.state, connection.reason) == (ConnectionState.QUARANTINED, "Still no.")


def test_the_issue_counts_the_failures_and_names_their_kind(connection: Connection) -> None:
    fail(connection, BEGIN)
    fail(connection, BEGIN + HOUR)
    assert list(Issue.objects.open().values_list("code", "count", "opened_at")) == [("credentials", 2, BEGIN)]
    fail(connection, BEGIN + 2 * HOUR, "empty_answer")
    assert list(Issue.objects.open().values_list("code", "count")) == [("failing", 1)]


def test_the_longest_wait_is_a_day(connection: Connection) -> None:
    connection.failures = 30_000
    connection.schedule = ["every 1h"]
    assert ladder.next_attempt(connection, BEGIN) == BEGIN + DAY
