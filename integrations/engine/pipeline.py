"""The engine put together, for one batch of records: identify -> (directory's look-up) -> judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import orjson

from integrations.engine import problems
from integrations.engine.diff import Known, Line, compare, leaving
from integrations.engine.mapping import AttributeMapping, full_name
from integrations.engine.normalise import usable_key
from integrations.engine.problems import Found
from integrations.people import Person, Status
from integrations.provider import Record, Unreadable


class Reader(Protocol):
    """The part of a source that needs no network."""

    def source_id(self, record: Record) -> str: ...

    def read(self, record: Record) -> Person: ...


class Keyed(NamedTuple):
    """A record whose person is known, with the digest that tells whether it has been handled before."""

    source_id: str
    digest: str
    record: Record


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


def identify(records: Iterable[Record], reader: Reader, mapping: AttributeMapping) -> Identified:
    """Who is in the answer. A record without a usable id is a problem, and a reason to miss nobody."""
    keyed: dict[str, Keyed] = {}
    found: list[Found] = []
    source_id_of, version = reader.source_id, mapping.version
    for record in records:
        try:
            source_id = source_id_of(record)
        except Unreadable as error:
            found.append(Found(problems.MISSING_ID, field=error.field, shape=error.shape))
            continue
        if not usable_key(source_id):
            found.append(Found(problems.UNUSABLE_ID, field="source_id", shape=f"{len(source_id)} characters"))
        elif source_id in keyed:
            found.append(Found(problems.DUPLICATE_ID, source_id))
        else:
            keyed[source_id] = Keyed(source_id, digest_of(record, version), record)
    return Identified(tuple(keyed.values()), tuple(found))


def judge(
    differing: Iterable[Keyed], known: Mapping[str, Known], reader: Reader, mapping: AttributeMapping
) -> Judged:
    """What to do about records that are new or changed. `known` is what the directory has, by key."""
    lines: list[Line] = []
    found: list[Found] = []
    for keyed in differing:
        line, new_problems = _judge_one(keyed, known.get(keyed.source_id), reader, mapping)
        if line:
            lines.append(line)
        found.extend(new_problems)
    return Judged(tuple(lines), tuple(found))


def _judge_one(
    keyed: Keyed, known: Known | None, reader: Reader, mapping: AttributeMapping
) -> tuple[Line | None, tuple[Found, ...]]:
    try:
        person = reader.read(keyed.record)
    except Unreadable as error:
        # Unknown is not absent: the key was seen, so whoever it is stays as they are.
        name = full_name(known.attributes) if known else ""
        return None, (Found(error.code, keyed.source_id, name, error.field, error.shape),)
    outside = known is None or not known.active
    if not person.status.works_here and outside:
        return None, ()
    if known and person.status is Status.TERMINATED:
        return leaving(keyed.source_id, keyed.digest, known), ()
    mapped = mapping.apply(person)
    if mapped.attributes is None:
        return None, mapped.problems
    return compare(keyed.source_id, keyed.digest, person.status, known, mapped.attributes), mapped.problems


def as_data(line: Line) -> dict[str, Any]:
    """A line as the work table keeps it."""
    return {
        "kind": line.kind.value,
        "name": line.name,
        "digest": line.digest,
        "before": dict(line.before),
        "after": dict(line.after),
    }
