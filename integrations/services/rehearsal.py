"""Rehearsal: a file in place of the HR system, walked through the same filter, mapping, plan and guard, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from integrations.engine import problems
from integrations.engine.diff import Known, Line, LineKind, leaving
from integrations.engine.guard import Answer, Effect, Objection, objections
from integrations.engine.pipeline import identify, judge, with_events
from integrations.engine.plan import Summary, summarise
from integrations.engine.policy import Leaving, OnLeave
from integrations.engine.problems import Found
from integrations.engine.rules import Rules
from integrations.models import Connection, DirectoryPerson, Draft, PersonState, Preview, SetupStep
from integrations.people import ATTRIBUTES, Person, Status
from integrations.provider import Record, Unreadable
from integrations.services.csv_people import FileRefused, Upload, read_people
from integrations.services.draft_rows import save, tell_saved, writing
from integrations.services.previews import Batch, Entry, entries, new_preview, store
from portal.accounts.models import User
from portal.kit.leases import JobState
from portal.kit.sealed import KeyPair

__all__ = ["FileRefused", "Rehearsed", "left_out", "plan", "read_csv"]

MOST_LINES = 200  # of each kind
_BATCH = 1_000
_LEFT_OUT = "left_out"


@dataclass(frozen=True)
class Rehearsed:
    """What the run would do. `lines` and `problems` are the first ones of each kind or code; the counts are of all."""

    summary: Summary
    lines: Mapping[LineKind, Sequence[Line]]
    problems: Sequence[Found]
    problem_counts: Mapping[str, int]
    objections: tuple[Objection, ...]
    people: int


def read_csv(draft: Draft, upload: Upload, *, by: User | None = None) -> tuple[Preview, KeyPair]:
    """The people of a file, sealed as a preview of the draft; from now on the draft rehearses.

    Raises FileRefused with a sentence, DraftRefused when the draft is over.
    """
    found = read_people(upload)
    keys, batch = KeyPair.make(), Batch(frozenset(draft.declined))
    for row in found:
        kept = {name: value for name, value in row.fields.items() if name not in batch.hidden}
        batch.take(Entry(row.source_id, row.status.value if row.status else "", kept))
    with writing(draft) as locked:
        preview = new_preview(locked, keys, job_state=JobState.DONE, read_all=True)
        told = store(preview, batch)
        if found.dropped:
            words = _("Left out because they are sensitive: %(names)s.") % {"names": ", ".join(found.dropped)}
            told |= {"failure_code": _LEFT_OUT, "failure": words[:500]}
        Preview.objects.filter(pk=preview.pk).update(**told)
        if not locked.rehearses:
            save(locked, rehearses=True, authenticated_at=None, plan=None, step=SetupStep.FILTER)
            tell_saved(locked, "rehearse", by or locked.created_by)
    preview.refresh_from_db()
    return preview, keys


def left_out(preview: Preview) -> str:
    """Which columns of the file were dropped, as a sentence; "" for none."""
    return preview.failure if preview.failure_code == _LEFT_OUT else ""


def plan(preview: Preview, keys: KeyPair, draft: Draft) -> Rehearsed:
    """The plan of the draft for the people of its file, by the engine of a real run. Changes nothing.

    Raises DraftRefused (gone) when the file cannot be opened any more.
    """
    walk = _Walk(draft.connection, draft.rules)
    summary = summarise((line.source_id, line.kind, line.after) for line in walk.lines(preview, keys))
    answer = Answer(True, walk.people, walk.unidentified, walk.problem_counts[problems.DUPLICATE_ID])
    return Rehearsed(
        summary,
        walk.kept_lines,
        walk.kept_problems,
        walk.problem_counts,
        objections(answer, walk.effect(summary)),
        walk.people,
    )


class _FileReader:
    """engine.pipeline.Reader over the entries of a preview."""

    def source_id(self, record: Record) -> str:
        return str(record["id"])

    def read(self, record: Record) -> Person:
        if not record["status"]:
            raise Unreadable("unknown_status", "status", "a word")
        return Person(record["id"], Status(record["status"]), record["fields"])


@dataclass
class _Walk:
    """One pass over the file: batches through the engine, the first lines of each kind kept."""

    connection: Connection
    rules: Rules
    people: int = 0
    unidentified: int = 0
    owned: int = 0
    kept_lines: dict[LineKind, list[Line]] = field(default_factory=dict)
    kept_problems: list[Found] = field(default_factory=list)
    problem_counts: Counter[str] = field(default_factory=Counter)
    _leaving: Counter[str] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)
    _addresses: set[str] = field(default_factory=set)

    def lines(self, preview: Preview, keys: KeyPair) -> Iterator[Line]:
        batch: list[Entry] = []
        for entry in entries(preview, keys):
            batch.append(entry)
            if len(batch) >= _BATCH:
                yield from self._judged(batch)
                batch = []
        yield from self._judged(batch)
        yield from self._absent()

    def effect(self, summary: Summary) -> Effect:
        return Effect(
            owned=self.owned,
            absent=self._leaving[Leaving.ABSENT],
            terminated=self._leaving[Leaving.TERMINATED],
            outside=self._leaving[Leaving.OUTSIDE],
            added=summary.counts.get(LineKind.ADDED, 0),
        )

    def _judged(self, batch: Sequence[Entry]) -> Iterator[Line]:
        records = [{"id": one.source_id, "status": one.status, "fields": one.fields} for one in batch]
        identified = identify(records, _FileReader(), self.rules)
        keyed = [one for one in identified.keyed if one.source_id not in self._seen]
        repeated = [
            Found(problems.DUPLICATE_ID, one.source_id)
            for one in identified.keyed
            if one.source_id in self._seen
        ]
        self._seen.update(one.source_id for one in keyed)
        self.people += len(keyed)
        known = _known(self.connection, [one.source_id for one in keyed])
        judged = judge(with_events(keyed, ()), known, _FileReader(), self.rules)
        self._report((*identified.problems, *repeated, *judged.problems))
        for line in judged.lines:
            if line.kind is LineKind.ADDED and self._is_taken(line):
                self._report(
                    [Found(problems.DUPLICATE_EMAIL, line.source_id, line.name, "email", "an address")]
                )
            else:
                yield self._kept(line)

    def _is_taken(self, line: Line) -> bool:
        address = line.after.get("email", "")
        if address in self._addresses:
            return True
        self._addresses.add(address)
        return False

    def _absent(self) -> Iterator[Line]:
        """The people of the connection whom the file does not list."""
        own = DirectoryPerson.objects.filter(connection=self.connection, state=PersonState.ACTIVE)
        keeps = self.rules.policy.on(Leaving.ABSENT) is OnLeave.KEEP
        for person in own.order_by("pk").iterator(chunk_size=_BATCH):
            self.owned += 1
            if person.source_id not in self._seen:
                line = leaving(person.source_id, "", _as_known(person), Leaving.ABSENT, keeps=keeps)
                if line is not None:
                    yield self._kept(line)

    def _kept(self, line: Line) -> Line:
        if line.kind is LineKind.DEACTIVATED:
            self._leaving[line.after["status"]] += 1
        if line.kind is not LineKind.REFRESHED:
            same = self.kept_lines.setdefault(line.kind, [])
            if len(same) < MOST_LINES:
                same.append(line)
        return line

    def _report(self, found: Sequence[Found]) -> None:
        for one in found:
            self.unidentified += one.code in problems.UNIDENTIFIED
            self.problem_counts[one.code] += 1
            if self.problem_counts[one.code] <= MOST_LINES:
                self.kept_problems.append(one)


def _known(connection: Connection, keys: Sequence[str]) -> dict[str, Known]:
    own = DirectoryPerson.objects.filter(connection=connection, source_id__in=keys)
    return {person.source_id: _as_known(person) for person in own}


def _as_known(person: DirectoryPerson) -> Known:
    attributes = {name: getattr(person, name) for name in ATTRIBUTES}
    return Known(person.state == PersonState.ACTIVE, attributes, bool(person.protected or person.kept))
