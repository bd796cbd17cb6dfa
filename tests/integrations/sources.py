"""A source of people for tests: a list of pages, read the way a vendor's list is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.people import Person, Status
from integrations.provider import Cursor, Page, Record, Settings, Unreadable
from portal.kit.http import Http

MAPPING = {
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "work_email",
    "department": "department",
}


def record(key: str, *, first: str = "", status: str = "active", **fields: Any) -> dict[str, Any]:
    """What this vendor sends of a person."""
    first = first or f"First{key}"
    sent = {"first_name": first, "last_name": "Person", "work_email": f"{key}@example.com", **fields}
    return {"id": key, "status": status, "fields": {k: v for k, v in sent.items() if v is not None}}


def records(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    return [record(f"k{number:05}") for number in range(start, start + count)]


@dataclass(frozen=True)
class ListSource:
    """Pages of `size` people. `breaks` are raised before the page of that number is given, again and again.

    `complete` False ends the list without saying so. `total` is what the vendor says that it has.
    """

    people: Sequence[Mapping[str, Any]]
    size: int = 10
    breaks: Mapping[int, BaseException] | None = None
    refuses: BaseException | None = None
    complete: bool = True
    total: int | None = None

    def check(self, http: Http, settings: Settings) -> None:
        if self.refuses:
            raise self.refuses

    def pages(self, http: Http, settings: Settings, cursor: Cursor | None = None) -> Iterator[Page]:
        at = cursor["at"] if cursor else 0
        while True:
            if self.breaks and (error := self.breaks.get(at // self.size)):
                raise error
            ends = at + self.size >= len(self.people)
            following = None if ends and self.complete else {"at": at + self.size}
            yield Page(tuple(self.people[at : at + self.size]), following, self.total)
            if ends:
                return
            at += self.size

    def source_id(self, record: Record) -> str:
        found = record.get("id")
        if not isinstance(found, str):
            raise Unreadable("missing_id", "source_id", "nothing")
        return found

    def read(self, record: Record) -> Person:
        if record["status"] not in list(Status):
            name = f"{record['fields']['first_name']} {record['fields']['last_name']}"
            raise Unreadable("unknown_status", "status", "text aaaa", name)
        return Person(record["id"], Status(record["status"]), record["fields"])


@dataclass(frozen=True)
class HostileSource(ListSource):
    """Gives exactly these `answers`, one page each, and says `total`. Ends after the last as a good list does."""

    answers: Sequence[Sequence[Mapping[str, Any]]] = ()

    def pages(self, http: Http, settings: Settings, cursor: Cursor | None = None) -> Iterator[Page]:
        start = cursor["at"] if cursor else 0
        for number, answer in enumerate(self.answers[start:], start + 1):
            more = number < len(self.answers)
            yield Page(tuple(answer), {"at": number} if more else None, self.total)


def empty_first_page(people: Sequence[Mapping[str, Any]], size: int = 10) -> HostileSource:
    """Nobody on the first page, and more promised: an id of the list was wrong, or the vendor was not ready."""
    return HostileSource(people, answers=((), people[:size]))


def empty_second_page(people: Sequence[Mapping[str, Any]], size: int = 10) -> HostileSource:
    """One good page, then nobody and the end, although the total is that of everybody."""
    return HostileSource(people, answers=(people[:size], ()), total=len(people))


def repeated_page(people: Sequence[Mapping[str, Any]], size: int = 10) -> HostileSource:
    """The first page twice, then the end: a vendor that ignores where to go on."""
    return HostileSource(people, answers=(people[:size], people[:size]), total=len(people))


def larger_total(people: Sequence[Mapping[str, Any]], size: int = 10) -> ListSource:
    """Everybody who is sent is fine, but the vendor says that it has twice as many."""
    return ListSource(people, size, total=2 * len(people))
