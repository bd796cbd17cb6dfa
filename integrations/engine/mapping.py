"""Which field of a person becomes which attribute of the directory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from integrations.engine import problems
from integrations.engine.normalise import CAPS, address, capped
from integrations.engine.problems import Found
from integrations.people import ATTRIBUTES, Person

_NOTHING = dict.fromkeys(ATTRIBUTES, "")
# Rises when normalising or mapping itself changes, so that every record is looked at once more.
ENGINE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Mapped:
    """All attributes as the directory should show them; None when there is no usable e-mail address."""

    attributes: Mapping[str, str] | None
    problems: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """`pairs` are attribute and field. `version` is 16 bytes that change with anything about the reading."""

    pairs: tuple[tuple[str, str], ...]
    version: bytes

    @classmethod
    def of(cls, fields: Mapping[str, str], *, card_version: int = 1) -> AttributeMapping:
        """`fields` is attribute -> field; an attribute with no field is always empty. Raises ValueError."""
        unknown = sorted(set(fields) - set(ATTRIBUTES))
        if unknown or not fields.get("email"):
            raise ValueError(f"a mapping needs an e-mail field and known attributes; unknown: {unknown}")
        pairs = tuple((name, fields[name]) for name in ATTRIBUTES if fields.get(name))
        told = orjson.dumps([ENGINE_VERSION, card_version, pairs])
        return cls(pairs, hashlib.blake2b(told, digest_size=16).digest())

    def apply(self, person: Person) -> Mapped:
        """What the directory should show of a person, and what stood in the way."""
        found: list[Found] = []
        result = _NOTHING.copy()
        fields = person.fields
        for attribute, field in self.pairs:
            value = fields.get(field)
            if not value:
                continue
            if attribute == "email":
                result["email"] = address(value) or ""
                continue
            result[attribute], cut = capped(attribute, value)
            if cut:
                shape = f"{len(value)} characters; {CAPS[attribute]} are kept"
                found.append(Found(problems.SHORTENED, person.source_id, "", attribute, shape))
        if not result["email"]:
            return Mapped(None, (self._no_address(person, full_name(result)),))
        if not found:
            return Mapped(result)
        name = full_name(result)
        return Mapped(result, tuple(Found(f.code, f.source_id, name, f.field, f.shape) for f in found))

    def _no_address(self, person: Person, name: str) -> Found:
        field = dict(self.pairs)["email"]
        if value := (person.fields.get(field) or "").strip():
            return Found(problems.INVALID_EMAIL, person.source_id, name, field, f"{len(value)} characters")
        code = problems.MISSING_WORK_EMAIL if field == "work_email" else problems.MISSING_EMAIL
        return Found(code, person.source_id, name, field, "nothing")


def full_name(attributes: Mapping[str, str]) -> str:
    """The name for lists of changes and problems; the address or "" when there is none."""
    return f"{attributes['first_name']} {attributes['last_name']}".strip() or attributes["email"]
