"""One line of a plan: what the directory has of a person against what it should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from integrations.engine.mapping import full_name
from integrations.people import Status

# What a change of status shows as before and after; absent people get theirs in the target.
STATUS = "status"
ACTIVE, TERMINATED, ABSENT = "active", "terminated", "absent"


class LineKind(StrEnum):
    """The first four are the kinds of change of the change log. REFRESHED touches nothing but the digest."""

    ADDED = "added"
    CHANGED = "changed"
    DEACTIVATED = "deactivated"
    RETURNED = "returned"
    REFRESHED = "refreshed"


@dataclass(frozen=True, slots=True)
class Known:
    """What the directory has of a person."""

    active: bool
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """`before` and `after` hold only what differs. `digest` is that of the record, 32 hexadecimal digits."""

    source_id: str
    kind: LineKind
    name: str
    digest: str
    before: Mapping[str, str]
    after: Mapping[str, str]


def compare(
    source_id: str, digest: str, status: Status, known: Known | None, desired: Mapping[str, str]
) -> Line | None:
    """The line for somebody who could be read, or None when there is nothing to do.

    Nobody comes in before they work here. Somebody who is in already stays while they wait for a new start.
    """
    name = full_name(desired)
    if known is None:
        if not status.works_here:
            return None
        after = {attribute: value for attribute, value in desired.items() if value}
        return Line(source_id, LineKind.ADDED, name, digest, {}, after)
    if status is Status.TERMINATED or (not known.active and not status.works_here):
        return leaving(source_id, digest, known)
    before, after = _differences(known.attributes, desired)
    if not known.active:
        return Line(source_id, LineKind.RETURNED, name, digest, before, after)
    return Line(source_id, LineKind.CHANGED if after else LineKind.REFRESHED, name, digest, before, after)


def leaving(source_id: str, digest: str, known: Known) -> Line | None:
    """The line for somebody whom the HR system calls terminated; None when they are out already."""
    if not known.active:
        return None
    before, after = {STATUS: ACTIVE}, {STATUS: TERMINATED}
    return Line(source_id, LineKind.DEACTIVATED, full_name(known.attributes), digest, before, after)


def _differences(has: Mapping[str, str], wants: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    differing = [attribute for attribute, value in wants.items() if has[attribute] != value]
    return {name: has[name] for name in differing}, {name: wants[name] for name in differing}
