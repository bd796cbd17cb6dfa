"""Which fields of a person become which attribute of the directory, and by which steps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from integrations.engine import problems
from integrations.engine.normalise import CAPS, address, capped
from integrations.engine.problems import Found
from integrations.engine.transforms import Pipe, Step, pipe
from integrations.people import ATTRIBUTES, Person

_NOTHING = dict.fromkeys(ATTRIBUTES, "")
# Rises when normalising or mapping itself changes, so that every record is looked at once more.
ENGINE_VERSION = 2
_MOST_FIELDS = 10

Spec = str | Mapping[str, Any]


class When(StrEnum):
    """ALWAYS overwrites; NEW only fills people who come in; EMPTY only fills what the directory does not have."""

    ALWAYS = "always"
    NEW = "new"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one attribute comes from. No steps: the first field that is not empty."""

    attribute: str
    fields: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    when: When = When.ALWAYS

    @classmethod
    def of(cls, attribute: str, spec: Spec) -> Origin:
        """`spec` is a field, or {"from": [fields], "steps": [steps], "when": a When}. Raises ValueError."""
        if isinstance(spec, str):
            return cls(attribute, (spec,) if spec else ())
        try:
            fields = tuple(spec.get("from", ()))
            steps = tuple(Step.from_data(step) for step in spec.get("steps", ()))
            when = When(spec.get("when", When.ALWAYS))
        except (AttributeError, TypeError) as error:
            raise ValueError("not a mapping") from error
        if len(fields) > _MOST_FIELDS or not all(isinstance(one, str) and one for one in fields):
            raise ValueError(f"an attribute comes from at most {_MOST_FIELDS} fields")
        pipe(steps)
        return cls(attribute, fields, steps, when)

    def as_data(self) -> Spec:
        if len(self.fields) == 1 and not self.steps and self.when is When.ALWAYS:
            return self.fields[0]
        said = {"from": list(self.fields), "steps": [step.as_data() for step in self.steps]}
        return said if self.when is When.ALWAYS else {**said, "when": self.when.value}

    @property
    def is_empty(self) -> bool:
        return not (self.fields or self.steps)


@dataclass(frozen=True, slots=True)
class Mapped:
    """All attributes as the directory should show them; None when there is no usable e-mail address."""

    attributes: Mapping[str, str] | None
    problems: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """`origins` in the order of the attributes. `version` is 16 bytes that change with anything about the reading.

    `instead_of_email` is the field that is used where the e-mail address is missing, "" for none.
    """

    origins: tuple[Origin, ...]
    version: bytes
    instead_of_email: str = ""
    _plain: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)
    _piped: tuple[tuple[str, tuple[str, ...], Pipe], ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def of(
        cls, specs: Mapping[str, Spec], *, card_version: int = 1, instead_of_email: str = ""
    ) -> AttributeMapping:
        """An attribute that is not named is always empty. Raises ValueError."""
        unknown = sorted(set(specs) - set(ATTRIBUTES))
        found = {name: Origin.of(name, specs[name]) for name in ATTRIBUTES if name in specs}
        origins = tuple(origin for origin in found.values() if not origin.is_empty)
        if unknown or not any(origin.attribute == "email" for origin in origins):
            raise ValueError(f"a mapping needs an e-mail field and known attributes; unknown: {unknown}")
        told = orjson.dumps(
            [ENGINE_VERSION, card_version, instead_of_email, [(o.attribute, o.as_data()) for o in origins]]
        )
        plain = tuple((o.attribute, o.fields[0]) for o in origins if len(o.fields) == 1 and not o.steps)
        piped = tuple(
            (o.attribute, o.fields, pipe(o.steps))
            for o in origins
            if not (len(o.fields) == 1 and not o.steps)
        )
        version = hashlib.blake2b(told, digest_size=16).digest()
        return cls(origins, version, instead_of_email, plain, piped)

    def origin(self, attribute: str) -> Origin | None:
        return next((one for one in self.origins if one.attribute == attribute), None)

    @property
    def fields(self) -> frozenset[str]:
        """Every field that is read for an attribute."""
        return frozenset(name for origin in self.origins for name in origin.fields) | (
            {self.instead_of_email} if self.instead_of_email else set()
        )

    @property
    def sometimes(self) -> Mapping[str, When]:
        """The attributes that are not always overwritten."""
        return {one.attribute: one.when for one in self.origins if one.when is not When.ALWAYS}

    def apply(self, person: Person) -> Mapped:
        """What the directory should show of a person, and what stood in the way."""
        found: list[Found] = []
        result = _NOTHING.copy()
        fields = person.fields
        for attribute, name in self._plain:
            if value := fields.get(name):
                self._put(result, attribute, value, person, found)
        for attribute, names, run in self._piped:
            if value := run([fields.get(name, "") for name in names]):
                self._put(result, attribute, value, person, found)
        if not result["email"] and (instead := fields.get(self.instead_of_email)):
            result["email"] = address(instead) or ""
        if not result["email"]:
            return Mapped(None, (self._no_address(person, full_name(result)),))
        if not found:
            return Mapped(result)
        name = full_name(result)
        return Mapped(result, tuple(Found(f.code, f.source_id, name, f.field, f.shape) for f in found))

    @staticmethod
    def _put(result: dict[str, str], attribute: str, value: str, person: Person, found: list[Found]) -> None:
        if attribute == "email":
            result["email"] = address(value) or ""
            return
        result[attribute], cut = capped(attribute, value)
        if cut:
            shape = f"{len(value)} characters; {CAPS[attribute]} are kept"
            found.append(Found(problems.SHORTENED, person.source_id, "", attribute, shape))

    def _no_address(self, person: Person, name: str) -> Found:
        origin = self.origin("email")
        fields = origin.fields if origin else ()
        said = next((value for one in fields if (value := person.fields.get(one, "").strip())), "")
        field_name = fields[0] if fields else "email"
        if said:
            return Found(
                problems.INVALID_EMAIL, person.source_id, name, field_name, f"{len(said)} characters"
            )
        code = problems.MISSING_WORK_EMAIL if field_name == "work_email" else problems.MISSING_EMAIL
        return Found(code, person.source_id, name, field_name, "nothing")


def full_name(attributes: Mapping[str, str]) -> str:
    """The name for lists of changes and problems; the address or "" when there is none."""
    return f"{attributes['first_name']} {attributes['last_name']}".strip() or attributes["email"]
