"""Uploads are opened in a child process with hardly any rights, and come back as a PNG that we drew.

reliability-security.md T15. The child is portal.kit.drawing; what it answers is not believed either.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

WALL_SECONDS = 10.0  # for one file, with the child's start
WAIT_SECONDS = 15.0  # for one's turn
AT_ONCE = 2  # children of one web process: each may take 300 MB (drawing.child)
_FACTS_BYTES = 200
_MOST_PAGES = 32_767  # what the table's column holds
_REFUSED = 3
_TIME_IS_UP = (signal.SIGXCPU, signal.SIGKILL)
_PNG = b"\x89PNG\r\n\x1a\n"
_ROOT = Path(__file__).resolve().parents[2]
# -I: no environment, no folder of the user's, not the working folder. Our own comes last, so nothing is shadowed.
_START = "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"


class Kind(StrEnum):
    """What is accepted. The value is its media type."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"
    PDF = "application/pdf"

    @classmethod
    def of(cls, content: bytes) -> Kind | None:
        """By the first bytes alone: neither the name nor the announced type is asked."""
        for magic, kind in _MAGIC:
            if content.startswith(magic):
                return kind
        return cls.WEBP if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None

    @property
    def module(self) -> str:
        """What draws it in the child."""
        return f"portal.kit.drawing.{'pdfs' if self is Kind.PDF else 'images'}"


_MAGIC = ((_PNG, Kind.PNG), (b"\xff\xd8\xff", Kind.JPEG), (b"%PDF-", Kind.PDF))


class Refusal(StrEnum):
    """Why a file was not drawn. The child says all but the last two."""

    DAMAGED = "damaged"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LARGE = "too_large"  # unfolds into more memory than it is given
    PROTECTED = "protected"
    NO_PAGES = "no_pages"
    PAGE_SIZE = "page_size"
    DYNAMIC_FORM = "dynamic_form"
    TOO_LONG = "too_long"
    BUSY = "busy"


# Not frozen: contextlib assigns `__traceback__` to what passes through a context manager.
@dataclass(unsafe_hash=True)
class PictureRefused(Exception):
    """The file is not drawn."""

    why: Refusal


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, its size in pixels, and the pages of the file it was drawn from."""

    png: bytes = field(repr=False)
    width: int
    height: int
    pages: int


@dataclass(frozen=True)
class Studio:
    """Draws a few files at once, each in a child of its own. Limits: seconds."""

    at_once: int = AT_ONCE
    wait: float = WAIT_SECONDS
    wall: float = WALL_SECONDS
    _turns: threading.BoundedSemaphore = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_turns", threading.BoundedSemaphore(self.at_once))

    def redraw(self, content: bytes, kind: Kind, *, most_bytes: int) -> Picture:
        """The file as a PNG of at most `most_bytes`. Raises PictureRefused."""
        with self._turn():
            code, said = self._said(content, kind, most_bytes)
        return _picture(code, said, most_bytes)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self.wait):
            raise PictureRefused(Refusal.BUSY)
        try:
            yield
        finally:
            self._turns.release()

    def _said(self, content: bytes, kind: Kind, most_bytes: int) -> tuple[int, bytes]:
        """The child's exit code and what it wrote, of which no more is read than a picture may be long."""
        command = [
            sys.executable,
            "-I",
            "-W",
            "ignore",
            "-c",
            _START,
            str(_ROOT),
            kind.module,
            str(most_bytes),
        ]
        with (
            _in_memory(content) as file,
            subprocess.Popen(
                command,
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            ) as child,
        ):
            assert child.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
            alarm = threading.Timer(self.wall, child.kill)
            alarm.start()
            try:
                most = most_bytes + _FACTS_BYTES
                said = child.stdout.read(most + 1)
                if len(said) > most:
                    child.kill()
                return child.wait(), said
            finally:
                alarm.cancel()
                child.kill()  # nothing happens if it has ended


_studio = Studio()


def redrawn(content: bytes, kind: Kind, *, most_bytes: int) -> Picture:
    """The file as a PNG of at most `most_bytes`, drawn by this process's children. Raises PictureRefused."""
    return _studio.redraw(content, kind, most_bytes=most_bytes)


@contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    """A file without a name, so that nobody has to feed a pipe while the answer is read."""
    file = os.memfd_create("upload")
    try:
        with open(file, "wb", closefd=False) as writer:
            writer.write(content)
        os.lseek(file, 0, os.SEEK_SET)
        yield file
    finally:
        os.close(file)


def _picture(code: int, said: bytes, most_bytes: int) -> Picture:
    if code == _REFUSED:
        raise PictureRefused(Refusal(said.decode("ascii")))
    if code < 0:  # the kernel ended it: by a limit of time, or because a decoder broke
        raise PictureRefused(Refusal.TOO_LONG if -code in _TIME_IS_UP else Refusal.DAMAGED)
    facts, _, png = said.partition(b"\n")
    if code or not png.startswith(_PNG) or len(png) > most_bytes:
        raise RuntimeError(f"The child that draws uploads ended with {code}")
    told = json.loads(facts)
    return Picture(png, int(told["width"]), int(told["height"]), min(max(int(told["pages"]), 1), _MOST_PAGES))
