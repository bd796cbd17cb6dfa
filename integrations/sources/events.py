"""Groups that a vendor makes itself: who is assigned to events that last until today or later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from integrations.provider import Assigned, Settings, Unreadable
from integrations.sources.asking import broken
from integrations.sources.fields import Field, Read, reader
from integrations.sources.rest import Listing, RestSource
from portal.kit.http import Http

AT_ONCE = 50  # events that one question for assignments names


@dataclass(frozen=True)
class EventGroups:
    """Implements provider.Events: first the events, then the assignments of those that are not over.

    `ends` is the last day of an event. `is_on` and `is_confirmed` are (key, value) that an event and an assignment
    must have: the question says so too, but a vendor that does not listen must not let anybody in. `chosen` is the
    query value that takes the ids of events, with commas. `source` asks.
    """

    source: RestSource
    events: Listing
    event_id: Field
    name: Field
    ends: Field
    is_on: tuple[str, str]
    assignments: Listing
    chosen: str
    person: Field
    event: Field
    is_confirmed: tuple[str, str]
    _reads: Mapping[str, Read] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = ("event_id", "name", "ends", "person", "event")
        reads = {name: reader(getattr(self, name), name) for name in fields}
        object.__setattr__(self, "_reads", reads)

    def assigned(self, http: Http, settings: Settings, today: date) -> Iterator[tuple[Assigned, ...]]:
        """Batches, none of them empty. An event without a readable end counts as lasting: unknown is not over."""
        names = self._lasting(http, settings, today)
        ids = list(names)
        for start in range(0, len(ids), AT_ONCE):
            asked = ((self.chosen, ",".join(ids[start : start + AT_ONCE])),)
            listing = replace(self.assignments, ask=self.assignments.ask.having(asked))
            for rows in self._rows(http, settings, listing, self.is_confirmed):
                found = (self._assigned(row, names) for row in rows)
                if batch := tuple(dict.fromkeys(one for one in found if one)):
                    yield batch

    def _lasting(self, http: Http, settings: Settings, today: date) -> dict[str, str]:
        """Name by id of each event that is not over."""
        names: dict[str, str] = {}
        for rows in self._rows(http, settings, self.events, self.is_on):
            for row in rows:
                if (self._last_day(row) or today.isoformat()) >= today.isoformat():
                    key = self._key("event_id", row)
                    names[key] = self._read("name", row) or key
        return names

    def _assigned(self, row: Mapping[str, Any], names: Mapping[str, str]) -> Assigned | None:
        person, event = self._key("person", row), self._key("event", row)
        return Assigned(person, event, names[event]) if event in names else None

    def _last_day(self, row: Mapping[str, Any]) -> str | None:
        try:
            return self._reads["ends"](row)
        except Unreadable:
            return None

    def _key(self, name: str, row: Mapping[str, Any]) -> str:
        found = self._read(name, row)
        if found is None:
            raise broken(self.source.system, f"an entry in it has no {name.removesuffix('_id')}")
        return found

    def _read(self, name: str, row: Mapping[str, Any]) -> str | None:
        try:
            return self._reads[name](row)
        except Unreadable:
            raise broken(self.source.system, f"the {name} of an entry in it has another form") from None

    def _rows(
        self, http: Http, settings: Settings, listing: Listing, wanted: tuple[str, str]
    ) -> Iterator[list[Mapping[str, Any]]]:
        key, value = wanted
        for records, _turn, _walk in self.source.walk(http, settings, (listing,)):
            yield [row for row in records if str(row.get(key)) == value]
