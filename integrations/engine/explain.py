""" "Why is … (not) here?": five steps in words, and the smallest change that would alter the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from integrations.engine import problems, steps
from integrations.engine.steps import TraceStep
from integrations.engine.whatif import Facts, is_here, smallest

__all__ = ["Facts", "Trace", "TraceStep", "trace"]


@dataclass(frozen=True, slots=True)
class Trace:
    """`is_here`: the directory has them once a run has worked with these facts. `fix` is one or two sentences."""

    steps: tuple[TraceStep, ...]
    is_here: bool
    fix: str

    def as_data(self) -> dict[str, Any]:
        return {"steps": [asdict(step) for step in self.steps], "is_here": self.is_here, "fix": self.fix}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Trace:
        """The inverse of `as_data`, also after JSON."""
        steps = tuple(
            TraceStep(step["step"], step["ok"], step["words"], tuple(step["details"]))
            for step in data["steps"]
        )
        return cls(steps, data["is_here"], data["fix"])


def trace(facts: Facts) -> Trace:
    """The way of one person from the HR system's answer to the directory. No field that the rules do not use."""
    stays = is_here(facts)
    walked = (
        steps.listed(facts),
        steps.status(facts),
        steps.filtered(facts),
        steps.mapping(facts),
        steps.directory(facts, stays),
    )
    return Trace(walked, stays, _fix(facts, stays))


def _fix(facts: Facts, stays: bool) -> str:
    if stays:
        they, when = "They leave", "as soon as"
    else:
        they, when = ("They stay", "if") if facts.was_here else ("They come in", "as soon as")
    if found := smallest(facts):
        return f"{they} " + ", or ".join(f"{when} {change.words}" for change in found[:2]) + "."
    if facts.unreadable and not stays:
        return problems.words(facts.unreadable).remedy
    if facts.unreadable:
        return "Nothing alters it until their record can be read; until then they stay as they are."
    if facts.person is None:
        return f"{they} {when} the HR system lists them for this connection as somebody who works there."
    return "More than two things would have to change: begin with the first step that says no."
