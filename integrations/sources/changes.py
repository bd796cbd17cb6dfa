"""Who changed since the run before, for vendors that can tell. Who left without a word is the full pass's to find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.provider import Cursor, Incremental, Page, Settings, Source
from integrations.sources.asking import Ask, broken, dig
from integrations.sources.rest import Listing, RestSource
from portal.kit.http import Http

# Clocks differ, and a change may be written after the instant that it bears: what is read twice is only compared.
OVERLAP = timedelta(hours=1)


def watermark(began: datetime) -> str:
    """An instant in UTC as ISO 8601, some time before `began`."""
    return (began - OVERLAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Since:
    """The vendor takes an instant in the question `listing`, as the query value `name`, and sends whole people.

    `shape` is how it wants the instant, for strftime.
    """

    source: RestSource
    listing: Listing
    name: str
    shape: str = "%Y-%m-%dT%H:%M:%SZ"

    def changed(
        self, http: Http, settings: Settings, since: str, cursor: Cursor | None = None
    ) -> Iterator[Page]:
        instant = datetime.fromisoformat(since).strftime(self.shape)
        listing = replace(self.listing, ask=self.listing.ask.having(((self.name, instant),)))
        return self.source.lists(http, settings, (listing,), cursor)

    def watermark(self, began: datetime) -> str:
        return watermark(began)


@dataclass(frozen=True, slots=True)
class SinceByIds:
    """The vendor tells the ids that changed, an object by id at `at`; the people themselves are asked for by id.

    `filter` is what the body of `listing` then says, with {ids} in it. `gone` is the action of whom nobody can ask
    for any more. A cursor is {"after": the last id that was asked for}.
    """

    source: RestSource
    ask: Ask
    at: str
    name: str
    listing: Listing
    filter: str
    gone: str
    at_once: int = 200

    def changed(
        self, http: Http, settings: Settings, since: str, cursor: Cursor | None = None
    ) -> Iterator[Page]:
        """At least one page. Raises RetryLater, NeedsPerson."""
        ids = self._changed_ids(http, settings, since)
        done = cursor["after"] if cursor else ""
        ids = [one for one in ids if _order(one) > _order(done)]
        for start in range(0, len(ids), self.at_once):
            chunk = ids[start : start + self.at_once]
            more = start + self.at_once < len(ids)
            records = [
                record
                for page in self.source.lists(http, settings, (self._about(chunk),))
                for record in page.records
            ]
            yield Page(tuple(records), {"after": chunk[-1]} if more else None)
        if not ids:
            yield Page((), None)

    def watermark(self, began: datetime) -> str:
        return watermark(began)

    def _changed_ids(self, http: Http, settings: Settings, since: str) -> list[str]:
        answer = self.source.answer(http, settings, self.ask.having(((self.name, since),)))
        try:
            found = dig(answer.data, self.at)
        except LookupError:
            found = None
        # An empty object is written as an empty list by some servers.
        if found == []:
            found = {}
        if not isinstance(found, dict):
            raise broken(self.source.system, "the list of changes is not in it")
        ids = (str(key) for key, entry in found.items() if not self._is_gone(entry))
        return sorted((one for one in ids if one.isalnum()), key=_order)

    def _is_gone(self, entry: Any) -> bool:
        return isinstance(entry, dict) and entry.get("action") == self.gone

    def _about(self, ids: Sequence[str]) -> Listing:
        quoted = ",".join(f"'{one}'" for one in ids)
        return replace(self.listing, ask=self.listing.ask.with_body(filter=self.filter.format(ids=quoted)))


def reading(incremental: Incremental | None, source: Source) -> Incremental | None:
    """The same, of whose people as much is asked for and read as `source` does."""
    if isinstance(incremental, Since | SinceByIds) and isinstance(source, RestSource):
        return replace(incremental, source=source)
    return incremental


def _order(one: str) -> tuple[int, str]:
    """Numbers as numbers, without reading them as such."""
    return len(one), one
