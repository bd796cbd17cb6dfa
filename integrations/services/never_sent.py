"""Mapped fields that no record has: a warning, where a page would otherwise show nothing but empty values."""

from __future__ import annotations

from integrations.engine.problems import FIELD_NEVER_SENT, Found
from integrations.models import Problem, Run
from integrations.people import Person
from integrations.provider import Record, Source
from integrations.targets.directory import Directory


class FieldWatch:
    """Stands before the source while people are read. What it knows is kept as the run's problems.

    The first batch reports every field that it lacks; a later one that has the field takes the report back.
    """

    def __init__(self, run: Run, source: Source, fields: frozenset[str]) -> None:
        self._run, self._source, self._began = run, source, bool(run.pages)
        self._waiting = set(_reported(run) if self._began else fields)
        self._on_record = frozenset(self._waiting) if self._began else frozenset[str]()
        self._read = False

    def source_id(self, record: Record) -> str:
        return self._source.source_id(record)

    def read(self, record: Record) -> Person:
        """As the source. Raises Unreadable."""
        person = self._source.read(record)
        self._read = True
        if self._waiting:
            self._waiting.difference_update(person.fields)
        return person

    def settle(self, directory: Directory) -> int:
        """Writes what has become known, in the transaction of the batch. Returns by how many problems it differs."""
        if not self._began:
            self._began = self._read
            if not self._read or not self._waiting:
                return 0
            directory.report(Found(FIELD_NEVER_SENT, field=field) for field in sorted(self._waiting))
            self._on_record = frozenset(self._waiting)
            return len(self._on_record)
        came = self._on_record - self._waiting
        if came:
            Problem.objects.filter(run=self._run, code=FIELD_NEVER_SENT, field__in=came).delete()
            self._on_record = frozenset(self._waiting)
        return -len(came)


def _reported(run: Run) -> frozenset[str]:
    rows = Problem.objects.filter(run=run, code=FIELD_NEVER_SENT)
    return frozenset(rows.order_by().values_list("field", flat=True))
