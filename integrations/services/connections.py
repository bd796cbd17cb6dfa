"""A connection's life as people steer it: activate, change credentials, sync now, pause, disconnect."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import IntegrityError, transaction

from integrations import catalog
from integrations.engine.rules import Rules
from integrations.models import Check, Connection, ConnectionState, Run, RunKind
from integrations.provider import Kind
from integrations.services import credentials
from integrations.services.credentials import Given
from integrations.services.schedule import next_slot
from integrations.services.starts import SYNC_RUN, call_off, open_run, start_check, start_run
from portal.accounts.models import Company, User
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson
from portal.kit.leases import JobState

connection_settings = credentials.connection_settings


def activate_connection(
    company: Company,
    provider_slug: str,
    *,
    settings: Mapping[str, str],
    mapping: Mapping[str, str],
    by: User,
    request_number: str,
    given: Mapping[str, Given] | None = None,
) -> Connection:
    """Makes the connection, or takes the company's earlier one with its people; starts a run or a check.

    Belongs into the caller's transaction. `settings` are the answers by credential key, `mapping` is
    attribute -> field where it differs from the card's; `given` says by key who entered a value. Raises
    KeyError for an unknown provider, ValueError for a mapping that cannot be.
    """
    provider = catalog.get(provider_slug)
    if provider.kind is Kind.HRIS:
        Rules.of(provider.mapping, mapping=mapping)
    connection = _earlier(company, provider_slug) or Connection(company=company, provider_slug=provider_slug)
    connection.kind = provider.kind.value
    connection.mapping = dict(mapping)
    connection.started_by_request = request_number
    connection.created_by = connection.created_by or by
    _begin(connection)
    credentials.store_credentials(connection, settings, by, given)
    _start(connection, by)
    return connection


def replace_credentials(connection: Connection, settings: Mapping[str, str], by: User) -> None:
    """Stores other credentials and tries them at once. A secret left empty stays as it is."""
    with transaction.atomic():
        credentials.store_credentials(connection, settings, by)
        _begin(connection)
        _start(connection, by)


def sync_now(connection: Connection, by: User) -> Run:
    """A run that a person asked for. A second click gives the same run; one that waits to retry starts now.

    Raises NeedsPerson while another run is going on, or when the connection is not one that syncs.
    """
    _must_sync(connection)
    try:
        with transaction.atomic():
            return start_run(connection, kind=RunKind.MANUAL, by=by)
    except IntegrityError:
        running = open_run(connection)
    if running is None:
        # It ended between the two looks.
        return start_run(connection, kind=RunKind.MANUAL, by=by)
    if running.job_state == JobState.QUEUED and running.due_at > clock.now():
        queue.retry_now(running, SYNC_RUN)
    elif running.kind != RunKind.MANUAL or running.asked_by_id != by.pk:
        raise NeedsPerson("A sync of this connection is already running.", code="already_running")
    return running


def check_now(connection: Connection) -> Check:
    """Verifies an identity provider's connection again."""
    with transaction.atomic():
        return start_check(connection)


def pause(connection: Connection) -> None:
    """Nothing runs until somebody resumes it. People stay as they are."""
    _stop(connection, ConnectionState.PAUSED, "The connection was paused.")


def resume(connection: Connection, by: User) -> None:
    """Goes on with a run, or a check, at once."""
    if connection.state != ConnectionState.PAUSED:
        return
    with transaction.atomic():
        _begin(connection)
        _start(connection, by)


def disconnect(connection: Connection) -> None:
    """Ends the connection and deletes its credentials. People and history stay."""
    with transaction.atomic():
        _stop(connection, ConnectionState.DISCONNECTED, "The connection was disconnected.")
        connection.credentials.all().delete()


def _earlier(company: Company, provider_slug: str) -> Connection | None:
    """The company's connection to this provider, be it live or the last one that was disconnected."""
    rows = Connection.objects.select_for_update().filter(company=company, provider_slug=provider_slug)
    latest = list(rows.order_by("-pk"))
    live = (one for one in latest if one.state != ConnectionState.DISCONNECTED)
    return next(live, latest[0] if latest else None)


def _begin(connection: Connection) -> None:
    if connection.pk:
        call_off(connection, "It was started again with other settings.")
    connection.state = ConnectionState.CONNECTING
    connection.reason = connection.reason_code = ""
    if connection.kind == Kind.HRIS:
        connection.next_run_at = next_slot(connection, clock.now())
    connection.save()


def _start(connection: Connection, by: User) -> None:
    if connection.kind == Kind.SSO:
        start_check(connection)
        return
    kind = RunKind.MANUAL if connection.last_success_at else RunKind.FIRST
    start_run(connection, kind=kind, by=by)


def _stop(connection: Connection, state: ConnectionState, why: str) -> None:
    with transaction.atomic():
        call_off(connection, why)
        connection.state, connection.next_run_at = state, None
        connection.reason = connection.reason_code = ""
        connection.save(update_fields=["state", "next_run_at", "reason", "reason_code"])


def _must_sync(connection: Connection) -> None:
    if connection.kind != Kind.HRIS:
        raise NeedsPerson("A sign-in connection has nobody to sync.", code="nothing_to_sync")
    if connection.state in (ConnectionState.PAUSED, ConnectionState.DISCONNECTED):
        words = connection.get_state_display().lower()
        raise NeedsPerson(f"The connection is {words}. Resume or reconnect it first.", code="not_running")
