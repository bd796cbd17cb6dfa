"""Peak memory of one sync: `python -m tests.benchmarks.memory ADDRESS FILE` runs it and prints MiB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.database import ROOT, use


def peak_of_a_sync(address: str, path: Path) -> float:
    """MiB. A fresh process, because a process never gives its peak back."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", address, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main(address: str, path: Path) -> None:
    use(address)
    # Models can be imported only once Django is set up.
    from tests.benchmarks.syncing import new_connection, sync  # noqa: PLC0415

    sync(new_connection(), path)
    print(_peak())


def _peak() -> float:
    """MiB. Not ru_maxrss, which a new process inherits from the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
