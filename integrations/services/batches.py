"""What a run has read and not saved yet: records looked up in the directory, judged, and written batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from integrations.engine.diff import Known, LineKind
from integrations.engine.pipeline import Keyed, identify, judge, with_events
from integrations.engine.problems import Found
from integrations.engine.rules import Rules
from integrations.models import RunKind
from integrations.people import EVENT_FIELD
from integrations.provider import Cursor, Page, Source
from integrations.services.never_sent import FieldWatch
from integrations.services.sync import LEASE, Sync
from integrations.targets import groups
from integrations.targets.directory import Looked, StagedRow
from portal.kit.failpoints import reach
from portal.kit.leases import fenced, renew

BATCH_PEOPLE = 5_000
BATCH_SECONDS = 2.0
LOOKED_UP = 1_000  # people at once; what is held of those who are as they were is let go with them


@dataclass(frozen=True, slots=True)
class Judging:
    """`looks_up`: there may be people already. `by_event`: the filter asks for one. `fields` notes what is sent."""

    looks_up: bool
    by_event: bool
    source: Source
    rules: Rules
    fields: FieldWatch | None

    @classmethod
    def of(cls, sync: Sync) -> Judging:
        run, rules = sync.run, sync.rules
        looks_up = not sync.directory.is_empty()
        # Only where every record is read: one that is as it was last time is skipped before.
        reads_all = not looks_up or rules.version != run.connection.rules.version
        watches = reads_all and run.kind in (RunKind.FIRST, RunKind.DRY)
        fields = FieldWatch(run, sync.source, rules.mapping.fields) if watches else None
        return cls(looks_up, EVENT_FIELD in rules.filter.fields, sync.source, rules, fields)


@dataclass
class Batch:
    """Pages that are saved together: few enough for little memory, soon enough that little is read twice."""

    began: float
    pages: int = 0
    cursor: Cursor | None = None
    expected: int | None = None
    keys: dict[str, None] = field(default_factory=dict)
    rows: list[StagedRow] = field(default_factory=list)
    problems: list[Found] = field(default_factory=list)
    unchanged: int = 0

    def add(self, page: Page) -> None:
        self.pages += 1
        self.cursor = page.cursor
        self.expected = page.expected if page.expected is not None else self.expected


class Batches:
    """The records of pages become lines of the plan. The directory is asked about some while others are read."""

    def __init__(self, sync: Sync) -> None:
        self._sync, self._judging = sync, Judging.of(sync)
        self._waiting: list[Keyed] = []
        self._asked: Looked | None = None
        self.batch = Batch(sync.clock())

    @property
    def is_full(self) -> bool:
        batch = self.batch
        return len(batch.keys) >= BATCH_PEOPLE or self._sync.clock() - batch.began >= BATCH_SECONDS

    def add(self, page: Page) -> None:
        """Who is in it is found at once, while the processor has the records at hand."""
        batch, judging = self.batch, self._judging
        batch.add(page)
        with self._sync.watch.timed("comparing"):
            found = identify(page.records, judging.source, judging.rules, batch.keys)
            batch.keys.update(dict.fromkeys(one.source_id for one in found.keyed))
            batch.problems.extend(found.problems)
            self._waiting.extend(found.keyed)
        if len(self._waiting) >= LOOKED_UP or not judging.looks_up:
            self._look_up()

    def save(self, *, ended: bool = False) -> None:
        """One transaction: keys, lines, problems, cursor and counters stand or fall together."""
        self._look_up()
        self._settle()
        sync, batch = self._sync, self.batch
        with sync.watch.timed("comparing"), fenced(sync.run):
            _write(sync, batch, self._judging.fields, ended=ended)
            reach("in_batch")
        self.batch = Batch(sync.clock())
        reach("after_batch")

    def drop(self) -> None:
        """Forgets what was not saved."""
        if self._asked:
            self._asked.drop()

    def _look_up(self) -> None:
        """The directory is asked about whoever waits. Those before them, of whom it has told meanwhile, are judged."""
        judging, directory = self._judging, self._sync.directory
        with self._sync.watch.timed("comparing"):
            while self._waiting:
                keyed: Sequence[Keyed] = self._waiting[:LOOKED_UP]
                self._waiting = self._waiting[LOOKED_UP:]
                self._settle()
                if judging.by_event:
                    keyed = with_events(keyed, groups.assigned(directory, [one.source_id for one in keyed]))
                if judging.looks_up:
                    self._asked = directory.look_up(keyed)
                else:
                    self._judge(keyed, {})

    def _settle(self) -> None:
        asked, self._asked = self._asked, None
        if asked:
            with self._sync.watch.timed("comparing"):
                differing, known = asked.answer()
                self.batch.unchanged += len(asked.keyed) - len(differing)
                self._judge(differing, known)

    def _judge(self, keyed: Sequence[Keyed], known: Mapping[str, Known]) -> None:
        judging, batch = self._judging, self.batch
        judged = judge(keyed, known, judging.fields or judging.source, judging.rules)
        # At once, too: what a line is made of need not outlast its page.
        batch.rows.extend(self._sync.directory.rows_of(judged.lines, self._sync.run.seen))
        batch.problems.extend(judged.problems)
        batch.unchanged += sum(line.kind is LineKind.REFRESHED for line in judged.lines)


def _write(sync: Sync, batch: Batch, fields: FieldWatch | None, *, ended: bool) -> None:
    run, directory = sync.run, sync.directory
    directory.note(batch.keys, run.seen)
    directory.stage(batch.rows)
    directory.report(batch.problems)
    problems = len(batch.problems) + (fields.settle(directory) if fields else 0)
    sync.asked.write()
    cursor = batch.cursor if batch.pages else run.cursor
    renew(
        run,
        LEASE,
        cursor=cursor,
        read_all=ended and cursor is None,
        expected=batch.expected if batch.expected is not None else run.expected,
        pages=run.pages + batch.pages,
        seen=run.seen + len(batch.keys),
        staged=run.staged + len(batch.rows),
        unchanged=run.unchanged + batch.unchanged,
        problem_count=run.problem_count + problems,
        timings=sync.watch.told(),
    )
