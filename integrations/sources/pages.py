"""How a vendor cuts its list into pages. Each way can resume from its cursor, which is JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from integrations.provider import Cursor
from integrations.sources.asking import Answer, Ask, dig

MOST_PEOPLE: Final = 2**31 - 1  # what the database counts to


class Wrong(Exception):
    """The answer is not what this way of paging promises; `args[0]` says what is wrong, in words."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a page leads: the next cursor, None at the end, and the vendor's own total where it tells one."""

    cursor: Cursor | None
    expected: int | None = None


class Pages(Protocol):
    """`ask` puts the cursor into the question (None: first page); `turn` reads where the answer leads."""

    def ask(self, ask: Ask, cursor: Cursor | None) -> Ask: ...

    def turn(self, answer: Answer, count: int, cursor: Cursor | None) -> Turn:
        """`count` is how many people the page held. Raises Wrong."""


@dataclass(frozen=True, slots=True)
class SkipTop:
    """Goes on until HTTP 204; a short page is not the end, and an empty one is broken (hris-apis.md 1.1)."""

    size: int = 100
    skip_name: str = "$skip"
    size_name: str = "$top"
    total: str = ""

    def ask(self, ask: Ask, cursor: Cursor | None) -> Ask:
        return ask.having(((self.size_name, str(self.size)), (self.skip_name, str(_whole(cursor, "skip")))))

    def turn(self, answer: Answer, count: int, cursor: Cursor | None) -> Turn:
        if answer.ended:
            # The total was told by the pages before; an empty list has none.
            return Turn(None)
        if not count:
            raise Wrong("it holds nobody, but does not say that the list ends")
        return Turn({"skip": _whole(cursor, "skip") + count}, _total(answer.data, self.total))


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Numbered pages until `next` is null. The numbers go into the query, or into the JSON body."""

    next: str
    size: int | None = None
    page_name: str = "page"
    size_name: str = "pageSize"
    in_body: bool = False
    total: str = ""

    def ask(self, ask: Ask, cursor: Cursor | None) -> Ask:
        numbers = {self.page_name: _whole(cursor, "page", 1)}
        if self.size:
            numbers[self.size_name] = self.size
        if self.in_body:
            return ask.with_body(**numbers)
        return ask.having(tuple((name, str(number)) for name, number in numbers.items()))

    def turn(self, answer: Answer, count: int, cursor: Cursor | None) -> Turn:
        total = _total(answer.data, self.total)
        if _told(answer, self.next) is None:
            return Turn(None, total)
        if not count:
            raise Wrong("it holds nobody, although there are more people")
        return Turn({"page": _whole(cursor, "page", 1) + 1}, total)


@dataclass(frozen=True, slots=True)
class OffsetTotal:
    """Goes on until the offset reaches the total that the vendor tells."""

    total: str
    size: int = 100
    offset_name: str = "offset"
    size_name: str = "limit"

    def ask(self, ask: Ask, cursor: Cursor | None) -> Ask:
        return ask.having(
            ((self.size_name, str(self.size)), (self.offset_name, str(_whole(cursor, "offset"))))
        )

    def turn(self, answer: Answer, count: int, cursor: Cursor | None) -> Turn:
        total = _total(answer.data, self.total)
        if total is None:
            raise Wrong("it does not tell how many people there are")
        reached = _whole(cursor, "offset") + count
        if reached >= total:
            return Turn(None, total)
        if not count:
            raise Wrong("it holds nobody, although there are more people")
        return Turn({"offset": reached}, total)


@dataclass(frozen=True, slots=True)
class CursorToken:
    """The answer holds a token for the next page, null on the last one."""

    next: str
    name: str = "cursor"
    total: str = ""

    def ask(self, ask: Ask, cursor: Cursor | None) -> Ask:
        return ask.having(((self.name, str(cursor["token"])),)) if cursor else ask

    def turn(self, answer: Answer, count: int, cursor: Cursor | None) -> Turn:
        token, total = _told(answer, self.next), _total(answer.data, self.total)
        if token is None or token == "":
            return Turn(None, total)
        if not isinstance(token, str | int) or len(str(token)) > 4_000:
            raise Wrong("its pointer to the next page is none")
        return Turn({"token": str(token)}, total)


@dataclass(frozen=True, slots=True)
class LinkHeader:
    """`Link: <…>; rel="next"`. Only the query of the link is followed: the address stays the card's."""

    def ask(self, ask: Ask, cursor: Cursor | None) -> Ask:
        return ask.having(tuple((name, value) for name, value in cursor["query"])) if cursor else ask

    def turn(self, answer: Answer, count: int, cursor: Cursor | None) -> Turn:
        if answer.next_link is None:
            return Turn(None)
        query = parse_qsl(urlsplit(answer.next_link).query, keep_blank_values=True)
        if not query:
            raise Wrong("its link to the next page leads nowhere")
        return Turn({"query": [list(pair) for pair in query]})


@dataclass(frozen=True, slots=True)
class SingleList:
    """Everybody in one answer. It may be of any size: it is read while it comes (sources.documents)."""

    def ask(self, ask: Ask, cursor: Cursor | None) -> Ask:
        return ask

    def turn(self, answer: Answer, count: int, cursor: Cursor | None) -> Turn:
        return Turn(None)


def _told(answer: Answer, path: str) -> Any:
    """A value that must be there, be it null: without it nobody knows whether the list ends."""
    try:
        return dig(answer.data, path)
    except LookupError:
        raise Wrong(f"it has no {path.rsplit('.', 1)[-1]}") from None


def _total(data: Any, path: str) -> int | None:
    """A total that makes sense. Absent, odd or absurdly large, it is None."""
    try:
        found = dig(data, path) if path else None
    except LookupError:
        return None
    if not isinstance(found, int) or isinstance(found, bool):
        return None
    return found if 0 <= found <= MOST_PEOPLE else None


def _whole(cursor: Cursor | None, name: str, start: int = 0) -> int:
    return int(cursor[name]) if cursor else start
