"""Peak memory of one sync: `python -m tests.benchmarks.memory ADDRESS PEOPLE` runs it and prints MiB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.database import ROOT, use


def peak_of_a_sync(address: str, people: int) -> float:
    """MiB. A fresh process, because a process never gives its peak back."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", address, str(people)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main(address: str, people: int) -> None:
    use(address)
    # Models can be imported only once Django is set up.
    from tests.benchmarks.syncing import made, new_connection, sync  # noqa: PLC0415

    run = sync(new_connection(), made(people))
    assert run.change_total == people, run.objections
    print(_peak())


def _peak() -> float:
    """MiB. Not ru_maxrss, which a new process inherits from the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
