"""Groups and invitations of a rehearsal: in memory what targets.foreseen asks the database for a real plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from integrations.engine.diff import Known, Line, LineKind
from integrations.engine.mapping import full_name
from integrations.engine.plan import GROUPS, REGROUPED, Following, move_digest
from integrations.engine.policy import BY_EVENT, Policy
from integrations.models import Connection, Group, Invitation, InvitationState, Membership

_COMES = (LineKind.ADDED, LineKind.RETURNED)
_LONGEST_KEY = 200


class Move(NamedTuple):
    """Somebody who only changes groups: the names of the groups they leave and join."""

    source_id: str
    name: str
    left: str
    joined: str

    @property
    def summary(self) -> tuple[str, str, Mapping[str, str]]:
        return self.source_id, REGROUPED, {GROUPS: self.joined}


class _Place(NamedTuple):
    """A membership as it is. `is_ours`: of the connection and by the attribute that groups are made from now."""

    key: str
    name: str
    is_ours: bool


@dataclass
class Gathering:
    """Adds batches of people up. A file knows no events: with groups made from these, only invitations can be told."""

    connection: Connection
    policy: Policy
    moves: list[Move] = field(default_factory=list)
    most: int = 200
    _joined: int = 0
    _left: int = 0
    _invited: int = 0
    _digest: int = 0
    _wanted: set[str] = field(default_factory=set)

    @property
    def tells_groups(self) -> bool:
        return self.policy.group_by != BY_EVENT

    def following(self) -> Following:
        own = Group.objects.filter(connection=self.connection, source=self.policy.group_by)
        made = len(self._wanted - set(own.values_list("key", flat=True))) if self._wanted else 0
        mailed = self._invited if self.policy.mails else 0
        return Following(made, self._joined, self._left, self._invited, mailed, self._digest)

    def take(self, known: Mapping[str, Known], lines: Sequence[Line]) -> Iterator[Move]:
        """Gives whoever of this batch changes groups and nothing else."""
        by_key = {line.source_id: line for line in lines if line.kind is not LineKind.REFRESHED}
        if self.policy.invites:
            self._invite([line.source_id for line in by_key.values() if line.kind in _COMES])
        if not self.tells_groups:
            return
        places = self._places(list(known))
        for key in {**known, **by_key}:
            line = by_key.get(key)
            move = self._moved(key, known.get(key), line, places.get(key, ()))
            if move is not None and line is None:
                if len(self.moves) < self.most:
                    self.moves.append(move)
                yield move

    def _moved(
        self, key: str, known: Known | None, line: Line | None, places: Sequence[_Place]
    ) -> Move | None:
        wanted = self._group_of(known, line)
        stays = any(place.is_ours and place.key == wanted for place in places)
        left = [place for place in places if not (place.is_ours and place.key == wanted)]
        joins = bool(wanted) and not stays
        if wanted:
            self._wanted.add(wanted)
        if not (joins or left):
            return None
        self._joined += joins
        self._left += len(left)
        self._digest += sum(move_digest(key, place.key, joins=False) for place in left)
        self._digest += move_digest(key, wanted, joins=True) if joins else 0
        names = ", ".join(sorted(place.name for place in left))
        return Move(key, full_name(known.attributes) if known else "", names, wanted if joins else "")

    def _group_of(self, known: Known | None, line: Line | None) -> str:
        """The key of the group that they should be in; "" for none."""
        active = line.kind is not LineKind.DEACTIVATED if line else bool(known and known.active)
        if not active:
            return ""
        values = {**(known.attributes if known else {}), **(line.after if line else {})}
        return values.get(self.policy.group_by, "")[:_LONGEST_KEY]

    def _places(self, keys: Sequence[str]) -> Mapping[str, Sequence[_Place]]:
        found = defaultdict[str, list[_Place]](list)
        rows = Membership.objects.filter(person__connection=self.connection, person__source_id__in=keys)
        names = ("person__source_id", "group__key", "group__name", "group__source", "group__connection")
        for key, group, name, source, connection in rows.values_list(*names) if keys else ():
            is_ours = (source, connection) == (self.policy.group_by, self.connection.pk)
            found[key].append(_Place(group, name, is_ours))
        return found

    def _invite(self, keys: Sequence[str]) -> None:
        """One for each, but for those who have one, be it accepted or not."""
        have = Invitation.objects.filter(
            person__connection=self.connection,
            person__source_id__in=keys,
            state__in=(InvitationState.PENDING, InvitationState.ACCEPTED),
        )
        self._invited += len(keys) - (have.count() if keys else 0)
