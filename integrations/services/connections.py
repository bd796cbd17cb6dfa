"""A connection's life as people steer it: activate, change credentials, sync now, pause, disconnect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations import catalog
from integrations.engine.mapping import Spec
from integrations.engine.rules import Rules
from integrations.models import Check, Connection, ConnectionState, Draft, DraftState, Run, RunKind
from integrations.provider import Kind
from integrations.services import credentials
from integrations.services.confirming import start_confirmed
from integrations.services.credentials import Given
from integrations.services.drafts import authenticate, begin_anew, end_withdrawn, open_draft, withdraw
from integrations.services.entitlement import earlier_connection, locked_company, must_be_allowed
from integrations.services.locks import locked_connection
from integrations.services.schedule import next_slot
from integrations.services.standing import look_again
from integrations.services.starts import (
    READS_NOTHING_NEW,
    SYNC_RUN,
    call_off,
    open_run,
    start_check,
    start_run,
    waiting_receipt,
)
from integrations.services.trying import must_be_complete, must_be_usable, try_credentials
from portal.accounts import limits
from portal.accounts.models import Company, User
from portal.kit import clock, queue
from portal.kit.clock import Clock
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.leases import JobState

connection_settings = credentials.connection_settings

MOST_SYNCS, SYNCS_PER = 6, timedelta(hours=1)
# Stored in English and translated where it is shown.
WAITS = gettext_noop(
    "Approved. It waits for the customer's administrator to look at the plan and confirm it."
)
ENDED = gettext_noop("This connection was ended. A new request connects the system again.")
_WORKS = (ConnectionState.CONNECTED, ConnectionState.DEGRADED)


def activate_connection(
    company: Company,
    provider_slug: str,
    *,
    settings: Mapping[str, str],
    mapping: Mapping[str, Spec],
    by: User,
    request_number: str,
    given: Mapping[str, Given] | None = None,
    policy: Mapping[str, Any] | None = None,
) -> Connection:
    """What approval does. Sign-in is checked at once; people are read as soon as somebody has confirmed the plan.

    Belongs into the caller's transaction. `settings` are the answers by credential key, `mapping` and `policy` are
    its choices where they differ from the card's; `given` says by key who entered a value. What runs already goes
    on as it is. Raises KeyError for an unknown provider, ValueError for a mapping that cannot be, NeedsPerson where
    the company may not have the connection.
    """
    provider = catalog.get(provider_slug)
    if provider.kind is Kind.HRIS:
        Rules.of(provider.mapping, mapping=mapping)
    must_be_allowed(locked_company(company), provider)
    connection = earlier_connection(company, provider_slug) or Connection(company=company)
    if connection.pk is None or connection.state == ConnectionState.DISCONNECTED:
        begin_anew(connection, provider, by)
        connection.mapping, connection.policy = dict(mapping), {**connection.policy, **(policy or {})}
    connection.started_by_request = request_number
    connection.approved_at = connection.approved_at or clock.now()
    if provider.kind is Kind.SSO:
        _begin(connection)
        credentials.store_credentials(connection, settings, by, given)
        start_check(connection)
        return connection
    connection.save()
    if connection.state == ConnectionState.SETTING_UP:
        newer = credentials.newer_settings(connection, settings, given)
        credentials.store_credentials(connection, newer, by, given)
        _start_or_wait(connection, by)
    return connection


def leave_set_up(draft: Draft, *, by: User) -> bool:
    """Withdraws it, so that what was confirmed before it holds again. Returns whether that starts the connection.

    Raises DraftRefused; NeedsPerson where the company may not have what would start (any more).
    """
    with transaction.atomic():
        company = locked_company(draft.connection.company)
        withdraw(draft, by=by)
        connection = locked_connection(draft.connection)
        starts = connection.approved_at is not None and _starts(connection, by)
        if starts:
            must_be_allowed(company, connection.provider)
        return starts


def replaced_with_plan(connection: Connection) -> bool:
    """Whether other credentials are tried in a draft and confirmed with its plan, for the connection works."""
    return connection.kind == Kind.HRIS and connection.state in _WORKS


def replace_credentials(connection: Connection, settings: Mapping[str, str], by: User) -> None:
    """Stores other credentials and tries them at once. A secret left empty stays as it is.

    Raises NeedsPerson when they are refused, and with the code needs_plan for an HR connection that works: there the
    new ones are tried in a draft, and confirmed with its plan.
    """
    if replaced_with_plan(connection):
        raise NeedsPerson(
            _("This connection works. Its credentials are changed together with a look at the plan."),
            code="needs_plan",
        )
    if connection.kind == Kind.HRIS:
        must_be_usable(connection.provider, settings)
        if connection.state == ConnectionState.SETTING_UP:
            _try_and_store(connection, settings, by)
            return
        if _switches_method(connection, settings):
            _must_open(connection, settings)
    with transaction.atomic():
        if connection.state == ConnectionState.PAUSED:  # new credentials resume it
            must_be_allowed(locked_company(connection.company), connection.provider)
        _store(connection, settings, by)
        _begin(connection)
        _start(connection, by)


def sync_now(connection: Connection, by: User) -> Run:
    """A run that a person asked for. A second click gives the same run; one that waits to retry starts now.

    Raises NeedsPerson while another run is going on (already_running), after six tries within an hour (rate_limited),
    or when the connection is not one that syncs.
    """
    _must_sync(connection)
    running = open_run(connection)
    if running is not None and not _waits(running):
        return _joined(running, by)
    try:
        limits.take("connection.sync", str(connection.pk), most=MOST_SYNCS, per=SYNCS_PER)
    except limits.RateLimited as limited:
        raise NeedsPerson(_enough(limited), code="rate_limited") from None
    if running is not None:
        return _joined(running, by)
    try:
        return _started(connection, by)
    except IntegrityError:
        running = open_run(connection)
    # Without one, it ended between the two looks.
    return _joined(running, by) if running else _started(connection, by)


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


def disconnect(connection: Connection, by: User | None = None, *, now: Clock = clock.now) -> None:
    """Ends the connection and deletes its credentials and what was prepared for it. People and history stay."""
    with transaction.atomic():
        _stop(connection, ConnectionState.DISCONNECTED, "The connection was disconnected.")
        connection.disconnected_at = now()
        connection.save(update_fields=["disconnected_at"])
        # Nor is what was confirmed carried out any more: whoever connects it again confirms a plan of their own.
        unused = (DraftState.OPEN, DraftState.CONFIRMED)
        for draft in Draft.objects.select_for_update().filter(connection=connection, state__in=unused):
            end_withdrawn(draft, by)
        connection.credentials.all().delete()


def _begin(connection: Connection) -> None:
    if connection.pk:
        locked_connection(connection)
        call_off(connection, "It was started again with other settings.")
    connection.state = ConnectionState.CONNECTING
    connection.reason = connection.reason_code = ""
    if connection.kind == Kind.HRIS:
        connection.next_run_at = next_slot(connection, clock.now())
    connection.save()


def _start(connection: Connection, by: User) -> None:
    if connection.kind == Kind.SSO:
        start_check(connection)
    else:
        _start_sync(connection, by)


def _start_sync(connection: Connection, by: User) -> Run:
    """With the confirmed plan that no run has carried out yet, if there is one."""
    kind = RunKind.MANUAL if connection.last_success_at else RunKind.FIRST
    return start_run(connection, kind=kind, by=by, receipt=waiting_receipt(connection))


def _started(connection: Connection, by: User) -> Run:
    """By the row as it is now: somebody may have paused it since it was read."""
    with transaction.atomic():
        fresh = locked_connection(connection)
        _must_sync(fresh)
        return _start_sync(fresh, by)


def _waits(running: Run) -> bool:
    """For its next try: the HR system was away, or asked for time."""
    later = running.job_state == JobState.QUEUED and running.due_at > clock.now()
    return later and running.kind not in READS_NOTHING_NEW


def _enough(limited: limits.RateLimited) -> str:
    """Good syncs count as well, so this is not about tries."""
    told = {"number": MOST_SYNCS, "wait": limited.wait}
    return (
        _("This connection was synced %(number)s times within the hour. The next is possible %(wait)s.")
        % told
    )


def _joined(running: Run, by: User) -> Run:
    if _waits(running):
        queue.retry_now(running, SYNC_RUN)
    elif running.kind not in (RunKind.MANUAL, RunKind.FIRST) or running.asked_by_id != by.pk:
        raise NeedsPerson(_("A sync of this connection is already running."), code="already_running")
    return running


def _starts(connection: Connection, by: User) -> bool:
    """With the plan that was confirmed; not while somebody is at another set-up, for that is the one that people see."""
    is_new = connection.state == ConnectionState.SETTING_UP
    if not is_new or connection.confirmed_at is None or open_draft(connection) is not None:
        return False
    call_off(connection, "It was started with the settings that were confirmed.")
    start_confirmed(connection, waiting_receipt(connection), by)
    return True


def _start_or_wait(connection: Connection, by: User) -> None:
    """Approved: it starts with the plan that was confirmed, or waits until one is."""
    if not _starts(connection, by):
        connection.reason, connection.reason_code = WAITS, "waits_for_confirmation"
        connection.save(update_fields=["reason", "reason_code"])


def _try_and_store(connection: Connection, settings: Mapping[str, str], by: User) -> None:
    """While it is being set up: in the open draft, or directly."""
    draft = open_draft(connection)
    if draft is None:
        _must_open(connection, settings)
        with transaction.atomic():
            _store(connection, settings, by)
        return
    try:
        authenticate(draft, settings, by=by)
    except RetryLater as error:
        raise NeedsPerson(error.reason, code="away") from None
    except limits.RateLimited as limited:
        raise NeedsPerson(limited.sentence, code="rate_limited") from None


def _must_open(connection: Connection, settings: Mapping[str, str]) -> None:
    """What was typed, tried with everything else that is held for this way to authenticate. Raises NeedsPerson."""
    provider = connection.provider
    method = credentials.method_of(provider, settings)
    others = credentials.keys_of_others(provider, method)
    typed = {key: value for key, value in settings.items() if value and key not in others}
    tried = {**connection_settings(connection, without={*typed, *others}), **typed}
    must_be_complete(provider, tried, method)
    try:
        try_credentials(provider, tried)
    except RetryLater as error:
        raise NeedsPerson(error.reason, code="away") from None


def _switches_method(connection: Connection, settings: Mapping[str, str]) -> bool:
    """Whether the connection has something that only another way to authenticate needs."""
    method = credentials.method_of(connection.provider, settings)
    others = credentials.keys_of_others(connection.provider, method)
    return connection.credentials.filter(draft=None, key__in=others).exists()


def _store(connection: Connection, settings: Mapping[str, str], by: User) -> None:
    method = credentials.method_of(connection.provider, settings)
    credentials.store_credentials(connection, settings, by)
    credentials.drop_other_methods(connection, method)
    look_again(connection)  # only everybody's list shows whether they see the same organisation


def _stop(connection: Connection, state: ConnectionState, why: str) -> None:
    with transaction.atomic():
        locked_connection(connection)
        call_off(connection, why)
        connection.state, connection.next_run_at = state, None
        connection.reason = connection.reason_code = ""
        connection.save(update_fields=["state", "next_run_at", "reason", "reason_code"])


def _must_sync(connection: Connection) -> None:
    if connection.kind != Kind.HRIS:
        raise NeedsPerson(_("A sign-in connection has nobody to sync."), code="nothing_to_sync")
    if connection.state == ConnectionState.SETTING_UP:
        raise NeedsPerson(
            _("The connection is still being set up. Confirm its plan first."), code="not_running"
        )
    if connection.state == ConnectionState.PAUSED:
        raise NeedsPerson(_("The connection is paused. Resume it first."), code="not_running")
    if connection.state == ConnectionState.DISCONNECTED:
        raise NeedsPerson(_(ENDED), code="not_running")
