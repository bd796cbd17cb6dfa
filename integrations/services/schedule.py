"""When a connection's next run is due, and starting the ones that are."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import fields
from datetime import UTC, datetime, time, timedelta

from django.db import transaction
from django.db.models.functions import Now

from integrations.models import Connection, ConnectionState, RunKind
from integrations.provider import Kind, Provider
from integrations.services.starts import open_run, start_run
from portal.kit import clock

log = logging.getLogger(__name__)

SYNCING = (ConnectionState.CONNECTING, ConnectionState.CONNECTED, ConnectionState.QUARANTINED)
SPREAD = timedelta(hours=2)
_DEFAULT_TIMES = next(field.default for field in fields(Provider) if field.name == "schedule")


def next_slot(connection: Connection, after: datetime) -> datetime:
    """The first scheduled instant later than `after`, in UTC."""
    times = [time.fromisoformat(entry) for entry in connection.schedule or connection.provider.schedule]
    shift = _offset(connection)
    today = after.astimezone(UTC).date()
    days = (today + timedelta(days=step) for step in (-1, 0, 1))
    slots = (datetime.combine(day, at, tzinfo=UTC) + shift for day in days for at in times)
    return min(slot for slot in slots if slot > after)


def _offset(connection: Connection) -> timedelta:
    """Spreads the default time, stable per connection. Times that somebody chose are kept to the minute."""
    if connection.schedule or connection.provider.schedule != _DEFAULT_TIMES:
        return timedelta()
    seed = hashlib.blake2b(connection.public_id.bytes, digest_size=8).digest()
    minutes = int.from_bytes(seed) % int(SPREAD / timedelta(minutes=1))
    return timedelta(minutes=minutes)


def start_due_runs() -> None:
    """A run for each connection that is due. Slots that were missed together run once."""
    due = Connection.objects.filter(kind=Kind.HRIS, state__in=SYNCING, next_run_at__lte=Now())
    for pk in due.order_by("next_run_at").values_list("pk", flat=True)[:500]:
        try:
            _start_due_run(pk)
        except Exception:
            # One connection with a broken schedule must not stop the syncs of all others.
            log.exception("the scheduled run of connection %s could not be started", pk)


@transaction.atomic
def _start_due_run(pk: int) -> None:
    rows = Connection.objects.select_for_update(skip_locked=True).order_by()
    connection = rows.filter(pk=pk, state__in=SYNCING, next_run_at__lte=Now()).first()
    if connection is None or connection.next_run_at is None:
        return
    slot = connection.next_run_at
    connection.next_run_at = next_slot(connection, clock.now())
    connection.save(update_fields=["next_run_at"])
    # A run that is still open brings what this slot would have brought.
    if open_run(connection) is None:
        start_run(connection, kind=RunKind.SCHEDULED, slot=slot)
