"""Our own directory as the place where a run puts people: bulk reads and writes for one connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection as database
from django.db.backends.utils import CursorWrapper

from integrations.engine.diff import Known, Line, LineKind
from integrations.engine.normalise import text
from integrations.engine.pipeline import Keyed
from integrations.engine.policy import Leaving
from integrations.engine.problems import DUPLICATE_ID, Found
from integrations.models import PersonState, Run
from integrations.people import ATTRIBUTES
from integrations.targets import matching, sql
from portal.kit.ahead import Ahead

StagedRow = tuple[int, int, str, str, str, str, bool, str, str]  # as sql.STAGE names the columns

_BIG = 2_000  # rows of work from which on the planner needs to be told about them
_FEW = 5_000  # lines; if the planner errs and compares each with each, that is still done in seconds


@dataclass(frozen=True, slots=True)
class Counts:
    """Lines of a plan by kind; the removals among them by why."""

    kinds: Mapping[LineKind, int]
    leaving: Mapping[Leaving, int]

    @classmethod
    def none(cls) -> Counts:
        return cls(dict.fromkeys(LineKind, 0), dict.fromkeys(Leaving, 0))

    @property
    def changes(self) -> bool:
        """Whether the plan does something to anybody."""
        return any(count for kind, count in self.kinds.items() if kind is not LineKind.REFRESHED)


@dataclass(frozen=True, slots=True)
class Looked:
    """People about whom the directory was asked. Nothing else may use the database before the answer, or `drop`."""

    keyed: Sequence[Keyed]
    _asked: Ahead

    def answer(self) -> tuple[tuple[Keyed, ...], Mapping[str, Known]]:
        """The records that are new or not as last handled, and what the directory has of their people."""
        rows = self._asked.rows()
        known = {row[0]: _known(row) for row in rows if row[1] is not None}
        differ = {row[0] for row in rows}
        return tuple(one for one in self.keyed if one.source_id in differ), known

    def drop(self) -> None:
        self._asked.drop()


@dataclass(frozen=True)
class Directory:
    """Everything but `prepare` belongs into a transaction that the run's fence protects."""

    run: int
    connection: int
    company: int

    @classmethod
    def of(cls, run: Run) -> Directory:
        return cls(run.pk, run.connection_id, run.connection.company_id)

    def is_empty(self) -> bool:
        """Whether this connection owns nobody at all, not even somebody deactivated."""
        return bool(self.row(sql.IS_EMPTY)[0])

    # --- while people are read ---

    def note(self, keys: Collection[str], place: int) -> None:
        """Remembers that these keys were in the answer, after so many others."""
        if keys:
            self.execute(sql.NOTE_KEYS, place=place, people=len(keys), keys=sql.SEPARATOR.join(keys))

    def look_up(self, keyed: Sequence[Keyed]) -> Looked:
        """Asks who of them is new or not as last handled. It is answered while the next ones are read."""
        values: dict[str, int | str] = {
            "connection": self.connection,
            "keys": sql.SEPARATOR.join([one.source_id for one in keyed]),
            "digests": sql.SEPARATOR.join([one.digest for one in keyed]),
        }
        return Looked(keyed, Ahead((sql.ONE_BY_ONE, sql.DIFFERING), values))

    def rows_of(self, lines: Iterable[Line], place: int) -> list[StagedRow]:
        """Lines of the plan as `stage` takes them. `place` is that of their batch."""
        return [
            (
                self.run,
                place,
                line.source_id,
                line.kind.value,
                line.name[:250],
                line.digest,
                line.belongs,
                orjson.dumps(line.before, default=dict).decode(),
                orjson.dumps(line.after, default=dict).decode(),
            )
            for line in lines
        ]

    def stage(self, rows: Sequence[StagedRow]) -> None:
        """Puts lines of the plan into the work table."""
        self._copy(sql.STAGE, rows)

    def report(self, problems: Iterable[Found]) -> None:
        """Writes problems for the run's page. What cards say about a value is cleaned like any other text."""
        rows = [
            (
                self.run,
                one.source_id,
                one.person_name[:250],
                one.code,
                text(one.field)[:60],
                text(one.shape)[:120],
            )
            for one in problems
        ]
        self._copy(sql.REPORT, rows)

    # --- when everything was read ---

    def prepare(self, size: int) -> None:
        """Statistics of the work table. Outside of transactions: its lock would last as long as they do."""
        if size >= _BIG:
            self.execute(sql.ANALYSE)

    def work(self) -> tuple[int, int]:
        """How many keys and lines the work tables hold of this run."""
        seen, staged = self.row(sql.WORK)
        return seen, staged

    def owned(self) -> tuple[int, bool]:
        """Active people of this connection; whether anybody is kept although they were missing."""
        active, kept = self.row(sql.OWNED)
        return int(active), bool(kept)

    def drop_repeated(self) -> tuple[int, int]:
        """Reports whoever an earlier batch brought already. Returns how often, and how many lines left the plan for it."""
        times, lines = self.row(sql.REPEATED, code=DUPLICATE_ID)
        return int(times), int(lines)

    def in_bulk(self) -> None:
        """Tells the planner that what follows in this transaction is about everybody."""
        self.execute(sql.IN_BULK)

    def in_small(self, counts: Mapping[LineKind, int]) -> None:
        """Tells the planner that what follows is about few people, where so many lines are few."""
        if sum(counts.values()) <= _FEW:
            self.execute(sql.IN_SMALL)

    def missing(self) -> int:
        """Active people who were not in the answer."""
        return int(self.row(sql.MISSING)[0])

    def plan_absent(self) -> int:
        """Adds a line for everybody active who is not in the answer, unless kept for being missing. Returns how many."""
        return self.execute(sql.PLAN_ABSENT)

    def counts(self) -> Counts:
        """Lines of the plan by kind, and the removals by why."""
        found = Counts.none()
        kinds, leaving = dict(found.kinds), dict(found.leaving)
        with database.cursor() as cursor:
            cursor.execute(sql.COUNT_BY_KIND, self.values())
            for kind, why, count in cursor.fetchall():
                kinds[LineKind(kind)] += count
                if why:
                    leaving[Leaving(why)] += count
        return Counts(kinds, leaving)

    def drop_removals(self) -> None:
        """Takes the removals out of the plan."""
        self.execute(sql.DROP_REMOVALS)

    def see_again(self) -> None:
        """Ends the keeping of people who had been missing and are listed again."""
        self.execute(sql.SEEN_AGAIN)

    def apply(self, counts: Mapping[LineKind, int]) -> None:
        """Does what the plan says: who left first, then the others, then the change log."""
        self.in_small(counts)
        steps = (
            (LineKind.DEACTIVATED, sql.DEACTIVATE),
            (LineKind.CHANGED, sql.CHANGE_PEOPLE),
            (LineKind.RETURNED, sql.CHANGE_PEOPLE),
            (LineKind.REFRESHED, sql.REFRESH),
            (LineKind.MATCHED, matching.TAKE_OVER),
            (LineKind.ADDED, sql.ADD),
        )
        for kind, statement in steps:
            if counts[kind]:
                self.execute(statement, kind=kind.value)
        if any(counts[kind] for kind in LineKind if kind is not LineKind.REFRESHED):
            self.execute(sql.LOG_CHANGES)

    def clear(self) -> None:
        """Empties the work tables of this run."""
        for statement in sql.CLEAR:
            self.execute(statement)

    def start_over(self) -> None:
        """As if nothing had been read."""
        self.clear()
        self.execute(sql.FORGET_PROBLEMS)

    def values(self) -> dict[str, Any]:
        """What every statement may use."""
        return {"run": self.run, "connection": self.connection, "company": self.company}

    def execute(self, statement: str, **more: Any) -> int:
        """Runs a statement that may use `run`, `connection`, `company` and `more`. Returns how many rows it touched."""
        with database.cursor() as cursor:
            cursor.execute(statement, {**self.values(), **more})
            return int(cursor.rowcount)

    def row(self, statement: str, **more: Any) -> tuple[Any, ...]:
        """The first row of the answer."""
        with database.cursor() as cursor:
            cursor.execute(statement, {**self.values(), **more})
            return tuple(cursor.fetchone() or ())

    @staticmethod
    def _copy(statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        with database.cursor() as cursor, _copying(cursor, statement) as copy:
            for row in rows:
                copy.write_row(row)


def _copying(cursor: CursorWrapper, statement: str) -> Any:
    """psycopg's COPY, which Django's cursor passes through without a type."""
    return cursor.copy(statement)


def _known(row: tuple[Any, ...]) -> Known:
    attributes = dict(zip(ATTRIBUTES, row[4:], strict=True))
    return Known(row[1] == PersonState.ACTIVE, attributes, row[2], row[3])
