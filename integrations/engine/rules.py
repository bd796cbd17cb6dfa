"""Filter, mapping and policy together: everything of a connection that decides what a run does with a record."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from integrations.engine.filtering import Filter
from integrations.engine.mapping import AttributeMapping, Origin, Spec
from integrations.engine.policy import NoAddress, Policy
from integrations.people import ATTRIBUTES

_EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Rules:
    """`version` is 16 bytes in every digest of a record: with other rules each record is looked at once more.

    `declined` are fields that the customer does not let us use: they are dropped before anything else sees them.
    """

    mapping: AttributeMapping
    filter: Filter = field(default_factory=Filter)
    policy: Policy = field(default_factory=Policy)
    declined: frozenset[str] = frozenset()
    version: bytes = b""

    @classmethod
    def of(
        cls,
        card_mapping: Mapping[str, Spec],
        *,
        mapping: Mapping[str, Spec] = _EMPTY,
        filter: Mapping[str, Any] = _EMPTY,
        policy: Mapping[str, Any] = _EMPTY,
        declined: Collection[str] = (),
        card_version: int = 1,
    ) -> Rules:
        """From what a connection or a draft stores. `mapping` overrides the card's by attribute. Raises ValueError."""
        chosen = Policy.from_data(policy)
        if not isinstance(mapping, Mapping) or not isinstance(declined, Collection):
            raise ValueError("not a mapping, or no fields")
        if not all(isinstance(name, str) for name in (*mapping, *declined)):
            raise ValueError("names of attributes and fields are text")
        specs = {name: undeclined(spec, declined) for name, spec in {**card_mapping, **mapping}.items()}
        instead = "personal_email" if chosen.no_address is NoAddress.PERSONAL else ""
        mapped = AttributeMapping.of(
            specs, card_version=card_version, instead_of_email="" if instead in declined else instead
        )
        filtered = Filter.from_data(filter)
        told = orjson.dumps(
            [mapped.version.hex(), filtered.folded().as_data(), chosen.as_data(), sorted(declined)],
            option=orjson.OPT_SORT_KEYS,
        )
        version = hashlib.blake2b(told, digest_size=16).digest()
        return cls(mapped, filtered, chosen, frozenset(declined), version)

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: the same for equal rules, and for nothing else."""
        return self.version.hex()

    @property
    def groups_from_nothing(self) -> str:
        """The attribute that groups are made from, if nothing is mapped to it; "" where all is well."""
        chosen = self.policy.group_by
        return chosen if chosen in ATTRIBUTES and self.mapping.origin(chosen) is None else ""

    @property
    def fields(self) -> frozenset[str]:
        """Every field that is used for anything."""
        return self.mapping.fields | self.filter.fields


def undeclined(spec: Spec, declined: Collection[str]) -> Spec:
    """Where an attribute comes from as it works: a field that was declined is no source."""
    if isinstance(spec, str):
        return "" if spec in declined else spec
    origin = Origin.of("", spec)
    return {**spec, "from": [name for name in origin.fields if name not in declined]}
