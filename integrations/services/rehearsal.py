"""Rehearsal: a file in place of the HR system, walked through the same filter, mapping, plan and guard, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

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
from integrations.services.csv_people import FileRefused, People, Upload, read_people
from integrations.services.draft_rows import save, tell_saved, writing
from integrations.services.previews import PAGE_PEOPLE, Batch, Entry, entries, new_preview, store
from integrations.services.rehearsed_groups import Gathering, Move
from portal.accounts.models import User
from portal.kit.leases import JobState
from portal.kit.sealed import KeyPair

__all__ = ["FileRefused", "Rehearsed", "left_out", "plan", "read_csv", "rehearse"]

MOST_LINES = 200  # of each kind
_BATCH = 1_000
_Told = tuple[str, str, Mapping[str, Any]]  # source_id, kind and `after`, as engine.plan.summarise takes them
_LEFT_OUT = "left_out"


@dataclass(frozen=True)
class Rehearsed:
    """What the run would do. `lines`, `moves` and `problems` are the first ones of each kind or code; the counts are of all.

    `tells_groups`: what becomes of groups is known.
    """

    summary: Summary
    lines: Mapping[LineKind, Sequence[Line]]
    moves: Sequence[Move]
    tells_groups: bool
    problems: Sequence[Found]
    problem_counts: Mapping[str, int]
    objections: tuple[Objection, ...]
    people: int


def read_csv(draft: Draft, upload: Upload, *, by: User | None = None) -> tuple[Preview, KeyPair]:
    """As `rehearse`, of a file as it was uploaded."""
    return rehearse(draft, read_people(upload), by=by)


def rehearse(draft: Draft, found: People, *, by: User | None = None) -> tuple[Preview, KeyPair]:
    """The people of a file, sealed as a preview of the draft; from now on the draft rehearses.

    Raises FileRefused with a sentence, DraftRefused when the draft is over.
    """
    keys, batch = KeyPair.make(), Batch(frozenset(draft.declined))
    with writing(draft) as locked:
        preview = new_preview(locked, keys, job_state=JobState.DONE, read_all=True)
        told = _stored(preview, batch, found)
        if found.dropped:
            words = _("Left out because they are sensitive: %(names)s.") % {"names": ", ".join(found.dropped)}
            told |= {"failure_code": _LEFT_OUT, "failure": words[:500]}
        Preview.objects.filter(pk=preview.pk).update(**told)
        if not locked.rehearses:
            save(locked, rehearses=True, authenticated_at=None, plan=None, step=SetupStep.FILTER)
            tell_saved(locked, "rehearse", by or locked.created_by)
    preview.refresh_from_db()
    return preview, keys


def _stored(preview: Preview, batch: Batch, found: People) -> dict[str, Any]:
    """Seals the people page by page, as the file is read; a line that is refused takes all of it back."""
    for row in found:
        kept = {name: value for name, value in row.fields.items() if name not in batch.hidden}
        batch.take(Entry(row.source_id, row.status.value if row.status else "", kept))
        if len(batch.entries) >= PAGE_PEOPLE:
            preview.pages = store(preview, batch)["pages"]
    return store(preview, batch)


def left_out(preview: Preview) -> str:
    """Which columns of the file were dropped, as a sentence; "" for none."""
    return preview.failure if preview.failure_code == _LEFT_OUT else ""


def plan(preview: Preview, keys: KeyPair, draft: Draft) -> Rehearsed:
    """The plan of the draft for the people of its file, by the engine of a real run. Changes nothing.

    Raises DraftRefused (gone) when the file cannot be opened any more.
    """
    gathering = Gathering(draft.connection, draft.rules.policy, most=MOST_LINES)
    walk = _Walk(draft.connection, draft.rules, gathering)
    summary = summarise(walk.lines(preview, keys)).leading_to(gathering.following())
    answer = Answer(True, walk.people, walk.unidentified, walk.problem_counts[problems.DUPLICATE_ID])
    return Rehearsed(
        summary,
        walk.kept_lines,
        gathering.moves,
        gathering.tells_groups,
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
    gathering: Gathering
    people: int = 0
    unidentified: int = 0
    owned: int = 0
    kept_lines: dict[LineKind, list[Line]] = field(default_factory=dict)
    kept_problems: list[Found] = field(default_factory=list)
    problem_counts: Counter[str] = field(default_factory=Counter)
    _leaving: Counter[str] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)
    _addresses: set[str] = field(default_factory=set)

    def lines(self, preview: Preview, keys: KeyPair) -> Iterator[_Told]:
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

    def _judged(self, batch: Sequence[Entry]) -> Iterator[_Told]:
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
        names = {one.source_id: _name(one) for one in batch}
        twice = [
            replace(one, person_name=names.get(one.source_id, ""))
            for one in (*identified.problems, *repeated)
        ]
        self._report((*twice, *judged.problems))
        lines = []
        for line in judged.lines:
            if line.kind is LineKind.ADDED and self._is_taken(line):
                self._report(
                    [Found(problems.DUPLICATE_EMAIL, line.source_id, line.name, "email", "an address")]
                )
            else:
                lines.append(line)
        yield from self._settled(known, lines)

    def _is_taken(self, line: Line) -> bool:
        address = line.after.get("email", "")
        if address in self._addresses:
            return True
        self._addresses.add(address)
        return False

    def _settled(self, known: Mapping[str, Known], lines: Sequence[Line]) -> Iterator[_Told]:
        for line in lines:
            kept = self._kept(line)
            yield kept.source_id, kept.kind, kept.after
        for move in self.gathering.take(known, lines):
            yield move.summary

    def _absent(self) -> Iterator[_Told]:
        """The people of the connection whom the file does not list."""
        own = DirectoryPerson.objects.filter(connection=self.connection, state=PersonState.ACTIVE)
        keeps = self.rules.policy.on(Leaving.ABSENT) is OnLeave.KEEP
        people = own.order_by("pk").iterator(chunk_size=_BATCH)
        while some := list(islice(people, _BATCH)):
            self.owned += len(some)
            missing = {one.source_id: _as_known(one) for one in some if one.source_id not in self._seen}
            found = (leaving(key, "", known, Leaving.ABSENT, keeps=keeps) for key, known in missing.items())
            yield from self._settled(missing, [line for line in found if line is not None])

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


def _name(entry: Entry) -> str:
    names = (entry.fields.get("first_name", ""), entry.fields.get("last_name", ""))
    return " ".join(filter(None, names))


def _known(connection: Connection, keys: Sequence[str]) -> dict[str, Known]:
    own = DirectoryPerson.objects.filter(connection=connection, source_id__in=keys)
    return {person.source_id: _as_known(person) for person in own}


def _as_known(person: DirectoryPerson) -> Known:
    attributes = {name: getattr(person, name) for name in ATTRIBUTES}
    return Known(person.state == PersonState.ACTIVE, attributes, person.protected, person.kept)
