"""The body of an answer under the limits of the egress, whole or as it comes. Used by kit.http alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import requests

_AT_ONCE = 65_536  # bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of a decoded body, and the seconds that the other side may let us wait for it in all."""

    size: int
    seconds: float


def read_whole(response: requests.Response, limits: Limits) -> int:
    """Fills `response.content` and returns its size. Raises requests' errors."""
    content = b"".join(_pieces(response, limits))
    response._content, response._content_consumed = content, True  # type: ignore[attr-defined]
    return len(content)


class Body:
    """A body as it comes, for whoever reads a file: nothing of it is kept.

    `ended` is called once, with the bytes that came and what ended it before its time. `failed` makes our error
    of one of requests'.
    """

    def __init__(
        self,
        response: requests.Response,
        limits: Limits,
        ended: Callable[[int, BaseException | None], None],
        failed: Callable[[requests.RequestException], Exception],
    ) -> None:
        """Reads the first piece, so that a body which breaks before it is a call like any that failed."""
        self._pieces, self._ended, self._failed = _pieces(response, limits), ended, failed
        self._next, self._size, self._is_over = next(self._pieces, b""), 0, False

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, all that came at once without one; b"" at the end. Raises `failed`'s errors."""
        if not size:
            return b""
        if not self._next:
            self._next = self._come()
        end = len(self._next) if size < 0 else size
        piece, self._next = self._next[:end], self._next[end:]
        self._size += len(piece)
        return piece

    def close(self) -> None:
        """Before the end it hangs up."""
        self._pieces.close()
        self._end(None)

    def _come(self) -> bytes:
        try:
            piece = next(self._pieces, b"")
        except requests.RequestException as error:
            self._end(error)
            raise self._failed(error) from None
        if not piece:
            self._end(None)
        return piece

    def _end(self, error: BaseException | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._ended(self._size, error)


def _pieces(response: requests.Response, limits: Limits) -> Generator[bytes, None, None]:
    """Piece by piece: no huge, endless or dripping body gets through. Raises requests' errors."""
    raw: Any = (
        response.raw
    )  # urllib3's; a body that is given out piece by piece takes its place in the response
    size, left = 0, limits.seconds
    try:
        while True:
            began = time.monotonic()
            piece = raw.read1(_AT_ONCE, decode_content=True)
            left -= time.monotonic() - began
            if not piece:
                break
            size += len(piece)
            if size > limits.size:
                raise requests.exceptions.ContentDecodingError("the answer is larger than allowed")
            if left < 0:
                raise requests.exceptions.ReadTimeout("the answer took too long")
            yield piece
        if raw.length_remaining and response.request.method != "HEAD":
            raise requests.exceptions.ChunkedEncodingError("the answer ended early")
    except (requests.RequestException, GeneratorExit):
        raw.close()
        raise
    except Exception as error:  # whatever urllib3 and its decoders raise: the body did not arrive
        raw.close()
        raise requests.exceptions.ChunkedEncodingError(type(error).__name__) from error
    finally:
        raw.release_conn()
