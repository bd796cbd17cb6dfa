"""The fixed form of an entry, over which its digest is taken. It must come out of the database as it went in."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from portal.audit.models import Entry

# PostgreSQL keeps neither NUL nor half of a surrogate pair.
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")
_LONGEST_INTEGER = 2**63


def plain(value: Any) -> Any:
    """`value` as JSON that PostgreSQL gives back unchanged: text, whole numbers, booleans, null, lists and objects.

    jsonb writes a fraction in a form of its own (1e16 comes back as a whole number), so that one is kept as text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < _LONGEST_INTEGER:
        return int(value)
    if isinstance(value, Mapping):
        return {plain_text(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(each) for each in value), key=str)
    return plain_text(value)


def plain_text(value: object, most: int | None = None) -> str:
    """Text that the database can keep, at most `most` characters of it."""
    return _UNKEEPABLE.sub("\ufffd", str(value))[:most]


def digest_of(entry: Entry) -> bytes:
    """SHA-256 over the entry's facts in one fixed form, and over the digest before it."""
    facts = [
        entry.chain.name,
        entry.number,
        entry.at.isoformat(timespec="microseconds"),
        entry.action,
        entry.actor_id,
        entry.actor,
        entry.subject,
        entry.details,
        entry.address,
        entry.request_id,
    ]
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(bytes(entry.previous) + text.encode()).digest()
