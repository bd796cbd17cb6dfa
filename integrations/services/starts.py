"""Queueing work on a connection, and calling it off. The only place that knows the names of the jobs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from integrations.models import (
    Check,
    Connection,
    Draft,
    DraftState,
    Phase,
    Receipt,
    Run,
    RunKind,
    RunOutcome,
    Seen,
    Staged,
    StagedMember,
)
from integrations.services.locks import locked_connection
from portal.accounts.models import User
from portal.kit import clock, queue
from portal.kit.leases import OPEN_STATES, JobState

SYNC_RUN = "sync.run"
CONNECTION_CHECK = "connection.check"
# Runs that bring nobody's news: a scheduled one is not made needless by them, and nobody who wants a sync means them.
READS_NOTHING_NEW = frozenset({RunKind.DRY, RunKind.UNDO, RunKind.RELEASE})


def start_run(
    connection: Connection,
    *,
    kind: RunKind,
    by: User | None = None,
    slot: datetime | None = None,
    draft: Draft | None = None,
    receipt: Receipt | None = None,
) -> Run:
    """`draft` is what a dry run plans, `receipt` the confirmed plan that the run carries out.

    Raises IntegrityError when a run of this connection is open, or the slot has had its run.
    """
    run = Run.objects.create(
        connection=connection, kind=kind, asked_by=by, slot=slot, draft=draft, receipt=receipt
    )
    queue.wake(SYNC_RUN, run.pk)
    return run


def start_undo(run: Run, *, digest: str, by: User) -> Run:
    """The undoing of `run` as the plan of this digest says. Raises IntegrityError when a run is open."""
    undoing = Run.objects.create(
        connection=run.connection, kind=RunKind.UNDO, asked_by=by, undoes=run, plan_digest=digest
    )
    queue.wake(SYNC_RUN, undoing.pk)
    return undoing


def start_release(connection: Connection, *, words: str, by: User) -> Run:
    """What a decision on held removals starts: whoever it is about bears its instant."""
    run = Run.objects.create(
        connection=connection, kind=RunKind.RELEASE, asked_by=by, words=words, created_at=clock.now()
    )
    queue.wake(SYNC_RUN, run.pk)
    return run


def waiting_receipt(connection: Connection) -> Receipt | None:
    """The confirmed plan that no run has carried out; while nothing ever worked, one that was refused counts too."""
    states = [DraftState.CONFIRMED, *([] if connection.last_success_at else [DraftState.REFUSED])]
    found: Receipt | None = connection.receipts.filter(draft__state__in=states).first()
    return found


def start_check(connection: Connection) -> Check:
    check = Check.objects.create(connection=connection)
    queue.wake(CONNECTION_CHECK, check.pk)
    return check


def open_run(connection: Connection) -> Run | None:
    return Run.objects.filter(connection=connection, job_state__in=OPEN_STATES).first()


def forget_work(runs: Iterable[int]) -> None:
    """Nobody needs any more what they read. After their rows are written: no worker writes behind it."""
    for table in (Seen, Staged, StagedMember):
        table.objects.filter(run_id__in=runs).delete()


def call_off_runs(runs: QuerySet[Run], why: str, **more: str) -> None:
    """Those of them that are open; `more` are further columns. Their workers write nothing any more."""
    still = runs.filter(job_state__in=OPEN_STATES).order_by()
    ending = list(still.values_list("pk", flat=True))
    still.update(
        **_called_off(why), **more, phase=Phase.FINISHED, outcome=RunOutcome.FAILED, finished_at=Now()
    )
    forget_work(ending)


def call_off(connection: Connection, why: str) -> None:
    """Ends what is open. A worker that is in the middle of it loses its claim and writes nothing more.

    Belongs into a transaction: the connection is locked before its runs, as the workers do.
    """
    locked_connection(connection)
    call_off_runs(Run.objects.filter(connection=connection), why)
    checks = Check.objects.filter(connection=connection, job_state__in=OPEN_STATES).order_by()
    checks.update(**_called_off(why), ok=False, finished_at=Now())


def _called_off(why: str) -> dict[str, Any]:
    return {"job_state": JobState.FAILED, "epoch": F("epoch") + 1, "lease_until": None, "failure": why}
