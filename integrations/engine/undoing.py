"""Undoing a run: what its change log says and what is there now become the lines that lead back to before it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import orjson

from integrations.engine.diff import ACTIVE, STATUS, LineKind
from integrations.people import ATTRIBUTES

CONFLICTS_NAMED = 25


class Does(StrEnum):
    """What a line of the undoing does to a person."""

    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    RESTORE = "restore"
    HAND_BACK = "hand_back"
    REGROUP = "regroup"


class Because(StrEnum):
    """Why something is left as it is."""

    GONE = "gone"  # nobody is there any more, or another connection looks after them
    PROTECTED = "protected"
    SINCE = "since"  # a later run, or a person, let them leave or come back
    VALUE = "value"  # an attribute has another value by now
    ADDRESS = "address"  # somebody else has the e-mail address by now
    TAKEN = "taken"  # the former owner cannot take the person back


@dataclass(frozen=True, slots=True)
class Moved:
    """What the run did to one membership. `by_hand`: it undid what somebody had done here."""

    group: int
    joined: bool
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What the run did to one person; `kind` None when it touched nothing but groups."""

    source_id: str
    name: str
    kind: LineKind | None = None
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Present:
    """What is there now. `turned`: they left or came back after that run. `returnable`: to the former owner.

    `address_taken`: somebody whom that run did not touch has the e-mail address that they would have again.
    """

    active: bool
    attributes: Mapping[str, str]
    groups: frozenset[int] = frozenset()
    protected: bool = False
    turned: bool = False
    returnable: bool = True
    address_taken: bool = False


@dataclass(frozen=True, slots=True)
class Back:
    """One line of the undoing. `before` is the present, `after` what will be; `joins` says of a group whether by hand."""

    source_id: str
    name: str
    does: Does
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    joins: Mapping[int, bool] = field(default_factory=dict)
    leaves: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that is left alone. With an `attribute` it is that alone; `has` and `wants` are its values."""

    source_id: str
    name: str
    because: Because
    attribute: str = ""
    has: str = ""
    wants: str = ""


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What the undoing of a run comes to. `conflicts` are the first of the `left_alone`.

    `digest` is 32 hexadecimal digits, another one as soon as anything would be done, or left, differently.
    """

    counts: Mapping[Does, int]
    left_alone: int
    conflicts: tuple[Conflict, ...]
    digest: str

    @property
    def affected(self) -> int:
        """Whom the undoing does something to: the number that a person types to confirm it."""
        return sum(self.counts.values())


class Tally:
    """Adds up what is done to one person after the other: its memory does not grow with the plan."""

    def __init__(self) -> None:
        self._counts = Counter[Does]()
        self._left_alone = 0
        self._conflicts: list[Conflict] = []
        self._hashed = hashlib.blake2b(digest_size=16)

    def add(self, line: Back | None, conflicts: tuple[Conflict, ...]) -> None:
        if line:
            self._counts[line.does] += 1
            self._hashed.update(_packed(line))
        for one in conflicts:
            self._hashed.update(orjson.dumps([one.source_id, one.because, one.attribute, one.has, one.wants]))
        self._left_alone += len(conflicts)
        self._conflicts.extend(conflicts[: CONFLICTS_NAMED - len(self._conflicts)])

    def plan(self) -> UndoPlan:
        return UndoPlan(
            dict(self._counts), self._left_alone, tuple(self._conflicts), self._hashed.hexdigest()
        )


def reverse(done: Done, present: Present | None) -> tuple[Back | None, tuple[Conflict, ...]]:
    """The way back for one person, and what stands in it."""
    why = Because.GONE if present is None else _refusal(done, present)
    if present is None or why:
        return None, ((Conflict(done.source_id, done.name, why),) if why else ())
    goes = done.kind in (LineKind.ADDED, LineKind.RETURNED) or _was_out(done)
    values, conflicts = _former_values(done, present)
    leaves = present.groups if goes else _joined(done) & present.groups
    joins = {} if goes else _left(done, present)
    if not (_turns(done) or values or leaves or joins):
        return None, conflicts
    before = {name: present.attributes[name] for name in values}
    return Back(done.source_id, done.name, _does(done, values), before, values, joins, leaves), conflicts


def _was_out(done: Done) -> bool:
    """Whether whoever was taken over had left before, so that the way back deactivates them."""
    return done.kind is LineKind.MATCHED and done.before.get(STATUS) != ACTIVE


def _refusal(done: Done, present: Present) -> Because | None:
    """Why the whole person is left alone."""
    match done.kind:
        case LineKind.ADDED | LineKind.RETURNED:
            if present.turned or not present.active:
                return Because.SINCE
            return Because.PROTECTED if present.protected else None
        case LineKind.DEACTIVATED:
            if present.turned or present.active:
                return Because.SINCE
            return Because.ADDRESS if present.address_taken else None
        case LineKind.MATCHED:
            if present.turned or not present.active:
                return Because.SINCE
            if present.protected and _was_out(done):
                return Because.PROTECTED
            return None if present.returnable else Because.TAKEN
        case _:
            return None if present.active and not present.turned else Because.SINCE


def _former_values(done: Done, present: Present) -> tuple[dict[str, str], tuple[Conflict, ...]]:
    """Values go back where nobody has changed them since. Whoever came in new keeps theirs, for a return."""
    values: dict[str, str] = {}
    conflicts: list[Conflict] = []
    if done.kind is LineKind.ADDED:
        return values, ()
    for name in ATTRIBUTES:
        if name not in done.before and name not in done.after:
            continue
        has, wants = present.attributes[name], done.before.get(name, "")
        if has == wants:
            continue
        why = Because.VALUE if has != done.after.get(name, "") else None
        if name == "email" and present.address_taken:
            why = why or Because.ADDRESS
        if why:
            conflicts.append(Conflict(done.source_id, done.name, why, name, has, wants))
        else:
            values[name] = wants
    return values, tuple(conflicts)


def _joined(done: Done) -> frozenset[int]:
    return frozenset(one.group for one in done.moved if one.joined)


def _left(done: Done, present: Present) -> dict[int, bool]:
    return {
        one.group: one.by_hand for one in done.moved if not one.joined and one.group not in present.groups
    }


def _turns(done: Done) -> bool:
    return done.kind not in (None, LineKind.CHANGED)


def _does(done: Done, values: Mapping[str, str]) -> Does:
    match done.kind:
        case LineKind.ADDED | LineKind.RETURNED:
            return Does.DEACTIVATE
        case LineKind.DEACTIVATED:
            return Does.REACTIVATE
        case LineKind.MATCHED:
            return Does.HAND_BACK
        case _:
            return Does.RESTORE if values else Does.REGROUP


def _packed(line: Back) -> bytes:
    joins = sorted(line.joins.items())
    told = [line.source_id, line.does, dict(line.before), dict(line.after), joins, sorted(line.leaves)]
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
