""" "Why is … (not) here?": five steps in words, and the smallest change that would alter the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.engine import problems, steps
from integrations.engine.saying import as_data, from_data, say
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
        return {
            "steps": [step.as_data() for step in self.steps],
            "is_here": self.is_here,
            "fix": as_data(self.fix),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Trace:
        """The inverse of `as_data`, also after JSON."""
        return cls(tuple(map(TraceStep.from_data, data["steps"])), data["is_here"], from_data(data["fix"]))


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
    if found := smallest(facts):
        return _altered(facts, stays, [change.words for change in found[:2]])
    if facts.unreadable and not stays:
        return say(problems.words(facts.unreadable).remedy)
    if facts.unreadable:
        return say("Nothing alters it until their record can be read; until then they stay as they are.")
    if facts.person is None:
        listed = say("the HR system lists them for this connection as somebody who works there")
        return _altered(facts, stays, [listed])
    return say("More than two things would have to change: begin with the first step that says no.")


def _altered(facts: Facts, stays: bool, ways: Sequence[str]) -> str:
    """One way, or one of two, to what is not so now."""
    one, other = ways[0], ways[-1]
    if stays and len(ways) > 1:
        return say("They leave as soon as %(one)s, or as soon as %(other)s.", one=one, other=other)
    if stays:
        return say("They leave as soon as %(one)s.", one=one)
    if facts.was_here and len(ways) > 1:
        return say("They stay if %(one)s, or if %(other)s.", one=one, other=other)
    if facts.was_here:
        return say("They stay if %(one)s.", one=one)
    if len(ways) > 1:
        return say("They come in as soon as %(one)s, or as soon as %(other)s.", one=one, other=other)
    return say("They come in as soon as %(one)s.", one=one)
