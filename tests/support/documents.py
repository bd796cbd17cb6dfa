"""How much memory one large document costs: `python -m tests.support.documents WHAT` prints the growth in MiB."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from integrations import catalog
from integrations.provider import Page, Settings
from portal.kit.http import Egress, Http
from tests.kit.doubles import Answer, serving

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"tenant": "river", "token": "a.b.c", "client_id": "i", "client_secret": "s"}
FEW, MANY = 1_000, 100_000
_FILLER = b"x" * 45


def growth(what: str) -> float:
    """MiB, in a process of its own: one that has read much before has room already."""
    command = [sys.executable, "-m", "tests.support.documents", what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def staffcloud(http: Http, settings: Settings) -> Iterator[Page]:
    source = catalog.get("staffcloud").source
    assert source is not None
    return source.pages(http, settings)


def personio(http: Http, settings: Settings) -> Iterator[Page]:
    incremental = catalog.get("personio").incremental
    assert incremental is not None
    return incremental.changed(http, settings, "2026-11-01T00:00:00Z")


def plain(number: int) -> bytes:
    more = b",".join(b'"custom_%d": "%s"' % (field, _FILLER) for field in range(12))
    return b'{"id": %d, "status": 4, "firstname": "A", "email": "a%d@x.example", %s}' % (number, number, more)


def labelled(number: int) -> bytes:
    more = b",".join(b'"dynamic_%d": {"label": "L", "value": "x"}' % field for field in range(1, 18))
    words = b'"status": {"value": "active"}, "email": {"value": "a%d@x.example"}' % number
    return b'{"type": "Employee", "attributes": {"id": {"value": %d}, %s, %s}}' % (number, words, more)


Case = tuple[Callable[[Http, Settings], Iterator[Page]], bytes, Callable[[int], bytes], bytes]
CASES: dict[str, Case] = {
    "staffcloud": (staffcloud, b"[", plain, b"]"),
    "personio": (personio, b'{"success": true, "data": [', labelled, b"]}"),
}


def document(case: Case, people: int) -> Answer:
    """Answers every question: what is no list of people is asked before it, and few. Nothing of it is kept."""
    _, head, entry, tail = case

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        if handler.path.endswith("/auth"):
            handler.wfile.write(b'{"data": {"token": "t", "expires_in": 9000}}')
        elif "attributes" in handler.path.partition("?")[0]:
            handler.wfile.write(b'{"data": []}' if head.startswith(b"{") else b"[]")
        else:
            handler.wfile.write(head + entry(0))
            for start in range(1, people, 100):
                some = range(start, min(start + 100, people))
                handler.wfile.write(b"".join(b"," + entry(number) for number in some))
            handler.wfile.write(tail)

    return send


def read(case: Case, people: int) -> None:
    with serving(document(case, people)) as double:
        pages = case[0](Egress(sandbox_url=double.url).session(), SETTINGS)
        assert sum(len(page.records) for page in pages) == people
    gc.collect()


def peak() -> float:
    """MiB. Not ru_maxrss, which a new process inherits from the one that started it."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    chosen = CASES[sys.argv[1]]
    read(chosen, FEW)
    before = peak()
    read(chosen, MANY)
    print(peak() - before)
