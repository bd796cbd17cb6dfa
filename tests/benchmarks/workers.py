"""Several processes: how soon a worker begins (P10), and what a second one brings.

`python -m tests.benchmarks.workers ADDRESS FILE CONNECTION...` syncs these connections one after the other, after a line
on its standard input has said that everybody is ready.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.database import ROOT, use

ASKED = 40
SPREAD = random.Random(7)  # noqa: S311 - when somebody presses a button is no secret


def begin_seconds() -> list[float]:
    """From waking a worker to its claim of the row, in a real cluster that has nothing else to do; sorted."""
    # Models can be imported only once Django is set up.
    from tests.support.workers import cluster  # noqa: PLC0415

    with cluster("short", dict(os.environ)):
        _begins()  # the cluster is up
        found = [_begins() for _ in range(ASKED)]
    return sorted(found)


def _begins() -> float:
    from django.db import transaction  # noqa: PLC0415
    from django.db.models.functions import Now  # noqa: PLC0415

    from integrations.models import Check  # noqa: PLC0415
    from portal.kit import queue  # noqa: PLC0415
    from tests.benchmarks.syncing import new_connection  # noqa: PLC0415

    time.sleep(SPREAD.random())
    with transaction.atomic():
        check = Check.objects.create(connection=new_connection(), finished_at=Now())  # nothing to do
        queue.wake("connection.check", check.pk)
    began, until = time.perf_counter(), time.perf_counter() + 60
    while time.perf_counter() < until:
        if Check.objects.filter(pk=check.pk, attempts__gt=0).exists():
            return time.perf_counter() - began
        time.sleep(0.002)
    raise RuntimeError("no worker looked at the row within a minute")


def throughput(address: str, pages: Path, connections: int, processes: int) -> float:
    """Seconds in which that many processes have synced that many connections, each from nothing."""
    from tests.benchmarks.database import empty, settle  # noqa: PLC0415
    from tests.benchmarks.syncing import new_connection  # noqa: PLC0415

    empty()
    made = [str(new_connection().pk) for _ in range(connections)]
    settle()
    shares = [made[number::processes] for number in range(processes)]
    command = [sys.executable, "-m", "tests.benchmarks.workers", address, str(pages)]
    started = [
        subprocess.Popen([*command, *share], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for share in shares
    ]
    for one in started:
        _line(one)
    began = time.perf_counter()
    for one in started:
        assert one.stdin is not None
        one.stdin.write(b"go\n")
        one.stdin.flush()
    for one in started:
        _line(one)
    seconds = time.perf_counter() - began
    for one in started:
        one.communicate()
    return seconds


def _line(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    if not process.stdout.readline():
        raise RuntimeError(f"a worker ended early with {process.wait()}")


def main(address: str, pages: Path, numbers: list[int]) -> None:
    use(address)
    from integrations.models import Connection  # noqa: PLC0415
    from tests.benchmarks.syncing import sync  # noqa: PLC0415

    connections = [Connection.objects.get(pk=number) for number in numbers]
    print("ready", flush=True)
    sys.stdin.readline()
    for connection in connections:
        run = sync(connection, pages)
        assert run.change_total, run.objections
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), list(map(int, sys.argv[3:])))
