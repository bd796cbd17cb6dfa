"""The engine put together, for one batch of records: identify -> (directory's look-up) -> judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import orjson

from integrations.engine import problems
from integrations.engine.diff import Known, Line, compare, leaving, stays
from integrations.engine.mapping import full_name
from integrations.engine.normalise import usable_key
from integrations.engine.policy import Leaving, OnLeave
from integrations.engine.problems import Found
from integrations.engine.rules import Rules
from integrations.people import EVENT_FIELD, STATUS_FIELD, Person, Status
from integrations.provider import Record, Unreadable


class Reader(Protocol):
    """The part of a source that needs no network."""

    def source_id(self, record: Record) -> str: ...

    def read(self, record: Record) -> Person: ...


class Keyed(NamedTuple):
    """A record whose person is known, with the digest that tells whether it has been handled before.

    `has_event`: the person is assigned to an event of today or later, where the vendor has events.
    """

    source_id: str
    digest: str
    record: Record
    has_event: bool = False


@dataclass(frozen=True, slots=True)
class Identified:
    """`keyed` has each key once, in the order of the answer."""

    keyed: tuple[Keyed, ...]
    problems: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    lines: tuple[Line, ...]
    problems: tuple[Found, ...]


def digest_of(record: Record, version: bytes) -> str:
    """32 hexadecimal digits over the record, whatever the order of its keys, and the mapping's version."""
    try:
        packed = orjson.dumps(record, option=orjson.OPT_SORT_KEYS, default=str)
    except TypeError:  # a lone surrogate, or a number beyond 64 bits
        packed = json.dumps(record, sort_keys=True, default=str).encode()
    return hashlib.blake2b(packed, digest_size=16, person=version).hexdigest()


def identify(
    records: Iterable[Record], reader: Reader, rules: Rules, before: Container[str] = ()
) -> Identified:
    """Who is in the answer. A record without a usable id is a problem, and a reason to miss nobody.

    `before` are the keys that came already.
    """
    keyed: dict[str, Keyed] = {}
    found: list[Found] = []
    source_id_of, version = reader.source_id, rules.version
    for record in records:
        try:
            source_id = source_id_of(record)
        except Unreadable as error:
            found.append(Found(problems.MISSING_ID, field=error.field, shape=error.shape))
            continue
        if not usable_key(source_id):
            found.append(Found(problems.UNUSABLE_ID, field="source_id", shape=f"{len(source_id)} characters"))
        elif source_id in keyed or source_id in before:
            found.append(Found(problems.DUPLICATE_ID, source_id))
        else:
            keyed[source_id] = Keyed(source_id, digest_of(record, version), record)
    return Identified(tuple(keyed.values()), tuple(found))


def with_events(keyed: Iterable[Keyed], assigned: Collection[str]) -> tuple[Keyed, ...]:
    """The same for a vendor with events: who is assigned to one has another digest than who is not."""
    return tuple(
        Keyed(one.source_id, _turned(one.digest), one.record, True) if one.source_id in assigned else one
        for one in keyed
    )


def _turned(digest: str) -> str:
    return hashlib.blake2b(digest.encode(), digest_size=16, person=EVENT_FIELD.encode()).hexdigest()


def judge(differing: Iterable[Keyed], known: Mapping[str, Known], reader: Reader, rules: Rules) -> Judged:
    """What to do about records that are new or changed. `known` is what the directory has, by key."""
    lines: list[Line] = []
    found: list[Found] = []
    for keyed in differing:
        line, new_problems = _judge_one(keyed, known.get(keyed.source_id), reader, rules)
        if line:
            lines.append(line)
        found.extend(new_problems)
    return Judged(tuple(lines), tuple(found))


def _judge_one(
    keyed: Keyed, known: Known | None, reader: Reader, rules: Rules
) -> tuple[Line | None, tuple[Found, ...]]:
    try:
        person = reader.read(keyed.record)
    except Unreadable as error:
        # Unknown is not absent: the key was seen, so whoever it is stays as they are.
        name = full_name(known.attributes) if known else error.name
        return None, (Found(error.code, keyed.source_id, name, error.field, error.shape),)
    return decide(keyed, person, known, rules)


def decide(
    keyed: Keyed, person: Person, known: Known | None, rules: Rules
) -> tuple[Line | None, tuple[Found, ...]]:
    """What to do about somebody who could be read. No line: they stay as they are, in or out."""
    is_out = known is None or not known.active
    if not person.status.works_here and is_out:
        return None, ()
    if known and person.status is Status.TERMINATED:
        return _leaving(keyed, known, Leaving.TERMINATED, rules), ()
    if rules.declined:
        person = permitted(person, rules)
    belongs = True
    # Asked in full and without a call: most connections have no filter, and this is done for everybody.
    if (rules.filter.include or rules.filter.exclude) and not is_inside(
        person, rules, has_event=keyed.has_event
    ):
        if known is None or not known.active or not _stays(known, Leaving.OUTSIDE, rules):
            return (None if known is None else _leaving(keyed, known, Leaving.OUTSIDE, rules)), ()
        belongs = False  # whoever stays nevertheless is up to date like everybody who is here
    mapped = rules.mapping.apply(person)
    if mapped.attributes is None:
        return None, mapped.problems
    line = compare(
        keyed.source_id, keyed.digest, person.status, known, mapped.attributes, rules.mapping.sometimes
    )
    return (line if belongs or line is None else line._replace(belongs=False)), mapped.problems


def permitted(person: Person, rules: Rules) -> Person:
    """The person without the fields that the customer declined."""
    kept = {name: value for name, value in person.fields.items() if name not in rules.declined}
    return Person(person.source_id, person.status, kept)


def is_inside(person: Person, rules: Rules, *, has_event: bool) -> bool:
    """Whether the filter lets in somebody of whom declined fields are gone already."""
    return rules.filter.judge(filter_fields(person, has_event=has_event)).inside


def filter_fields(person: Person, *, has_event: bool) -> Mapping[str, str]:
    """What a filter may ask about."""
    computed = {STATUS_FIELD: person.status.value}
    if has_event:
        computed[EVENT_FIELD] = "yes"
    return {**person.fields, **computed}


def _leaving(keyed: Keyed, known: Known, why: Leaving, rules: Rules) -> Line | None:
    keeps = rules.policy.on(why) is OnLeave.KEEP
    return leaving(keyed.source_id, keyed.digest, known, why, keeps=keeps)


def _stays(known: Known, why: Leaving, rules: Rules) -> bool:
    return stays(known, why, keeps=rules.policy.on(why) is OnLeave.KEEP)
