"""Which fields of a person become which attribute of the directory, and by which steps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from integrations.engine import problems
from integrations.engine.normalise import CAPS, address, capped
from integrations.engine.problems import Found
from integrations.engine.transforms import Do, Pipe, Step, pipe
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
            fields, steps = spec.get("from", ()), spec.get("steps", ())
            when = When(spec.get("when", When.ALWAYS))
        except AttributeError as error:
            raise ValueError("not a mapping") from error
        if not (isinstance(fields, list | tuple) and isinstance(steps, list | tuple)):
            raise ValueError("fields and steps are lists")
        if len(fields) > _MOST_FIELDS or not all(isinstance(one, str) and one for one in fields):
            raise ValueError(f"an attribute comes from at most {_MOST_FIELDS} fields")
        made = tuple(map(Step.from_data, steps))
        pipe(made)
        return cls(attribute, tuple(fields), made, when)

    def as_data(self) -> Spec:
        if self.is_field and self.when is When.ALWAYS:
            return self.fields[0]
        said = {"from": list(self.fields), "steps": [step.as_data() for step in self.steps]}
        return said if self.when is When.ALWAYS else {**said, "when": self.when.value}

    @property
    def is_field(self) -> bool:
        """Whether the value of one field is taken as it is."""
        return len(self.fields) == 1 and not self.steps

    @property
    def is_empty(self) -> bool:
        """Whether no value could ever come of it."""
        return not (self.fields or any(step.do is Do.CONSTANT for step in self.steps))


class Mapped(NamedTuple):
    """All attributes as the directory should show them; None when there is no usable e-mail address."""

    attributes: Mapping[str, str] | None
    problems: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """`origins` in the order of the attributes. `version` is 16 bytes that change with anything about the reading.

    `instead_of_email` is the field that is used where there is no usable e-mail address, "" for none. `sometimes` are
    the attributes that are not always overwritten.
    """

    origins: tuple[Origin, ...]
    version: bytes
    instead_of_email: str
    sometimes: Mapping[str, When] = field(repr=False, compare=False)
    # The origins once more, ready for many people: those that are just a field, the others, the e-mail address.
    _plain: tuple[tuple[str, str, int], ...] = field(repr=False, compare=False)
    _piped: tuple[tuple[str, tuple[str, ...], Pipe], ...] = field(repr=False, compare=False)
    _email: Origin = field(repr=False, compare=False)
    _email_pipe: Pipe | None = field(repr=False, compare=False)

    @classmethod
    def of(
        cls, specs: Mapping[str, Spec], *, card_version: int = 1, instead_of_email: str = ""
    ) -> AttributeMapping:
        """An attribute that is not named is always empty. Raises ValueError."""
        unknown = sorted(set(specs) - set(ATTRIBUTES))
        named = {name: Origin.of(name, specs[name]) for name in ATTRIBUTES if name in specs}
        origins = tuple(origin for origin in named.values() if not origin.is_empty)
        email = next((origin for origin in origins if origin.attribute == "email"), None)
        if unknown or email is None:
            raise ValueError(f"a mapping needs an e-mail field and known attributes; unknown: {unknown}")
        rest = [origin for origin in origins if origin is not email]
        return cls(
            origins=origins,
            version=_version(origins, card_version, instead_of_email),
            instead_of_email=instead_of_email,
            sometimes={one.attribute: one.when for one in origins if one.when is not When.ALWAYS},
            _plain=tuple((one.attribute, one.fields[0], CAPS[one.attribute]) for one in rest if one.is_field),
            _piped=tuple((one.attribute, one.fields, pipe(one.steps)) for one in rest if not one.is_field),
            _email=email,
            _email_pipe=None if email.is_field else pipe(email.steps),
        )

    def origin(self, attribute: str) -> Origin | None:
        return next((one for one in self.origins if one.attribute == attribute), None)

    @property
    def fields(self) -> frozenset[str]:
        """Every field that is read for an attribute."""
        read = frozenset(name for origin in self.origins for name in origin.fields)
        return read | {self.instead_of_email} if self.instead_of_email else read

    def apply(self, person: Person) -> Mapped:
        """What the directory should show of a person, and what stood in the way."""
        fields, result = person.fields, _NOTHING.copy()
        cut: list[tuple[str, str]] = []
        for attribute, name, cap in self._plain:
            if value := fields.get(name):
                # What nearly every value is, without a call for each: `capped` would say the same.
                if len(value) <= cap and value.isascii() and value.isprintable() and "  " not in value:
                    result[attribute] = value.strip()
                    continue
                result[attribute], shorter = capped(attribute, value)
                if shorter:
                    cut.append((attribute, value))
        for attribute, names, run in self._piped:
            if value := run([fields.get(name, "") for name in names]):
                result[attribute], shorter = capped(attribute, value)
                if shorter:
                    cut.append((attribute, value))
        if email := self._address(fields):
            result["email"] = email
            return Mapped(result, _shortened(cut, person, result)) if cut else Mapped(result)
        return Mapped(None, (self._no_address(person, full_name(result)),))

    def _address(self, fields: Mapping[str, str]) -> str | None:
        origin, run = self._email, self._email_pipe
        if run is None:
            said = fields.get(origin.fields[0])
        else:
            said = run([fields.get(name, "") for name in origin.fields])
        found = address(said) if said else None
        if found or not (instead := fields.get(self.instead_of_email)):
            return found
        return address(instead)

    def _no_address(self, person: Person, name: str) -> Found:
        """The first field that holds something is the one to correct; else the first is the one to fill."""
        fields = (*self._email.fields, self.instead_of_email)
        for one in fields:
            if said := person.fields.get(one, "").strip():
                shape = f"{len(said)} characters"
                return Found(problems.INVALID_EMAIL, person.source_id, name, one, shape)
        first = fields[0] or "email"
        code = problems.MISSING_WORK_EMAIL if first == "work_email" else problems.MISSING_EMAIL
        return Found(code, person.source_id, name, first, "nothing")


def _version(origins: tuple[Origin, ...], card_version: int, instead_of_email: str) -> bytes:
    said = [(one.attribute, one.as_data()) for one in origins]
    told = orjson.dumps([ENGINE_VERSION, card_version, instead_of_email, said], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(told, digest_size=16).digest()


def _shortened(cut: list[tuple[str, str]], person: Person, result: Mapping[str, str]) -> tuple[Found, ...]:
    name = full_name(result)
    return tuple(
        Found(
            problems.SHORTENED,
            person.source_id,
            name,
            attribute,
            f"{len(value)} characters; {CAPS[attribute]} are kept",
        )
        for attribute, value in cut
    )


def full_name(attributes: Mapping[str, str]) -> str:
    """The name for lists of changes and problems; the address or "" when there is none."""
    return f"{attributes['first_name']} {attributes['last_name']}".strip() or attributes["email"]
