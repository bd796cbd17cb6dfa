"""What was measured against which limit, and the table that is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

FIRST, UNCHANGED, DAY = "first load", "unchanged re-sync", "1 % new, 1 % changed, 1 % gone"
BARE, READ = "plain COPY into an indexed table", "reading, parsing and hashing alone"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, and of processor time of this process and of its database server's."""

    wall: float
    cpu: float

    def __truediv__(self, other: Cost) -> Cost:
        """How many times as much."""
        return Cost(self.wall / other.wall, self.cpu / other.cpu)

    @classmethod
    def median(cls, costs: Sequence[Cost]) -> Cost:
        return cls(median(one.wall for one in costs), median(one.cpu for one in costs))


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` must not exceed `limit`, or with `at_least` not fall short of it; both in `unit`.

    One that is not `judged` is only shown.
    """

    name: str
    value: float
    limit: float
    unit: str
    judged: bool = True
    at_least: bool = False

    @property
    def holds(self) -> bool:
        return not self.judged or (self.value >= self.limit if self.at_least else self.value <= self.limit)

    @property
    def verdict(self) -> str:
        if not self.judged:
            return "not judged"
        return "pass" if self.holds else "FAIL"


@dataclass
class Figures:
    people: int
    figures: list[Figure] = field(default_factory=list)
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    ratios: dict[str, list[Cost]] = field(default_factory=dict)
    profiles: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def hold(self) -> bool:
        return all(figure.holds for figure in self.figures)

    def note(self, name: str, cost: Cost) -> Cost:
        self.costs.setdefault(name, []).append(cost)
        return cost

    def compare(self, name: str, cost: Cost, *around: Cost) -> None:
        """With what was measured just before and after: a shared machine is twice as fast in one minute as in the next."""
        self.ratios.setdefault(name, []).extend([cost / other for other in around])

    def middle(self, name: str) -> Cost:
        """The medians of all rounds."""
        return Cost.median(self.costs[name])

    def ratio(self, name: str) -> Cost:
        return Cost.median(self.ratios[name])


def report(result: Figures) -> str:
    lines = [f"{result.people:,} people", ""]
    for name, costs in result.costs.items():
        walls, middle = [cost.wall for cost in costs], result.middle(name)
        spread = f"({min(walls):.2f} to {max(walls):.2f} s)"
        lines.append(f"  {name:<52}{middle.wall:8.2f} s  {spread}, processor {middle.cpu:.2f} s")
    lines.append("")
    lines += [
        f"  {one.name:<52}{one.value:8.2f} {one.unit:<4} limit {one.limit:g}  {one.verdict}"
        for one in result.figures
    ]
    for title, seconds in result.profiles.items():
        lines += ["", f"  where the time goes: {title}"]
        lines += [
            f"    {name:<54}{value:7.2f} s" for name, value in sorted(seconds.items(), key=lambda p: -p[1])
        ]
    return "\n".join(lines)
