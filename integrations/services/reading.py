"""The reading half of a run: pages of the HR system become lines of a plan, batch by batch, resumable."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from integrations.engine.diff import LineKind
from integrations.engine.pipeline import Keyed, identify, judge, with_events
from integrations.engine.problems import DUPLICATE_ID, Found
from integrations.engine.rules import Rules
from integrations.models import Run, RunKind
from integrations.people import EVENT_FIELD
from integrations.provider import Cursor, Events, Incremental, Page, Record, Settings, Source
from integrations.services.collector import quiet_collector
from integrations.services.never_sent import FieldWatch
from integrations.services.request_log import RequestLog
from integrations.services.stopwatch import Monotonic, Stopwatch
from integrations.sources.rest import narrowed
from integrations.targets import groups
from integrations.targets.directory import Directory
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.failpoints import reach
from portal.kit.http import Http
from portal.kit.leases import fenced, renew

LEASE = timedelta(seconds=90)
STEP = timedelta(seconds=240)  # the queue's own limit
READING_SECONDS = 120.0  # then the worker is given back
BATCH_PEOPLE = 2_000
BATCH_SECONDS = 2.0
BATCHES_PER_COLLECTION = 25


@dataclass(frozen=True)
class Sync:
    """Everything that one step of a run works with. `incremental` and `events` are the vendor's, where it has them."""

    run: Run
    source: Source
    http: Http
    settings: Settings = field(repr=False)
    rules: Rules
    directory: Directory
    asked: RequestLog
    watch: Stopwatch
    incremental: Incremental | None = None
    events: Events | None = None
    clock: Monotonic = time.monotonic

    def pages(self) -> Iterator[Page]:
        """What is left to read: of everybody, or of who changed since the connection's watermark."""
        run = self.run
        if run.kind == RunKind.INCREMENTAL and self.incremental:
            since = run.connection.watermark
            return self.incremental.changed(self.http, self.settings, since, run.cursor)
        return self.source.pages(self.http, self.settings, run.cursor)


@dataclass
class _Batch:
    """Pages that are saved together: few enough for little memory, soon enough that little is read twice."""

    began: float
    pages: int = 0
    records: list[Record] = field(default_factory=list)
    cursor: Cursor | None = None
    expected: int | None = None

    def add(self, page: Page) -> None:
        self.pages += 1
        self.records.extend(page.records)
        self.cursor = page.cursor
        self.expected = page.expected if page.expected is not None else self.expected

    def is_full(self, now: float) -> bool:
        return len(self.records) >= BATCH_PEOPLE or now - self.began >= BATCH_SECONDS


@dataclass
class _Tally:
    """What a batch adds to the run's counters."""

    seen: int = 0
    staged: int = 0
    unchanged: int = 0
    problems: int = 0


@dataclass(frozen=True, slots=True)
class _Judging:
    """`looks_up`: there may be people already. `by_event`: the filter asks for one. `fields` notes what is sent."""

    looks_up: bool
    by_event: bool
    reader: Source
    fields: FieldWatch | None

    @classmethod
    def of(cls, sync: Sync) -> _Judging:
        run, rules = sync.run, sync.rules
        looks_up = not sync.directory.is_empty()
        # Only where every record is read: one that is as it was last time is skipped before.
        reads_all = not looks_up or rules.version != run.connection.rules.version
        watches = reads_all and run.kind in (RunKind.FIRST, RunKind.DRY)
        reader = narrowed(sync.source, rules.fields)
        fields = FieldWatch(run, reader, rules.mapping.fields) if watches else None
        return cls(looks_up, EVENT_FIELD in rules.filter.fields, reader, fields)


def read_people(sync: Sync) -> bool:
    """Reads on from where the run stands. False when the time of this step is over before the list is.

    What was read before a RetryLater or NeedsPerson is kept.
    """
    with quiet_collector(), sync.watch.timed("reading"):
        return _read_on(sync)


def _read_on(sync: Sync) -> bool:
    began, judging = sync.clock(), _Judging.of(sync)
    batch, saved = _Batch(began), 0
    try:
        for page in sync.pages():
            batch.add(page)
            now = sync.clock()
            if page.cursor is None or not batch.is_full(now):
                continue
            _save(sync, batch, judging)
            batch, saved = _Batch(now), saved + 1
            if saved % BATCHES_PER_COLLECTION == 0:
                gc.collect()
            if now - began >= READING_SECONDS:
                return False
    except (RetryLater, NeedsPerson):
        if batch.pages:
            _save(sync, batch, judging)
        raise
    _save(sync, batch, judging, ended=True)
    return True


def _save(sync: Sync, batch: _Batch, judging: _Judging, *, ended: bool = False) -> None:
    """One transaction: keys, lines, problems, cursor and counters stand or fall together."""
    run, records = sync.run, batch.records
    with sync.watch.timed("comparing"), fenced(run):
        tally = _Tally()
        for start in range(0, len(records), BATCH_PEOPLE):
            _take(sync, records[start : start + BATCH_PEOPLE], tally, judging)
        if judging.fields:
            tally.problems += judging.fields.settle(sync.directory)
        sync.asked.write()
        cursor = batch.cursor if batch.pages else run.cursor
        renew(
            run,
            LEASE,
            cursor=cursor,
            read_all=ended and cursor is None,
            expected=batch.expected if batch.expected is not None else run.expected,
            pages=run.pages + batch.pages,
            seen=run.seen + tally.seen,
            staged=run.staged + tally.staged,
            unchanged=run.unchanged + tally.unchanged,
            problem_count=run.problem_count + tally.problems,
            timings=sync.watch.told(),
        )
        reach("in_batch")
    reach("after_batch")


def _take(sync: Sync, records: list[Record], tally: _Tally, judging: _Judging) -> None:
    """Some records through the engine and into the work tables."""
    directory = sync.directory
    identified = identify(records, sync.source, sync.rules)
    new = directory.note(identified.keyed)
    if judging.by_event:
        new = with_events(new, groups.assigned(directory, [one.source_id for one in new]))
    differing, known = directory.differing(new) if judging.looks_up else (new, {})
    judged = judge(differing, known, judging.fields or judging.reader, sync.rules)
    problems = (*identified.problems, *_repeated(identified.keyed, new), *judged.problems)
    directory.stage(judged.lines)
    directory.report(problems)
    tally.seen += len(new)
    tally.staged += len(judged.lines)
    tally.unchanged += len(new) - len(differing)
    tally.unchanged += sum(line.kind is LineKind.REFRESHED for line in judged.lines)
    tally.problems += len(problems)


def _repeated(keyed: Sequence[Keyed], new: Sequence[Keyed]) -> list[Found]:
    """Problems for the keys that an earlier batch of this run brought already."""
    if len(keyed) == len(new):
        return []
    fresh = {one.source_id for one in new}
    return [Found(DUPLICATE_ID, one.source_id) for one in keyed if one.source_id not in fresh]
