"""Where the time of a run goes: seconds by stage, added up over its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Monotonic = Callable[[], float]


@dataclass
class Stopwatch:
    """A stage inside another one stops the outer one's time meanwhile."""

    clock: Monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
    _since: float = 0.0

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        outer = self._turn_to(stage)
        try:
            yield
        finally:
            self._turn_to(outer)

    def told(self) -> dict[str, float]:
        """Seconds by stage until now, to the millisecond."""
        self._turn_to(self._stage)
        return {stage: round(seconds, 3) for stage, seconds in self.seconds.items()}

    def _turn_to(self, stage: str) -> str:
        now, was = self.clock(), self._stage
        if was:
            self.seconds[was] = self.seconds.get(was, 0.0) + now - self._since
        self._stage, self._since = stage, now
        return was
