"""When a connection's next run is due, which kind it is, and starting the ones that are."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from integrations.models import Connection, ConnectionState, RunKind
from integrations.provider import Kind, Provider
from integrations.services.locks import locked_connection
from integrations.services.records import record_of
from integrations.services.starts import READS_NOTHING_NEW, open_run, start_run, waiting_receipt
from portal.accounts.models import User
from portal.kit import clock
from portal.kit.clock import Clock
from portal.kit.errors import NeedsPerson

log = logging.getLogger(__name__)

SYNCING = (
    ConnectionState.CONNECTING,
    ConnectionState.CONNECTED,
    ConnectionState.DEGRADED,
    ConnectionState.QUARANTINED,
)
_WELL = (ConnectionState.CONNECTED, ConnectionState.DEGRADED)
SPREAD = timedelta(hours=2)
FULL_PASS = timedelta(days=7)  # a vendor's news of changes never names everybody who left
MOST_TIMES, LEAST_APART = 24, timedelta(hours=1)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTERVAL = re.compile(r"every (\d{1,2})h")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_SHORT_TIME = re.compile(r"\d:[0-5]\d")
_DEFAULT_TIMES = next(field.default for field in fields(Provider) if field.name == "schedule")


def next_slot(connection: Connection, after: datetime) -> datetime:
    """The first scheduled instant later than `after`, in UTC. Raises ValueError for a schedule that is none."""
    entries = entries_of(connection)
    if hours := interval_of(entries):
        step = timedelta(hours=hours)
        first = _EPOCH + _spread(connection, step)
        return first + ((after - first) // step + 1) * step
    today = after.astimezone(UTC).date()
    slots = (slot for days in (-1, 0, 1) for slot in _times_on(connection, today + days * _DAY))
    return min(slot for slot in slots if slot > after)


def slots_of(connection: Connection, day: date) -> list[datetime]:
    """Every slot that lies within this day of UTC, in order."""
    start = datetime.combine(day, time(), tzinfo=UTC)
    found, at = [], start - timedelta(microseconds=1)
    while (at := next_slot(connection, at)) < start + _DAY:
        found.append(at)
    return found


def entries_of(connection: Connection) -> tuple[str, ...]:
    """Times of day in UTC, or one interval: what somebody chose, else the card's."""
    return tuple(connection.schedule or connection.provider.schedule)


def interval_of(entries: Sequence[str]) -> int:
    """The hours of "every 6h"; 0 where the schedule is times of day."""
    found = _INTERVAL.fullmatch(entries[0]) if len(entries) == 1 else None
    return int(found[1]) if found else 0


def kind_for(connection: Connection, now: datetime, card: Provider | None = None) -> RunKind:
    """A scheduled run reads only what changed where the vendor can tell, with a full pass at least every week.

    After a failure as well: only everybody's list shows that it is over, and that it is the same organisation's.
    """
    tells = bool((card or connection.provider).incremental and connection.watermark)
    well = not connection.failures and connection.state in _WELL
    if not (tells and well and connection.full_pass_at):
        return RunKind.SCHEDULED
    # Not the last slot within the week: with the next one it would be more than that.
    in_time = next_slot(connection, now) <= connection.full_pass_at + FULL_PASS
    return RunKind.INCREMENTAL if in_time else RunKind.SCHEDULED


def set_schedule(
    connection: Connection, entries: Sequence[str], *, by: User, now: Clock = clock.now
) -> Connection:
    """Times of day as "HH:MM" in UTC, or one "every 6h"; nothing goes back to the card's. Raises NeedsPerson."""
    chosen = checked(entries)
    with transaction.atomic():
        fresh = locked_connection(connection)
        before, fresh.schedule = list(fresh.schedule), list(chosen)
        if fresh.state in SYNCING and not fresh.failures:
            fresh.next_run_at = next_slot(fresh, now())
        fresh.save(update_fields=["schedule", "next_run_at"])
        record_of(connection, "connection.schedule", by=by, before=before, after=list(chosen))
    connection.refresh_from_db(fields=["schedule", "next_run_at"])
    return connection


def checked(entries: Sequence[str]) -> tuple[str, ...]:
    """Sorted, each once. Raises NeedsPerson with a sentence that says what is wrong."""
    found = sorted({_written_out(entry.strip().lower()) for entry in entries if entry.strip()})
    if any(entry.startswith("every") for entry in found):
        if len(found) > 1:
            raise NeedsPerson(_("Choose either times of day or one interval, not both."), code="schedule")
        if not 1 <= interval_of(found) <= 24:
            raise NeedsPerson(_("Choose an interval from every hour to every 24 hours."), code="schedule")
        return tuple(found)
    if wrong := next((entry for entry in found if not _TIME.fullmatch(entry)), None):
        told = {"entry": wrong[:20]}
        raise NeedsPerson(_("“%(entry)s” is not a time of day such as 02:00.") % told, code="schedule")
    if len(found) > MOST_TIMES:
        raise NeedsPerson(_("Choose at most 24 times a day."), code="schedule")
    times = [timedelta(hours=int(entry[:2]), minutes=int(entry[3:])) for entry in found]
    if any(later - earlier < LEAST_APART for earlier, later in _neighbours(times)):
        raise NeedsPerson(_("Leave at least one hour between two times, midnight included."), code="schedule")
    return tuple(found)


def _written_out(entry: str) -> str:
    """ "2:00" is 02:00."""
    return f"0{entry}" if _SHORT_TIME.fullmatch(entry) else entry


def _neighbours(times: Sequence[timedelta]) -> list[tuple[timedelta, timedelta]]:
    """Each time with the next one; the last one's is the first of the following day."""
    if len(times) < 2:
        return []
    return list(zip(times, [*times[1:], times[0] + _DAY], strict=True))


def _times_on(connection: Connection, day: date) -> list[datetime]:
    shift = _offset(connection)
    times = (time.fromisoformat(entry) for entry in entries_of(connection))
    return [datetime.combine(day, at, tzinfo=UTC) + shift for at in times]


def _offset(connection: Connection) -> timedelta:
    """Spreads the default time, stable per connection. Times that somebody chose are kept to the minute."""
    if connection.schedule or connection.provider.schedule != _DEFAULT_TIMES:
        return timedelta()
    return _spread(connection, SPREAD)


def _spread(connection: Connection, most: timedelta) -> timedelta:
    seed = hashlib.blake2b(connection.public_id.bytes, digest_size=8).digest()
    minutes = int.from_bytes(seed) % int(most / timedelta(minutes=1))
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
    running = open_run(connection)
    if running is not None and running.kind in READS_NOTHING_NEW:
        return  # the slot waits until it is over
    slot = connection.next_run_at
    now = max(clock.now(), slot)  # the database's clock, which found it due, may be ahead of ours
    connection.next_run_at = next_slot(connection, now)
    connection.save(update_fields=["next_run_at"])
    # A run that is still open brings what this slot would have brought; so does the one that the slot has had.
    if running is None and not connection.runs.filter(slot=slot).exists():
        # What was confirmed and never carried out stays the plan, and is about everybody.
        receipt = waiting_receipt(connection)
        full = RunKind.SCHEDULED if connection.last_success_at else RunKind.FIRST
        kind = full if receipt else kind_for(connection, now)
        # A try of the ladder has no slot: it comes when it may.
        start_run(connection, kind=kind, slot=None if connection.failures else slot, receipt=receipt)
