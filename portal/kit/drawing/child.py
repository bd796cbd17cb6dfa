"""The child's side of portal.kit.pictures: gives up its rights, reads one file, answers with a PNG or one word.

reliability-security.md T15. Nothing is read before `confine()`; everything that is needed is imported before it.
"""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

REFUSED = 3  # exit code: standard output holds the word for why
MEMORY_BYTES = 300_000_000  # in all: enough for 40 million pixels of three colours
_LEAST_FOR_WORK = 250_000_000  # where the interpreter itself maps more than usual
CPU_SECONDS = 8
MOST_PIXELS = 40_000_000
_NOBODY = 65_534
_PAGE = os.sysconf("SC_PAGE_SIZE")

Image.preinit()  # Pillow's readers and writers, before no file can be opened any more


class Refused(Exception):
    """The file is not drawn. The word is one of portal.kit.pictures.Refusal."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """`pages` is how many the file has; fewer may be drawn."""

    image: Image.Image
    pages: int = 1


def serve(draw: Callable[[bytes], Drawn]) -> None:
    """The whole life of the child: one file in, one PNG of at most argv[1] bytes out."""
    most = int(sys.argv[1])
    confine()
    try:
        drawn = draw(sys.stdin.buffer.read())
        image, png = as_png(drawn.image, most)
    except Refused as refused:
        _end(REFUSED, str(refused).encode())
    except MemoryError:
        _end(REFUSED, b"too_large")
    except Exception as error:
        if isinstance(error, ImportError) or getattr(error, "errno", None) == errno.EMFILE:
            raise  # a module that should have been imported before: our bug, not the file's
        # Decoders raise all kinds of errors for files that are made to break them.
        _end(REFUSED, b"damaged")
    facts = {"pages": drawn.pages, "width": image.width, "height": image.height}
    _end(0, json.dumps(facts).encode() + b"\n" + png)


def confine() -> None:
    """No more memory, time, files, sockets or processes than drawing takes; another user where we are root."""
    occupied = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    _limit(resource.RLIMIT_AS, max(MEMORY_BYTES, occupied + _LEAST_FOR_WORK))
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    if os.geteuid() == 0:
        with suppress(OSError):  # a container may have taken the right to do even this
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    _limit(resource.RLIMIT_NOFILE, 3)  # standard input, output and errors: nothing else is ever opened


def as_png(image: Image.Image, most: int) -> tuple[Image.Image, bytes]:
    """What is drawn in the end, and its PNG: smaller where needed, since a photo grows when it becomes a PNG."""
    while True:
        out = io.BytesIO()
        image.save(out, format="PNG", compress_level=3)  # for photos smaller than 4 to 6, and faster
        if out.tell() <= most:
            return image, out.getvalue()
        by = min(0.9, (most / out.tell()) ** 0.5 * 0.95)
        image = image.resize((max(int(image.width * by), 1), max(int(image.height * by), 1)))


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def _end(code: int, answer: bytes) -> None:
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(code)  # without the clean-up of libraries that have just read a hostile file
