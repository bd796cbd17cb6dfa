"""What was measured against which limit, and the table that is printed."""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST, UNCHANGED, DAY = "first load", "unchanged re-sync", "1 % new, 1 % changed, 1 % gone"
COPY, BARE = "plain COPY into the directory's table", "… without foreign keys, for comparison"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, and of processor time of this process and of its database server's."""

    wall: float
    cpu: float


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
    profiles: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def hold(self) -> bool:
        return all(figure.holds for figure in self.figures)

    def best(self, name: str) -> Cost:
        """The least of all rounds: whatever else the machine does only ever adds, to some rounds more than to others."""
        costs = self.costs[name]
        return Cost(min(one.wall for one in costs), min(one.cpu for one in costs))


def report(result: Figures) -> str:
    lines = [f"{result.people:,} people", ""]
    for name, costs in result.costs.items():
        best, worst = result.best(name), max(cost.wall for cost in costs)
        lines.append(f"  {name:<52}{best.wall:8.2f} s  (to {worst:.2f} s), processor {best.cpu:.2f} s")
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
