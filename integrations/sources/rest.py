"""The source of nearly every vendor: people over a JSON API, described by a card and read by this."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from types import MappingProxyType
from typing import Any, overload

import orjson
import requests

from integrations.people import CUSTOM, Person, Status
from integrations.provider import Cursor, Page, Record, Settings, Source, Unreadable
from integrations.sources.asking import NO_PEOPLE, Answer, Ask, Named, broken, dig, filled, understand
from integrations.sources.auth import Auth
from integrations.sources.blocking import blocked
from integrations.sources.custom import OWN, Custom
from integrations.sources.documents import parts
from integrations.sources.fields import Field, Read, Words, reader, reader_of_all
from integrations.sources.pages import Pages, SingleList, Turn, Wrong
from integrations.sources.refusals import raise_for_refusal, spoken
from portal.kit.clock import Clock, now
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Http

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


@dataclass(frozen=True, slots=True)
class Granted:
    """A list of the fields that the credentials may read. `needs` are keys that must be in it, in words."""

    ask: Ask
    at: str
    needs: Mapping[str, str]
    key: str = "key"

    def check(self, answer: Answer, system: str) -> None:
        """Raises NeedsPerson that names what is missing."""
        try:
            listed = dig(answer.data, self.at)
        except LookupError:
            listed = None
        if not isinstance(listed, list):
            raise broken(system, "the list of fields is not in it")
        granted = {entry.get(self.key) for entry in listed if isinstance(entry, dict)}
        if missing := [words for key, words in self.needs.items() if key not in granted]:
            raise NeedsPerson(
                f"{system} keeps back what we need: {', '.join(missing)}. Give these credentials the right to "
                "read it, then try again.",
                code="field_not_granted",
                about=", ".join(missing),
            )


_NAMES = ("first_name", "last_name")


@dataclass(frozen=True)
class RestSource:
    """Implements provider.Source. `system` is its name in sentences, `sentences` are better ones by code.

    `then` are further lists, read after `people`. `fields` names what is read; `custom` tells where the fields
    are that customers made, and `own` which of those are read (None: all). The question asks by name for `fields` and
    no more where the vendor can be asked so (`named`). Else what is sensitive is taken out of every record, and so are
    `private`, names of this vendor that only sound harmless. `future_hires` are statuses that mean PREHIRE while
    `hired_on` is in the future.
    `granted` tells a check which fields the vendor must hand out.
    A cursor is {"list": index, "at": the pager's cursor, "page": count, "seen": digests of the pages before}.
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
    custom: Custom | None = None
    own: frozenset[str] | None = None
    named: Named | None = None
    private: frozenset[str] = frozenset()
    granted: Granted | None = None
    sentences: Mapping[str, str] = field(default_factory=dict)
    future_hires: frozenset[Status] = frozenset()
    max_pages: int = 20_000
    clock: Clock = now
    _reached: list[str] = field(init=False, repr=False, compare=False)
    _id: Read = field(init=False, repr=False, compare=False)
    _all: Callable[[Any], tuple[str | None, Status, dict[str, str]]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reached", [""])
        object.__setattr__(self, "_id", reader(self.id, "source_id"))
        object.__setattr__(self, "_all", reader_of_all(self.id, self.status, self.fields))

    def check(self, http: Http, settings: Settings) -> None:
        """The vendor's cheapest call. Raises NeedsPerson or RetryLater when the credentials do not work."""
        self.answer(http, settings, self.check_ask)
        if self.granted:
            self.granted.check(self.answer(http, settings, self.granted.ask), self.system)

    def pages(self, http: Http, settings: Settings, cursor: Cursor | None = None) -> Iterator[Page]:
        """The whole list, or what follows `cursor`. A list that turns in a circle raises RetryLater."""
        return self.lists(http, settings, (self.people, *self.then), cursor)

    def lists(
        self, http: Http, settings: Settings, listings: tuple[Listing, ...], cursor: Cursor | None = None
    ) -> Iterator[Page]:
        """As `pages`, for other lists of people than the card's own."""
        known = self._own_fields(http, settings)
        listings = tuple(self._named(listing) for listing in listings)
        for records, turn, walk in self.walk(http, settings, listings, cursor, known):
            # A total is the vendor's for one list, so it means something only where there is one list.
            expected = turn.expected if len(listings) == 1 else None
            more = walk.list < len(listings)
            yield Page(self._kept(records, known), walk.cursor() if more else None, expected)

    def walk(
        self,
        http: Http,
        settings: Settings,
        listings: tuple[Listing, ...],
        cursor: Cursor | None = None,
        known: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[tuple[list[Any], Turn, _Walk]]:
        """The entries of these lists page by page, exactly as the vendor sent them."""
        walk = _Walk(self.system, self.max_pages, cursor)
        while walk.list < len(listings):
            listing = listings[walk.list]
            asked = self.custom.into(listing.ask, known) if self.custom else listing.ask
            if isinstance(listing.pages, SingleList):
                yield from self._in_parts(http, settings, replace(listing, ask=asked), walk)
                continue
            answer = self.answer(http, settings, listing.pages.ask(asked, walk.at))
            records = self._records(answer, listing)
            try:
                turn = listing.pages.turn(answer, len(records), walk.at)
            except Wrong as wrong:
                raise broken(self.system, str(wrong)) from None
            walk.go(turn, records)
            yield records, turn, walk

    def source_id(self, record: Record) -> str:
        found = self._id(record)
        if found is None:
            raise Unreadable("missing_id", "source_id", "nothing")
        return found

    def read(self, record: Record) -> Person:
        try:
            source_id, status, fields = self._all(record)
        except Unreadable as error:
            error.name = " ".join(filter(None, (_or_none(read, record) for read in self._names)))
            raise
        if own := record.get(OWN):
            fields.update(own)
        if status in self.future_hires and self._is_to_come(fields.get("hired_on", "")):
            status = Status.PREHIRE
        return Person(source_id or self.source_id(record), status, fields)

    def _is_to_come(self, day: str) -> bool:
        """A day that has once been reached is never to come again: nearly nobody's needs the clock."""
        if day > self._reached[0]:
            self._reached[0] = self.clock().date().isoformat()
        return day > self._reached[0]

    @cached_property
    def _names(self) -> tuple[Read, ...]:
        """What tells whose record it is that cannot be read as a whole."""
        return tuple(reader(self.fields[name], name) for name in _NAMES if name in self.fields)

    def answer(self, http: Http, settings: Settings, ask: Ask) -> Answer:
        """One question. Raises NeedsPerson with the card's sentence for its code, and RetryLater."""
        with self._in_our_words():
            return understand(self._asked(http, settings, ask), self.system)

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except NeedsPerson as error:
            better = self.sentences.get(error.code)
            if better is None:
                raise
            raise NeedsPerson(better, code=error.code, detail=error.detail) from None
        except RetryLater as error:
            raise spoken(error, self.system) from None

    def _in_parts(
        self, http: Http, settings: Settings, listing: Listing, walk: _Walk
    ) -> Iterator[tuple[list[Any], Turn, _Walk]]:
        """As `walk`, for one list that comes as a single document."""
        with (
            self._in_our_words(),
            closing(self._asked(http, settings, listing.ask, stream=True)) as response,
        ):
            for part in parts(response, listing.people, self.system, walk.at):
                turn, records = Turn(part.cursor), _stamped(part.entries, listing)
                if part.cursor is None:
                    walk.go(turn, records)
                else:
                    walk.stay(part.cursor)
                yield records, turn, walk

    def _named(self, listing: Listing) -> Listing:
        if self.named is None:
            return listing
        return replace(listing, ask=self.named.into(listing.ask, self.fields, custom=self.own != frozenset()))

    def _own_fields(self, http: Http, settings: Settings) -> Mapping[str, str]:
        """What is read of what the customer's administrators made there; the list is asked for once per session."""
        if self.custom is None or self.own == frozenset():
            return {}
        place = ("own fields", self.base_url)
        if place not in http.kept:
            http.kept[place] = self.custom.learn(lambda ask: self.answer(http, settings, ask))
        known: Mapping[str, str] = http.kept[place]
        return {key: name for key, name in known.items() if self.own is None or name in self.own}

    def _kept(self, records: list[Any], known: Mapping[str, str]) -> tuple[Record, ...]:
        """What leaves the source."""
        if self.named is None:
            records = [blocked(record, self.private) for record in records]
        if self.custom:
            for record in records:
                self.custom.take(record, known)
                if self.own is not None and (own := record.pop(OWN, None)):
                    _put(record, {name: said for name, said in own.items() if name in self.own})
        return tuple(records)

    def _records(self, answer: Answer, listing: Listing) -> list[Any]:
        if answer.ended:
            return []
        try:
            found = dig(answer.data, listing.people)
        except LookupError:
            found = None
        if not isinstance(found, list) or not all(record.__class__ is dict for record in found):
            raise broken(self.system, NO_PEOPLE)
        return _stamped(found, listing)

    def _asked(self, http: Http, settings: Settings, ask: Ask, *, stream: bool = False) -> requests.Response:
        url = filled(self.base_url, settings, self.system) + ask.path
        for _ in range(2):
            headers = {"Accept": "application/json", **ask.headers}
            headers |= self.auth.headers(http, settings, self.system)
            parts_of = {"params": list(ask.query), "json": ask.body, "headers": headers}
            response = http.call(ask.method, url, safe=True, stream=stream, **parts_of)
            # A token may end in mid-run; a fresh one that is refused too is final.
            if response.status_code != 401 or not self.auth.renew(http, settings):
                break
        raise_for_refusal(response, self.system)
        return response


def _or_none(read: Read, record: Record) -> str | None:
    try:
        return read(record)
    except Unreadable:
        return None


def _put(record: dict[str, Any], own: Mapping[str, str]) -> None:
    if own:
        record[OWN] = own


def _stamped(records: list[Any], listing: Listing) -> list[Any]:
    if listing.stamp:
        for record in records:
            record[LIST] = listing.stamp
    return records


_MOST_REMEMBERED = 20  # pages; a cursor is stored with its run


class _Walk:
    """Where the reading of the lists stands, and whether it turns in a circle: in one session of any length,
    and of the last pages after a resume."""

    def __init__(self, system: str, max_pages: int, cursor: Cursor | None) -> None:
        start = cursor or {"list": 0, "at": None, "page": 0, "seen": []}
        self.system, self.max_pages = system, max_pages
        self.list: int = start["list"]
        self.at: Cursor | None = start["at"]
        self.page: int = start["page"]
        seen = start["seen"]
        # Runs that were under way when several digests were remembered first have one, or "".
        self._seen = dict.fromkeys([seen] if isinstance(seen, str) else seen)
        self._visited = {(self.list, orjson.dumps(self.at))}

    def go(self, turn: Turn, records: list[Any]) -> None:
        """On to the next page or list. Raises RetryLater for a page or a cursor again, or no end."""
        if records:
            self._remember(hashlib.blake2b(orjson.dumps(records), digest_size=12).hexdigest())
        self.page += 1
        self.list, self.at = (self.list + 1, None) if turn.cursor is None else (self.list, turn.cursor)
        mark = (self.list, orjson.dumps(self.at))
        if mark in self._visited:
            raise broken(self.system, "it leads back to a page that we have read")
        self._visited.add(mark)
        if self.page >= self.max_pages:
            raise broken(self.system, "the list does not end")

    def _remember(self, digest: str) -> None:
        if digest in self._seen:
            raise broken(self.system, "it is the same page as before")
        self._seen[digest] = None

    def stay(self, at: Cursor) -> None:
        """On within a document, which cannot turn in a circle."""
        self.at, self.page = at, self.page + 1

    def cursor(self) -> Cursor:
        seen = [*islice(reversed(self._seen), _MOST_REMEMBERED)][::-1]
        return {"list": self.list, "at": self.at, "page": self.page, "seen": seen}


@overload
def narrowed(source: RestSource, fields: Collection[str]) -> RestSource: ...
@overload
def narrowed(source: Source, fields: Collection[str]) -> Source: ...
def narrowed(source: Source, fields: Collection[str]) -> Source:
    """The same source, which of a person asks for and reads no more than these fields."""
    if not isinstance(source, RestSource):
        return source
    wanted = {*fields, *_for_status(source)}
    return replace(
        source,
        fields={name: one for name, one in source.fields.items() if name in wanted},
        own=frozenset(name for name in wanted if name.startswith(CUSTOM)),
    )


def without(source: Source, declined: Collection[str]) -> Source:
    """The same source, which does not ask for the fields that the customer declined, but for what tells who works there."""
    if not isinstance(source, RestSource) or not declined:
        return source
    left_out = {*declined} - _for_status(source)
    return replace(source, fields={name: one for name, one in source.fields.items() if name not in left_out})


def _for_status(source: RestSource) -> frozenset[str]:
    """The first day, where it alone tells active people from those who have not begun."""
    return frozenset({"hired_on"} if source.future_hires else ())
