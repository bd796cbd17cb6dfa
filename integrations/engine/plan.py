"""A plan as a value to be confirmed: its counts, what follows from it, and a digest that is the same only for the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from integrations.engine.diff import LineKind

# The line of somebody who changes groups and nothing else. Only plans have it: a run tells memberships one by one.
REGROUPED = "regrouped"
GROUPS = "groups"  # what such a line has before and after: the names of the groups left and joined
_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Following:
    """What comes after the people: groups, memberships joined and left, invitations, and how many of them are mailed.

    `moves` is the sum of `move_digest` over all memberships.
    """

    groups_made: int = 0
    joined: int = 0
    left_groups: int = 0
    invited: int = 0
    mailed: int = 0
    moves: int = 0

    @property
    def counts(self) -> dict[str, int]:
        found = asdict(self)
        del found["moves"]
        return found


@dataclass(frozen=True, slots=True)
class Summary:
    """People by kind of line. `digest` is 32 hexadecimal digits, whatever the order of the lines."""

    counts: Mapping[str, int]
    digest: str
    following: Following = Following()

    @property
    def affected(self) -> int:
        """Whom the plan does something to: the number that a person types to confirm it."""
        return sum(count for kind, count in self.counts.items() if kind != LineKind.REFRESHED)

    def leading_to(self, following: Following) -> Summary:
        """The plan with what follows from it, as a part of the digest."""
        # As text: a sum of digests is larger than a number in JSON may be.
        told = {name: str(value) for name, value in asdict(following).items()}
        total = int(self.digest, 16) + _number(told)
        return replace(self, digest=_hexadecimal(total), following=following)


def summarise(lines: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Summary:
    """`lines` are source_id, kind and `after`. Refreshed ones are no part of a plan."""
    counts, total = Counter[str](), 0
    for source_id, kind, after in lines:
        if kind == LineKind.REFRESHED:
            continue
        counts[str(kind)] += 1
        total += _number([source_id, kind, dict(after)])
    return Summary(counts, _hexadecimal(total))


def move_digest(source_id: str, key: str, *, joins: bool) -> int:
    """One membership as a number of 60 bits; targets.foreseen has the same as SQL."""
    told = f"{source_id}\x1f{key}\x1f{'true' if joins else 'false'}"
    return int(hashlib.sha256(told.encode()).hexdigest()[:15], 16)


def _number(told: object) -> int:
    packed = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=16).digest())


def _hexadecimal(total: int) -> str:
    return f"{total % _MODULUS:032x}"
