"""One sync from its claim to its outcome: testing, reading, applying, in as many steps as it takes."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from integrations.models import Connection, Phase, Run, RunOutcome
from integrations.provider import Source
from integrations.services.applying import apply_plan
from integrations.services.credentials import connection_settings
from integrations.services.reading import LEASE, Sync, read_people
from integrations.services.starts import SYNC_RUN
from integrations.services.states import set_error
from integrations.targets.directory import Directory
from portal.kit import queue
from portal.kit.leases import fenced, renew, update
from portal.kit.outbound import egress


def perform_run(run: Run, **parts: Any) -> None:
    """Takes a claimed run as far as this step gets. `parts` replace what `prepared` would choose.

    Raises RetryLater and NeedsPerson from the HR system, LeaseLost when another worker has the run.
    """
    if run.phase == Phase.FINISHED:
        return
    sync = prepared(run, **parts)
    if run.phase in (Phase.QUEUED, Phase.TESTING):
        renew(run, LEASE, phase=Phase.TESTING, started_at=run.started_at or Now())
        sync.source.check(sync.http, sync.settings)
        renew(run, LEASE, phase=Phase.READING)
    if run.phase == Phase.READING:
        if not _work_is_whole(sync):
            _start_over(sync)
        if not read_people(sync):
            queue.continue_soon(run, SYNC_RUN)
            return
        renew(run, LEASE, phase=Phase.APPLYING)
    if not _work_is_whole(sync):
        _start_over(sync)
        queue.continue_soon(run, SYNC_RUN)
        return
    apply_plan(sync)


def prepared(run: Run, **parts: Any) -> Sync:
    """The step with the connection's own source, credentials and directory, unless given in `parts`."""
    connection = run.connection
    provider = connection.provider
    source: Source | None = parts.pop("source", provider.source)
    if source is None:
        raise ValueError(f"{provider.slug} has no source of people")
    return Sync(
        run=run,
        source=source,
        http=parts.pop("http", None) or egress().session(),
        settings=parts.pop("settings", None) or connection_settings(connection),
        rules=connection.rules,
        directory=parts.pop("directory", None) or Directory.of(run),
        **parts,
    )


def end_failed_run(run: Run) -> None:
    """What a final failure means for the run and its connection; in the transaction that ends the run."""
    Run.objects.filter(pk=run.pk).order_by().update(
        phase=Phase.FINISHED, outcome=RunOutcome.FAILED, finished_at=Now()
    )
    Directory.of(run).clear()
    connection = Connection.objects.get(pk=run.connection_id)
    set_error(connection, reason=run.failure, reason_code=run.failure_code)


def _work_is_whole(sync: Sync) -> bool:
    """Whether the work tables still hold what was put there: a crash of the server empties them."""
    return sync.directory.work() == (sync.run.seen, sync.run.staged)


def _start_over(sync: Sync) -> None:
    run = sync.run
    with fenced(run):
        sync.directory.start_over()
        update(
            run,
            phase=Phase.READING,
            cursor=None,
            read_all=False,
            expected=None,
            pages=0,
            seen=0,
            staged=0,
            unchanged=0,
            problem_count=0,
        )
