"""One line of a plan: what the directory has of a person against what it should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from integrations.engine.mapping import When, full_name
from integrations.engine.policy import Leaving
from integrations.people import REMOVED_DOMAIN, Status

# What a change of status shows as before and after: `after` is a Leaving. Absent people get theirs in the target.
STATUS, ACTIVE = "status", "active"
_ALWAYS: Mapping[str, When] = {}


class LineKind(StrEnum):
    """All but the last are the kinds of change of the change log. REFRESHED touches nothing but the digest.

    MATCHED takes over somebody who was there already; the target finds them, not the comparison.
    """

    ADDED = "added"
    CHANGED = "changed"
    DEACTIVATED = "deactivated"
    RETURNED = "returned"
    MATCHED = "matched"
    REFRESHED = "refreshed"


@dataclass(frozen=True, slots=True)
class Known:
    """What the directory has of a person.

    `shielded`: somebody decided that no run lets them go. `kept`: the one reason of Leaving for which they must not.
    """

    active: bool
    attributes: Mapping[str, str]
    shielded: bool = False
    kept: str = ""


class Line(NamedTuple):
    """`before` and `after` hold only what differs. `digest` is that of the record, 32 hexadecimal digits.

    `belongs`: the person works here and matches the filter, so that an earlier decision to keep them is over.
    """

    source_id: str
    kind: LineKind
    name: str
    digest: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    belongs: bool = True


def compare(
    source_id: str,
    digest: str,
    status: Status,
    known: Known | None,
    desired: Mapping[str, str],
    sometimes: Mapping[str, When] = _ALWAYS,
) -> Line | None:
    """The line for somebody who could be read, who belongs in and has not left; None when there is nothing to do.

    Nobody comes in before they work here. Somebody who is in already stays while they wait for a new start.
    """
    name = full_name(desired)
    if known is None:
        if not status.works_here:
            return None
        after = {attribute: value for attribute, value in desired.items() if value}
        return Line(source_id, LineKind.ADDED, name, digest, {}, after)
    if not known.active and not status.works_here:
        return None
    if known.attributes.get("email", "").endswith(REMOVED_DOMAIN):
        sometimes = _ALWAYS  # whoever was forgotten comes back as somebody new
    before, after = _differences(known.attributes, desired, sometimes)
    if not known.active:
        return Line(source_id, LineKind.RETURNED, name, digest, before, after)
    return Line(source_id, LineKind.CHANGED if after else LineKind.REFRESHED, name, digest, before, after)


def stays(known: Known, why: Leaving, *, keeps: bool) -> bool:
    """Whether an active person stays although they would leave: the policy keeps them, or somebody decided so."""
    return keeps or known.shielded or known.kept == why


def leaving(source_id: str, digest: str, known: Known, why: Leaving, *, keeps: bool) -> Line | None:
    """The line for an active person who goes, or who is kept nevertheless; None when they are out already."""
    if not known.active:
        return None
    name = full_name(known.attributes)
    if stays(known, why, keeps=keeps):
        return Line(source_id, LineKind.REFRESHED, name, digest, {}, {}, belongs=False)
    before, after = {STATUS: ACTIVE}, {STATUS: why.value}
    return Line(source_id, LineKind.DEACTIVATED, name, digest, before, after, belongs=False)


def _differences(
    has: Mapping[str, str], wants: Mapping[str, str], sometimes: Mapping[str, When]
) -> tuple[dict[str, str], dict[str, str]]:
    differing = [attribute for attribute, value in wants.items() if has[attribute] != value]
    if sometimes:
        differing = [name for name in differing if _overwrites(sometimes.get(name), has[name])]
    return {name: has[name] for name in differing}, {name: wants[name] for name in differing}


def _overwrites(when: When | None, has: str) -> bool:
    return when is None or (when is When.EMPTY and not has)
