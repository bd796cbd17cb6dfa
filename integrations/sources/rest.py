"""The source of nearly every vendor: people over a JSON API, described by a card and read by this."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from integrations.people import Person, Status
from integrations.provider import Cursor, Page, Record, Settings, Unreadable
from integrations.sources.asking import Answer, Ask, broken, dig, filled, understand
from integrations.sources.auth import Auth
from integrations.sources.fields import Field, Read, Words, compile_all
from integrations.sources.pages import Pages, SingleList, Turn, Wrong
from portal.kit.clock import Clock, now
from portal.kit.errors import NeedsPerson
from portal.kit.http import Http, raise_for_answer

LIST = "_list"  # the key under which a record tells which list it came from


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of people: the question, where in the answer they are ("" for a bare list), how it is paged.

    `stamp` is put into each record under LIST, for vendors that tell a leaver only by the list they are in.
    """

    ask: Ask
    people: str
    pages: Pages = field(default_factory=SingleList)
    stamp: str = ""


@dataclass(frozen=True)
class RestSource:
    """Implements provider.Source. `system` is its name in sentences, `sentences` are better ones by code.

    `then` are further lists, read after `people`. `fields` names what is read; nothing else gets out.
    `future_hires` are statuses that mean PREHIRE while `hired_on` is in the future.
    A cursor is {"list": index, "at": the pager's cursor, "page": count, "seen": digest of the page before}.
    """

    system: str
    base_url: str
    auth: Auth
    people: Listing
    id: Field
    fields: Mapping[str, Field]
    status: Words
    check_ask: Ask
    then: tuple[Listing, ...] = ()
    sentences: Mapping[str, str] = field(default_factory=dict)
    future_hires: frozenset[Status] = frozenset()
    max_pages: int = 20_000
    clock: Clock = now
    _id: Read = field(init=False, repr=False, compare=False)
    _status: Callable[[Any], Status] = field(init=False, repr=False, compare=False)
    _fields: Callable[[Any], dict[str, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_id", self.id.compile("source_id"))
        object.__setattr__(self, "_status", self.status.compile())
        object.__setattr__(self, "_fields", compile_all(self.fields))

    def check(self, http: Http, settings: Settings) -> None:
        """One cheap call. Raises NeedsPerson or RetryLater when the credentials do not work."""
        self._answer(http, settings, self.check_ask)

    def pages(self, http: Http, settings: Settings, cursor: Cursor | None = None) -> Iterator[Page]:
        """The whole list, or what follows `cursor`. A list that turns in a circle raises RetryLater."""
        walk = _Walk(self.system, self.max_pages, cursor)
        listings = (self.people, *self.then)
        while walk.list < len(listings):
            listing = listings[walk.list]
            answer = self._answer(http, settings, listing.pages.ask(listing.ask, walk.at))
            records = self._records(answer, listing)
            try:
                turn = listing.pages.turn(answer, len(records), walk.at)
            except Wrong as wrong:
                raise broken(self.system, str(wrong)) from None
            walk.go(turn, records)
            more = walk.list < len(listings)
            # A total is the vendor's for one list, so it means something only where there is one list.
            expected = turn.expected if len(listings) == 1 else None
            yield Page(records, walk.cursor() if more else None, expected)

    def source_id(self, record: Record) -> str:
        found = self._id(record)
        if found is None:
            raise Unreadable("missing_id", "source_id", "nothing")
        return found

    def read(self, record: Record) -> Person:
        status, fields = self._status(record), self._fields(record)
        if status in self.future_hires and fields.get("hired_on", "") > self.clock().date().isoformat():
            status = Status.PREHIRE
        return Person(self.source_id(record), status, fields)

    def _records(self, answer: Answer, listing: Listing) -> tuple[Record, ...]:
        if answer.ended:
            return ()
        try:
            found = dig(answer.data, listing.people)
        except LookupError:
            found = None
        if not isinstance(found, list) or not all(record.__class__ is dict for record in found):
            raise broken(self.system, "the list of people is not in it")
        if listing.stamp:
            for record in found:
                record[LIST] = listing.stamp
        return tuple(found)

    def _answer(self, http: Http, settings: Settings, ask: Ask) -> Answer:
        try:
            return self._asked(http, settings, ask)
        except NeedsPerson as error:
            better = self.sentences.get(error.code)
            if better is None:
                raise
            raise NeedsPerson(better, code=error.code, detail=error.detail) from None

    def _asked(self, http: Http, settings: Settings, ask: Ask) -> Answer:
        url = filled(self.base_url, settings, self.system) + ask.path
        for _ in range(2):
            headers = {"Accept": "application/json", **ask.headers}
            headers |= self.auth.headers(http, settings, self.system)
            response = http.call(
                ask.method, url, safe=True, params=list(ask.query), json=ask.body, headers=headers
            )
            # A token may end in mid-run; a fresh one that is refused too is final.
            if response.status_code != 401 or not self.auth.renew(http, settings):
                break
        raise_for_answer(response, system=self.system)
        return understand(response, self.system)


class _Walk:
    """Where the reading of the lists stands, and whether it turns in a circle."""

    def __init__(self, system: str, max_pages: int, cursor: Cursor | None) -> None:
        start = cursor or {"list": 0, "at": None, "page": 0, "seen": ""}
        self.system, self.max_pages = system, max_pages
        self.list: int = start["list"]
        self.at: Cursor | None = start["at"]
        self.page: int = start["page"]
        self.seen: str = start["seen"]
        self._visited = {(self.list, orjson.dumps(self.at))}

    def go(self, turn: Turn, records: tuple[Record, ...]) -> None:
        """On to the next page or list. Raises RetryLater for the page before, a cursor again, or no end."""
        digest = hashlib.blake2b(orjson.dumps(records), digest_size=12).hexdigest() if records else ""
        if digest and digest == self.seen:
            raise broken(self.system, "it is the same page as before")
        self.seen, self.page = digest, self.page + 1
        self.list, self.at = (self.list + 1, None) if turn.cursor is None else (self.list, turn.cursor)
        mark = (self.list, orjson.dumps(self.at))
        if mark in self._visited:
            raise broken(self.system, "it leads back to a page that we have read")
        self._visited.add(mark)
        if self.page >= self.max_pages:
            raise broken(self.system, "the list does not end")

    def cursor(self) -> Cursor:
        return {"list": self.list, "at": self.at, "page": self.page, "seen": self.seen}
