"""One sync from its claim to its outcome: testing, reading, applying, in as many steps as it takes."""

from __future__ import annotations

import time
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from integrations.models import Connection, ConnectionState, Phase, Run, RunKind, RunOutcome
from integrations.provider import ListMoved, Source
from integrations.services import releasing, undo
from integrations.services.adopting import refuse
from integrations.services.applying import apply_plan
from integrations.services.credentials import connection_settings
from integrations.services.grouping import read_events
from integrations.services.planning import draft_of, rules_of
from integrations.services.reading import read_people
from integrations.services.request_log import RequestLog
from integrations.services.run_news import tell_of_end
from integrations.services.starts import SYNC_RUN
from integrations.services.states import set_error
from integrations.services.stopwatch import Stopwatch
from integrations.services.sync import LEASE, Sync
from integrations.sources.changes import reading
from integrations.sources.rest import narrowed
from integrations.targets.directory import Directory
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.failpoints import reach
from portal.kit.leases import fenced, renew, update
from portal.kit.outbound import egress

STANDS_STILL = gettext_noop("The connection stands still, so nobody was changed.")
APPLIES_WITHIN = 30.0  # seconds of a step; later, the one transaction that applies gets a step of its own
MOST_RESTARTS = 3
LIST_MOVES = gettext_noop(
    "The HR system sends another list each time it is asked, so one that is read in several parts never fits together. "
    "Its support can tell what changes from one answer to the next."
)
# What a person decided, carried out by a worker: nothing is read for it.
_DEEDS = {RunKind.UNDO: undo.perform_undo, RunKind.RELEASE: releasing.perform_release}
_DEEDS_FAILED = {RunKind.UNDO: undo.tell_failed, RunKind.RELEASE: releasing.tell_failed}


def perform_run(run: Run, **parts: Any) -> None:
    """Takes a claimed run as far as this step gets. `parts` replace what `prepared` would choose.

    Raises RetryLater and NeedsPerson from the HR system, LeaseLost when another worker has the run.
    """
    if run.phase == Phase.FINISHED:
        return
    if by_a_person := _DEEDS.get(RunKind(run.kind)):
        by_a_person(run)
        return
    _must_go_on(run)
    sync, pages = prepared(run, **parts), run.pages
    try:
        _perform(sync)
    except (RetryLater, NeedsPerson):
        with fenced(run):
            sync.asked.write()
            update(run, timings=sync.watch.told())
            if run.pages > pages:
                queue.made_progress(run)
        raise


def _must_go_on(run: Run) -> None:
    """A run that was left over by a pause changes nobody; a plan may be made at any time. Raises NeedsPerson."""
    state = ConnectionState(run.connection.state)
    if run.kind != RunKind.DRY and state in (ConnectionState.PAUSED, ConnectionState.DISCONNECTED):
        raise NeedsPerson(STANDS_STILL, code="not_running")


def _perform(sync: Sync) -> None:
    run, began = sync.run, sync.clock()
    if run.phase in (Phase.QUEUED, Phase.TESTING):
        _test(sync)
    if run.phase == Phase.READING:
        if not _work_is_whole(sync):
            _start_over(sync)
        if not run.pages:
            read_events(sync)
            reach("after_events")
        if not _read(sync):
            queue.continue_soon(run, SYNC_RUN)
            return
        reach("after_reading")
        renew(run, LEASE, phase=Phase.APPLYING)
        if sync.clock() - began >= APPLIES_WITHIN:
            queue.continue_soon(run, SYNC_RUN)
            return
    if not _work_is_whole(sync):
        _start_over(sync)
        queue.continue_soon(run, SYNC_RUN)
        return
    apply_plan(sync)


def _read(sync: Sync) -> bool:
    """As read_people; where the cursor has lost its meaning, the next try begins at the start, but not for ever."""
    run = sync.run
    try:
        return read_people(sync)
    except ListMoved:
        if run.restarts >= MOST_RESTARTS:
            raise NeedsPerson(LIST_MOVES, code="list_moves") from None
        _start_over(sync)
        with fenced(run):
            update(run, restarts=run.restarts + 1)
        raise


def prepared(run: Run, **parts: Any) -> Sync:
    """The step with the connection's own source, credentials and directory, unless given in `parts`."""
    provider = run.connection.provider
    source: Source | None = parts.pop("source", provider.source)
    if source is None:
        raise ValueError(f"{provider.slug} has no source of people")
    asked, rules = RequestLog.of(run), rules_of(run)
    source = narrowed(source, rules.fields)
    return Sync(
        run=run,
        source=source,
        http=parts.pop("http", None) or asked.listening(egress()).session(),
        settings=parts.pop("settings", None) or connection_settings(run.connection, draft_of(run)),
        rules=rules,
        directory=parts.pop("directory", None) or Directory.of(run),
        asked=asked,
        watch=Stopwatch(parts.get("clock", time.monotonic), dict(run.timings)),
        incremental=reading(parts.pop("incremental", provider.incremental), source),
        events=parts.pop("events", provider.events),
        **parts,
    )


def end_failed_run(run: Run) -> None:
    """What a final failure means for the run and its connection; in the transaction that ends the run.

    A plan that could not be made, or new settings that do not work, leave a running connection as it was.
    """
    Run.objects.filter(pk=run.pk).order_by().update(
        phase=Phase.FINISHED, outcome=RunOutcome.FAILED, finished_at=Now()
    )
    Directory.of(run).clear()
    refuse(run)
    if tell_failed := _DEEDS_FAILED.get(RunKind(run.kind)):
        tell_failed(run)
        return
    connection = Connection.objects.get(pk=run.connection_id)
    tries = run.draft or (run.receipt and connection.state != ConnectionState.CONNECTING)
    if not tries:
        set_error(
            connection,
            reason=run.failure,
            reason_code=run.failure_code,
            by_hand=run.kind == RunKind.MANUAL,
        )
    tell_of_end(run, connection, first=False)


def _test(sync: Sync) -> None:
    run, incremental = sync.run, sync.incremental
    values: dict[str, Any] = {"rules_digest": sync.rules.digest, "started_at": run.started_at or Now()}
    if run.kind == RunKind.INCREMENTAL and not (incremental and run.connection.watermark):
        values["kind"] = RunKind.SCHEDULED
    if incremental and not run.watermark:
        values["watermark"] = incremental.watermark(clock.now())
    renew(run, LEASE, phase=Phase.TESTING, **values)
    with sync.watch.timed("testing"):
        sync.source.check(sync.http, sync.settings)
    renew(run, LEASE, phase=Phase.READING)
    reach("after_test")


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
