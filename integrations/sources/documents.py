"""A list that comes as one document, however long: read while it arrives, some hundred entries at a time.

ijson finds the entries, and only its C part is fast enough. The values are those that orjson gives; a whole number
beyond 64 bits, or text that is none, breaks the document.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
import requests

from integrations.provider import Cursor, ListMoved
from integrations.sources.asking import CUT_OFF, NO_PEOPLE, broken, whole

try:
    from ijson.backends import yajl2_c
    from ijson.common import JSONError
except ImportError as error:
    raise ImportError(
        "ijson came without its C part (yajl2_c), and large answers cannot be read without it. "
        "Install it from a wheel."
    ) from error

AT_ONCE: Final = 500  # entries
MOST_BETWEEN: Final = 4 * 1024 * 1024  # bytes without the end of an entry
MOST_NESTED: Final = 100
_PIECE: Final = 64 * 1024  # bytes
_OF_ESCAPES: Final = b"\\u0123456789abcdefABCDEF"
_START: Final[Cursor] = {"read": 0, "mark": ""}


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of a document. `cursor` resumes after them; None on the last part, which may hold none."""

    entries: list[dict[str, Any]]
    cursor: Cursor | None


def parts(
    response: requests.Response, path: str, system: str, cursor: Cursor | None = None
) -> Iterator[Part]:
    """The objects in the list at `path` of a streamed answer ("" for a bare list), or those after `cursor`.

    The last part comes only when the document has proved whole. A cursor is {"read": how many, "mark": their digest}.
    Raises RetryLater for any other document; ListMoved where it does not begin as it did when the cursor was made.
    """
    some = _entries(response, path, system)
    place = _skipped(some, cursor, system) if cursor else _START
    waiting: list[dict[str, Any]] = []
    for entries in some:
        if waiting:
            yield Part(waiting, place)
        waiting, place = entries, _after(place, entries)
    yield Part(waiting, None)


def _skipped(some: Iterator[list[dict[str, Any]]], cursor: Cursor, system: str) -> Cursor:
    """Passes over what was read before. By number alone, somebody could be missed who is there all the time."""
    place = _START
    while place["read"] < cursor["read"] and (entries := next(some, [])):
        place = _after(place, entries)
    if place != cursor:
        raise ListMoved(f"The list of {system} changed while it was read. It is read again from its start.")
    return place


def _after(place: Cursor, entries: list[dict[str, Any]]) -> Cursor:
    packed = place["mark"].encode() + orjson.dumps(entries)
    mark = hashlib.blake2b(packed, digest_size=12).hexdigest()
    return {"read": place["read"] + len(entries), "mark": mark}


def _entries(response: requests.Response, path: str, system: str) -> Iterator[list[dict[str, Any]]]:
    """None of the lists is empty."""
    if response.status_code == 204:
        return
    tape, some = _Tape(response.raw, system), list[dict[str, Any]]()
    try:
        _find(tape, path, system)
        tape.rewind()
        for entry in yajl2_c.items(tape, f"{path}.item" if path else "item", buf_size=_PIECE, use_float=True):
            tape.since = 0
            if entry.__class__ is not dict:
                raise broken(system, NO_PEOPLE)
            some.append(entry)
            if len(some) == AT_ONCE:
                yield some
                some = []
    except (JSONError, UnicodeDecodeError):
        raise broken(system, CUT_OFF) from None
    if some:
        yield some


def _find(tape: _Tape, path: str, system: str) -> None:
    """Reads on to the list. Without it, ijson would take the document for an empty list."""
    for place, event, _ in yajl2_c.parse(tape, buf_size=_PIECE, use_float=True):
        if place == path:
            if event == "start_array":
                return
            break
    raise broken(system, NO_PEOPLE)


class _Tape:
    """What ijson reads from. It can be wound back once, and lets nothing through that would cost much memory."""

    def __init__(self, body: Any, system: str) -> None:
        self.since = 0  # the last entry, in bytes
        self._body, self._system, self._nesting = body, system, Nesting()
        self._head, self._again, self._is_found, self._left = list[bytes](), list[bytes](), False, b""

    def rewind(self) -> None:
        self._again, self._head, self._is_found, self.since = self._head[::-1], [], True, 0

    def read(self, size: int) -> bytes:
        if not size:
            return b""
        if self._again:
            return self._again.pop()
        piece = self._next(size)
        if self._nesting.deepest_after(piece) > MOST_NESTED:
            raise broken(self._system, "it is nested too deeply")
        if not self._is_found:
            self._head.append(piece)
        return piece

    def _next(self, size: int) -> bytes:
        """A piece with whole signs. Its end waits for the next one where that could go on with an escape."""
        while True:
            piece = self._body.read(size)
            self.since += len(piece)
            if self.since > MOST_BETWEEN:
                raise broken(self._system, "an entry in it is far too large")
            text = self._left + piece
            done = text.rstrip(_OF_ESCAPES) if piece else text
            self._left = text[len(done) :]
            if done or not piece:
                return whole(done)


class Nesting:
    """How deep the objects and lists of a document are. ijson needs memory for the square of it and has no limit."""

    _escapes: Final = re.compile(rb"\\.", re.DOTALL)
    _strings: Final = re.compile(rb'"[^"]*"')
    _alike: Final = bytes.maketrans(b"{}", b"[]")
    _others: Final = bytes(set(range(256)) - set(b'"[]{}'))

    def __init__(self) -> None:
        self.depth, self._left = 0, b""

    def deepest_after(self, piece: bytes) -> int:
        """Reads on. Returns how deep it went at most, and something above MOST_NESTED where it went deeper."""
        text = self._left + piece
        if b"\\" in text:
            text = self._escapes.sub(b"", text)
        half = b"\\" if text.endswith(b"\\") else b""
        # Only quotes and brackets are left. Two quotes side by side end one string and begin another, or are a string.
        marks = text.translate(self._alike, self._others).replace(b'""', b"")
        if b'"' in marks:
            marks = self._strings.sub(b"", marks)
        marks, quote, _ = marks.partition(b'"')
        self._left, rounds = quote + half, 0
        while b"[]" in marks and rounds <= MOST_NESTED:
            marks, rounds = marks.replace(b"[]", b""), rounds + 1
        opened, closed = marks.count(b"["), marks.count(b"]")
        deepest = max(self.depth, self.depth - closed + opened) + rounds
        self.depth += opened - closed
        return deepest
