"""A plan as a value to be confirmed: its counts, and a digest that is the same only for the same plan."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from integrations.engine.diff import LineKind

_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Summary:
    """People by kind of line. `digest` is 32 hexadecimal digits, whatever the order of the lines."""

    counts: Mapping[LineKind, int]
    digest: str

    @property
    def affected(self) -> int:
        """Whom the plan does something to: the number that a person types to confirm it."""
        return sum(count for kind, count in self.counts.items() if kind is not LineKind.REFRESHED)


def summarise(lines: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Summary:
    """`lines` are source_id, kind and `after`. Refreshed ones are no part of a plan."""
    counts, total = Counter[LineKind](), 0
    for source_id, kind, after in lines:
        if kind == LineKind.REFRESHED:
            continue
        counts[LineKind(kind)] += 1
        packed = orjson.dumps([source_id, kind, dict(after)], option=orjson.OPT_SORT_KEYS)
        total += int.from_bytes(hashlib.blake2b(packed, digest_size=16).digest())
    return Summary(counts, f"{total % _MODULUS:032x}")
