"""`python -m tests.benchmarks [--people N] [--rounds N] [--scale N]`: the table of figures; exit code 1 on a miss."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.database import bench_database
from tests.benchmarks.figures import report
from tests.benchmarks.measuring import measure


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=int, default=0, help="also this many people once, such as 1000000")
    options = parser.parse_args()
    # A developer's shell must not choose another system to talk to.
    os.environ.pop("SANDBOX_URL", None)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, bench_database():
        figures = measure(Path(folder), options.people, options.rounds, scale=options.scale)
    print(report(figures))
    print(f"\n{time.perf_counter() - began:.0f} s in all")
    return 0 if figures.hold else 1


if __name__ == "__main__":
    sys.exit(main())
