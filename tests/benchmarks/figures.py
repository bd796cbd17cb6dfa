"""What is measured, its limits (issue "Foundation", Speed and memory), and the table that is printed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks.database import empty, settle
from tests.benchmarks.memory import peak_of_a_sync
from tests.benchmarks.recording import record_pages

FEW = 1_000
BUSY = 1.3
FIRST, UNCHANGED = "first load", "unchanged re-sync"
COPY, BARE = "plain COPY into the directory's table", "… without foreign keys, for comparison"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, and of processor time of this process and of its database server's."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` must not exceed `limit`; both in `unit`. One that is not `judged` is only shown."""

    name: str
    value: float
    limit: float
    unit: str
    judged: bool = True

    @property
    def holds(self) -> bool:
        return not self.judged or self.value <= self.limit

    @property
    def verdict(self) -> str:
        if not self.judged:
            return "not judged: the machine was busy"
        return "pass" if self.holds else "FAIL"


@dataclass
class Figures:
    people: int
    figures: list[Figure] = field(default_factory=list)
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    profiles: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def hold(self) -> bool:
        return all(figure.holds for figure in self.figures)

    def middle(self, name: str) -> Cost:
        """The medians of all rounds."""
        costs = self.costs[name]
        return Cost(median(one.wall for one in costs), median(one.cpu for one in costs))


def measure(folder: Path, people: int, rounds: int) -> Figures:
    # The sandbox and the models can be imported only once Django is set up.
    from portal.sandbox.vendors.adp import adp_pages  # noqa: PLC0415
    from portal.sandbox.world import World  # noqa: PLC0415
    from tests.benchmarks.syncing import asked_fields  # noqa: PLC0415

    many, few = folder / "many", folder / "few"
    selected = asked_fields()
    record_pages(many, adp_pages(World(people), selected=selected))
    record_pages(few, adp_pages(World(FEW), selected=selected))
    result = Figures(people)
    for _ in range(rounds):
        _measure_round(result, many)
    copy = result.middle(COPY)
    # A COPY that had to wait for a processor says that others had them; then the clock measures the others.
    alone = copy.wall <= BUSY * copy.cpu
    for name, limit in (FIRST, 6.0), (UNCHANGED, 2.0):
        cost = result.middle(name)
        result.figures.append(Figure(f"{name} ÷ plain COPY, processor", cost.cpu / copy.cpu, limit, "×"))
        result.figures.append(Figure(f"{name} ÷ plain COPY, clock", cost.wall / copy.wall, limit, "×", alone))
    _profile(result, many)
    growth = _peak(many) - _peak(few)
    result.figures.append(Figure(f"memory growth, {FEW:,} to {people:,} people", growth, 40.0, "MiB"))
    result.figures += _list_figures()
    return result


def _list_figures() -> list[Figure]:
    from tests.benchmarks.pages import FEW, MANY, list_costs  # noqa: PLC0415

    few, many = list_costs()
    return [
        Figure(f"requests list, {MANY:,} requests: queries", many.queries, 25, "queries"),
        Figure(f"… more queries than with {FEW}", many.queries - few.queries, 0, "queries"),
        Figure(f"… its time ÷ that with {FEW}", many.seconds / few.seconds, 3, "×"),
    ]


def _measure_round(result: Figures, pages: Path) -> None:
    from tests.benchmarks.syncing import cost_of, new_connection, plain_copies, sync  # noqa: PLC0415

    empty()
    settle()
    connection = new_connection()
    for name in (FIRST, UNCHANGED):
        cost = cost_of(lambda: sync(connection, pages))
        result.costs.setdefault(name, []).append(cost)
        run = connection.runs.latest("pk")
        assert (run.outcome, run.change_total > 0) == ("applied", name == FIRST), run.objections
        settle()
    for name, cost in zip((COPY, BARE), plain_copies(), strict=True):
        result.costs.setdefault(name, []).append(cost)


def _profile(result: Figures, pages: Path) -> None:
    from tests.benchmarks.syncing import Profile, engine_seconds, new_connection  # noqa: PLC0415

    empty()
    settle()
    connection = new_connection()
    result.profiles[FIRST] = Profile(connection, pages).seconds
    settle()
    result.profiles[UNCHANGED] = Profile(connection, pages).seconds
    result.profiles["pure parts, timed alone"] = engine_seconds(pages)


def _peak(pages: Path) -> float:
    empty()
    settle()
    return peak_of_a_sync(os.environ["DATABASE_URL"], pages)


def report(result: Figures) -> str:
    lines = [f"{result.people:,} people", ""]
    for name, costs in result.costs.items():
        walls, middle = [cost.wall for cost in costs], result.middle(name)
        spread = f"({min(walls):.2f} to {max(walls):.2f} s)"
        lines.append(f"  {name:<42}{middle.wall:8.2f} s  {spread}, processor {middle.cpu:.2f} s")
    lines.append("")
    lines += [
        f"  {one.name:<42}{one.value:8.2f} {one.unit:<4} limit {one.limit:g}  {one.verdict}"
        for one in result.figures
    ]
    for title, seconds in result.profiles.items():
        lines += ["", f"  where the time goes: {title}"]
        lines += [
            f"    {name:<44}{value:7.2f} s" for name, value in sorted(seconds.items(), key=lambda p: -p[1])
        ]
    return "\n".join(lines)
