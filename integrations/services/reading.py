"""The reading half of a run: pages of the HR system become lines of a plan, batch by batch, resumable."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from integrations.engine.diff import LineKind
from integrations.engine.pipeline import Keyed, identify, judge
from integrations.engine.problems import DUPLICATE_ID, Found
from integrations.engine.rules import Rules
from integrations.models import Run
from integrations.provider import Cursor, Page, Record, Settings, Source
from integrations.services.collector import quiet_collector
from integrations.targets.directory import Directory
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Http
from portal.kit.leases import fenced, renew

LEASE = timedelta(seconds=90)
STEP = timedelta(seconds=240)  # the queue's own limit
READING_SECONDS = 120.0  # then the worker is given back
BATCH_PEOPLE = 2_000
BATCH_SECONDS = 2.0
BATCHES_PER_COLLECTION = 5

Monotonic = Callable[[], float]


@dataclass(frozen=True)
class Sync:
    """Everything that one step of a run works with."""

    run: Run
    source: Source
    http: Http
    settings: Settings = field(repr=False)
    rules: Rules
    directory: Directory
    clock: Monotonic = time.monotonic


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


def read_people(sync: Sync) -> bool:
    """Reads on from where the run stands. False when the time of this step is over before the list is.

    What was read before a RetryLater or NeedsPerson is kept.
    """
    with quiet_collector():
        return _read_on(sync)


def _read_on(sync: Sync) -> bool:
    run, began = sync.run, sync.clock()
    looks_up = not sync.directory.is_empty()
    batch, saved = _Batch(began), 0
    try:
        for page in sync.source.pages(sync.http, sync.settings, run.cursor):
            batch.add(page)
            now = sync.clock()
            if page.cursor is None or not batch.is_full(now):
                continue
            _save(sync, batch, looks_up=looks_up)
            batch, saved = _Batch(now), saved + 1
            if saved % BATCHES_PER_COLLECTION == 0:
                gc.collect()
            if now - began >= READING_SECONDS:
                return False
    except (RetryLater, NeedsPerson):
        if batch.pages:
            _save(sync, batch, looks_up=looks_up)
        raise
    _save(sync, batch, looks_up=looks_up, ended=True)
    return True


def _save(sync: Sync, batch: _Batch, *, looks_up: bool, ended: bool = False) -> None:
    """One transaction: keys, lines, problems, cursor and counters stand or fall together."""
    run, records = sync.run, batch.records
    with fenced(run):
        tally = _Tally()
        for start in range(0, len(records), BATCH_PEOPLE):
            _take(sync, records[start : start + BATCH_PEOPLE], tally, looks_up=looks_up)
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
        )


def _take(sync: Sync, records: list[Record], tally: _Tally, *, looks_up: bool) -> None:
    """Some records through the engine and into the work tables."""
    directory = sync.directory
    identified = identify(records, sync.source, sync.rules)
    new = directory.note(identified.keyed)
    differing, known = directory.differing(new) if looks_up else (new, {})
    judged = judge(differing, known, sync.source, sync.rules)
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
