"""When an item is required: a small predicate tree over answers. Evaluated on the server, stored as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Answers = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Always:
    def holds(self, answers: Answers) -> bool:
        return True

    def as_data(self) -> dict[str, Any]:
        return {"always": True}


@dataclass(frozen=True, slots=True)
class Never:
    """Optional: asked, but nobody waits for it."""

    def holds(self, answers: Answers) -> bool:
        return False

    def as_data(self) -> dict[str, Any]:
        return {"always": False}


@dataclass(frozen=True, slots=True)
class Is:
    """The answer to `item` equals `value`. An open question never holds."""

    item: str
    value: str | bool

    def holds(self, answers: Answers) -> bool:
        return bool(answers.get(self.item) == self.value)

    def as_data(self) -> dict[str, Any]:
        return {"item": self.item, "is": self.value}


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Condition, ...]

    def holds(self, answers: Answers) -> bool:
        return all(part.holds(answers) for part in self.parts)

    def as_data(self) -> dict[str, Any]:
        return {"all": [part.as_data() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Any_:
    parts: tuple[Condition, ...]

    def holds(self, answers: Answers) -> bool:
        return any(part.holds(answers) for part in self.parts)

    def as_data(self) -> dict[str, Any]:
        return {"any": [part.as_data() for part in self.parts]}


Condition = Always | Never | Is | All | Any_
ALWAYS, NEVER = Always(), Never()


def from_data(data: Mapping[str, Any]) -> Condition:
    """The inverse of `as_data`. Raises KeyError for a tree that no version of ours wrote."""
    if "always" in data:
        return ALWAYS if data["always"] else NEVER
    if "all" in data:
        return All(tuple(from_data(part) for part in data["all"]))
    if "any" in data:
        return Any_(tuple(from_data(part) for part in data["any"]))
    return Is(data["item"], data["is"])
