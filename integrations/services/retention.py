"""Personal data goes when its time is over: of people who left, of connections that were ended, of old plans.

The row of a person stays, without anything about them, so that the same account comes back when they are hired again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import CharField, Exists, Model, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from integrations.models import (
    Asked,
    Change,
    Connection,
    ConnectionState,
    DirectoryPerson,
    Inquiry,
    Invitation,
    InvitationState,
    Match,
    Membership,
    PersonState,
    Planned,
    Problem,
    Run,
    Seen,
    Staged,
    StagedMember,
)
from integrations.people import ATTRIBUTES, REMOVED_DOMAIN
from integrations.targets.former_keys import keys_ever
from integrations.targets.sql import NO_DIGEST
from portal.accounts.limits import RateLimited, take
from portal.audit.services import record
from portal.kit import clock
from portal.kit.leases import OPEN_STATES

REMOVED = "Removed person"
BATCH = 500
ROWS = 5_000
EVERY, BATCHES = timedelta(minutes=10), 10
WORK_ROWS = timedelta(days=30)  # plans, requests to vendors, matches, names in problems
_NAMED = (
    "retention:named"  # the key of the last run done; where the cache forgets it, all are looked at once more
)

_BLANK = {
    **dict.fromkeys(ATTRIBUTES, ""),
    **dict(zip(("first_name", "last_name"), REMOVED.split(), strict=True)),
    "email": Concat(Value("removed-"), Cast("public_id", CharField()), Value(REMOVED_DOMAIN)),
    "raw_digest": NO_DIGEST,
    "kept": "",
    "edited_at": None,
}


def forget_people(now: datetime) -> int:
    """Duty: the next batch of people who were deactivated long enough ago. Returns how many."""
    before = now - timedelta(days=settings.PERSON_RETENTION_DAYS)
    due = _remembered().filter(state=PersonState.DEACTIVATED, deactivated_at__lte=before)
    # A run that has read somebody already would bring back half of them.
    due = due.exclude(connection__in=_open_runs().values("connection"))
    with transaction.atomic():
        return _forget(_locked(due), now)


def purge_connections(now: datetime) -> int:
    """Duty: the next batch of the people whom connections still own that ended long enough ago. Returns how many.

    Whoever another connection has taken over is no longer theirs. One whose end nobody dated starts its time now.
    """
    ended = Connection.objects.filter(state=ConnectionState.DISCONNECTED, purged_at=None).order_by("pk")
    ended.filter(disconnected_at=None).order_by().update(disconnected_at=now)
    before = now - timedelta(days=settings.DISCONNECT_RETENTION_DAYS)
    done = 0
    for pk in list(ended.filter(disconnected_at__lte=before).values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            done += _purge(pk, now)
        if done >= BATCH:
            break
    return done


def _purge(pk: int, now: datetime) -> int:
    """A batch of people, then a batch of the history that is left, then the end is noted."""
    rows = Connection.objects.select_for_update(skip_locked=True).order_by()
    connection = rows.filter(pk=pk, state=ConnectionState.DISCONNECTED, purged_at=None).first()
    if connection is None:
        return 0
    Run.objects.filter(connection=connection, forgotten_at=None).order_by().update(forgotten_at=now)
    owned = _remembered().filter(connection=connection)
    if people := _locked(owned):
        active = [one.pk for one in people if one.state == PersonState.ACTIVE]
        DirectoryPerson.objects.filter(pk__in=active).order_by().update(
            state=PersonState.DEACTIVATED, deactivated_at=now
        )
        return _forget(people, now)
    if rest := _blank_history(connection):
        return rest
    connection.purged_at = now
    connection.save(update_fields=["purged_at"])
    return 0


def sweep_rows(now: datetime) -> int:
    """Duty: old plans, requests to vendors and matches, inquiries that ran out, and what runs that are over have left in
    the work tables. Returns how many rows went."""
    before = now - WORK_ROWS
    old: tuple[QuerySet[Model], ...] = (
        Planned.objects.filter(run__created_at__lte=before),
        Asked.objects.filter(at__lte=before),
        _old_matches(before),
        Inquiry.objects.filter(expires_at__lte=now),
        *(
            table.objects.exclude(run_id__in=_open_runs().values("pk"))
            for table in (Seen, Staged, StagedMember)
        ),
    )
    return sum(_delete(rows) for rows in old)


def forget_strangers(now: datetime) -> int:
    """Duty: in old problems, the names of records that never made anybody. Returns how many.

    Each run is looked at once: whoever is in by then is forgotten with their own data, problems included.
    """
    before = now - WORK_ROWS
    old = Run.objects.filter(pk__gt=cache.get(_NAMED, 0), created_at__lte=before).order_by("pk")
    runs = list(old.values_list("pk", flat=True)[:BATCH])
    owned = _remembered().filter(connection=OuterRef("run__connection"), source_id=OuterRef("source_id"))
    named = Problem.objects.filter(~Exists(owned), run__in=runs).exclude(person_name__in=("", REMOVED))
    keys = list(named.order_by("pk").values_list("pk", flat=True)[:ROWS])
    Problem.objects.filter(pk__in=keys).order_by().update(person_name=REMOVED)
    if runs and len(keys) < ROWS:
        cache.set(_NAMED, runs[-1], timeout=None)
    return len(keys)


def _old_matches(before: datetime) -> QuerySet[Match]:
    """Questions that nobody answered, and answers that a run has obeyed: whoever it is has that key by now."""
    owned = {"connection": OuterRef("connection"), "source_id": OuterRef("source_id")}
    obeyed = Q(decided_at__lte=before) & Exists(DirectoryPerson.objects.filter(**owned))
    return Match.objects.filter(Q(decided_at=None) | obeyed, created_at__lte=before)


def keep_time() -> None:
    """Tick: up to ten batches every ten minutes, so that a long list of people never holds the tick up."""
    try:
        take("retention", "pass", most=1, per=EVERY)
    except RateLimited:
        return
    now = clock.now()
    duties = (
        (forget_people, BATCH),
        (purge_connections, BATCH),
        (sweep_rows, ROWS),
        (forget_strangers, ROWS),
    )
    for duty, size in duties:
        for _ in range(BATCHES):
            if duty(now) < size:
                break


def _open_runs() -> QuerySet[Run]:
    return Run.objects.filter(job_state__in=OPEN_STATES).order_by()


# --- how somebody is forgotten ------------------------------------------------------------------------------


def _remembered() -> QuerySet[DirectoryPerson]:
    found: QuerySet[DirectoryPerson] = DirectoryPerson.objects.exclude(email__endswith=REMOVED_DOMAIN)
    return found


def _locked(due: QuerySet[DirectoryPerson]) -> list[DirectoryPerson]:
    return list(due.order_by("pk").select_for_update(skip_locked=True, of=("self",))[:BATCH])


def _forget(people: Collection[DirectoryPerson], now: datetime) -> int:
    """Attributes, groups, open invitations, and what the history says about them."""
    keys = [one.pk for one in people]
    if not keys:
        return 0
    Membership.objects.filter(person__in=keys).delete()
    pending = Invitation.objects.filter(person__in=keys, state=InvitationState.PENDING).order_by()
    pending.update(state=InvitationState.REMOVED)
    by_owner = defaultdict(list)
    for one in people:
        by_owner[one.connection_id, one.company_id].append(one.source_id)
    for (connection, company), ids in by_owner.items():
        for owner, ever in keys_ever(connection, ids).items():
            _forget_history(owner, ever, now)
        details = {"people": len(ids)}
        record(
            "retention.people",
            by=None,
            company_id=company,
            subject=f"connection {connection}",
            details=details,
        )
    DirectoryPerson.objects.filter(pk__in=keys).order_by().update(**_BLANK, updated_at=now)
    return len(keys)


def _forget_history(connection: int, ids: Collection[str], now: datetime) -> None:
    """Before, after and names. A run that loses some of it can no longer be undone."""
    about = {"run__connection": connection, "source_id__in": ids}
    changes = Change.objects.filter(**about).order_by()
    touched = Run.objects.filter(connection=connection, forgotten_at=None)
    touched = touched.filter(Exists(changes.filter(run=OuterRef("pk"))))
    Run.objects.filter(pk__in=list(touched.order_by().values_list("pk", flat=True))).order_by().update(
        forgotten_at=now
    )
    changes.update(before={}, after={}, person_name=REMOVED)
    Problem.objects.filter(**about).exclude(person_name="").order_by().update(person_name=REMOVED)
    Planned.objects.filter(**about).delete()
    Match.objects.filter(connection=connection, source_id__in=ids).delete()


def _blank_history(connection: Connection) -> int:
    """What is left of an ended connection about people who were never in the directory, or are no longer its own."""
    changes = Change.objects.filter(run__connection=connection).exclude(person_name=REMOVED)
    named = Problem.objects.filter(run__connection=connection).exclude(person_name__in=("", REMOVED))
    keys = list(changes.order_by("pk").values_list("pk", flat=True)[:ROWS])
    Change.objects.filter(pk__in=keys).order_by().update(before={}, after={}, person_name=REMOVED)
    others = list(named.order_by("pk").values_list("pk", flat=True)[:ROWS])
    Problem.objects.filter(pk__in=others).order_by().update(person_name=REMOVED)
    gone = sum(
        _delete(rows)
        for rows in (
            Planned.objects.filter(run__connection=connection),
            Asked.objects.filter(run__connection=connection),
            Match.objects.filter(connection=connection),
            Inquiry.objects.filter(connection=connection),
        )
    )
    return len(keys) + len(others) + gone


def _delete(rows: QuerySet[Model]) -> int:
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:ROWS])
    if keys:
        rows.model._default_manager.filter(pk__in=keys).delete()
    return len(keys)
