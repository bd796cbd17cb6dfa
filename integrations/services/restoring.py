"""Writing the way back: what the lines of an undoing say, as a run that stands in the history. Some people at a time."""

from __future__ import annotations

from collections import Counter, defaultdict

from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations.engine.diff import ACTIVE, STATUS
from integrations.engine.undoing import Back, Does
from integrations.models import (
    Change,
    ChangeKind,
    Connection,
    DirectoryPerson,
    Invitation,
    InvitationState,
    Membership,
    MembershipChange,
    PersonState,
    Run,
)
from integrations.services.departing import UNDONE, deactivate, end_memberships
from integrations.services.reversing import WayBack
from integrations.targets.reversal import hand_back, put_back

_KINDS = {
    Does.DEACTIVATE: ChangeKind.DEACTIVATED,
    Does.REACTIVATE: ChangeKind.RETURNED,
    Does.RESTORE: ChangeKind.CHANGED,
    Does.HAND_BACK: ChangeKind.MATCHED,
}


def apply_back(way: WayBack, undone: Run) -> Counter[str]:
    """Does these lines, as the run `undone`. Returns its counters by name. In a transaction that holds the connection.

    Whoever goes to another connection goes with `hand_over`, when everything else is done.
    """
    lines, keys = way.lines, way.keys
    by_does: dict[Does, list[Back]] = defaultdict(list)
    for line in lines:
        by_does[line.does].append(line)
    left = deactivate(undone, {keys[line.source_id]: UNDONE for line in by_does[Does.DEACTIVATE]})
    _reactivate([keys[line.source_id] for line in by_does[Does.REACTIVATE]])
    out = [line for line in by_does[Does.HAND_BACK] if way.owners[line.source_id].state != ACTIVE]
    left += deactivate(undone, {keys[line.source_id]: UNDONE for line in out})
    put_back(undone.connection_id, [(keys[line.source_id], line.after) for line in lines])
    left += _leave(way, undone)
    joined = _join(way, undone)
    Change.objects.bulk_create(
        [_change(way, undone, line) for line in lines if line.does is not Does.REGROUP]
    )
    return Counter(
        changed=len(by_does[Does.RESTORE]),
        deactivated=len(by_does[Does.DEACTIVATE]),
        returned=len(by_does[Does.REACTIVATE]),
        matched=len(by_does[Does.HAND_BACK]),
        joined=joined,
        left_groups=left,
    )


def hand_over(undone: Run) -> None:
    """Those whom the run gave back, to their former owners. The last of its writes: they are not ours afterwards."""
    hand_back(undone.connection_id, undone.pk)
    # Where an ended one has forgotten all of its people already, the time of these is over as well.
    owners = undone.changes.filter(kind=ChangeKind.MATCHED).values_list("after__connection", flat=True)
    ended = Connection.objects.filter(public_id__in=list(owners.order_by().distinct()))
    ended.order_by().update(purged_at=None)


def _reactivate(people: list[int]) -> None:
    DirectoryPerson.objects.filter(pk__in=people).order_by().update(
        state=PersonState.ACTIVE, deactivated_at=None, left_because="", kept="", updated_at=Now()
    )
    invitations = Invitation.objects.filter(person__in=people).order_by("person_id", "-pk")
    latest = invitations.distinct("person_id").values("pk")
    ended = Invitation.objects.filter(pk__in=latest, state=InvitationState.REMOVED, expires_at__gt=Now())
    ended.order_by().update(state=InvitationState.PENDING)


def _leave(way: WayBack, undone: Run) -> int:
    """The groups that whoever stays had joined by that run."""
    wanted = {
        way.keys[line.source_id]: line.leaves
        for line in way.lines
        if line.leaves and line.does is not Does.DEACTIVATE
    }
    rows: QuerySet[Membership] = Membership.objects.filter(person__in=list(wanted)).order_by("pk")
    ending = [row for row in rows if row.group_id in wanted[row.person_id]]
    end_memberships(undone, ending)
    return len(ending)


def _join(way: WayBack, undone: Run) -> int:
    rows = [
        Membership(group_id=group, person_id=way.keys[line.source_id], by_hand=by_hand)
        for line in way.lines
        for group, by_hand in line.joins.items()
    ]
    Membership.objects.bulk_create(rows, ignore_conflicts=True)
    told = [
        MembershipChange(run=undone, group_id=row.group_id, person_id=row.person_id, joined=True)
        for row in rows
    ]
    MembershipChange.objects.bulk_create(told)
    return len(rows)


def _change(way: WayBack, undone: Run, line: Back) -> Change:
    before, after = dict(line.before), dict(line.after)
    if line.does is Does.HAND_BACK:
        owner, ours = way.owners[line.source_id], undone.connection
        before |= {STATUS: ACTIVE, "connection": str(ours.public_id), "source_id": line.source_id}
        after |= {
            STATUS: owner.state,
            "connection": str(owner.connection.public_id),
            "source_id": owner.source_id,
        }
    if line.does is Does.DEACTIVATE:
        before, after = {STATUS: ACTIVE, **before}, {STATUS: UNDONE, **after}
    return Change(
        run=undone,
        source_id=line.source_id,
        person_name=line.name[:250],
        kind=_KINDS[line.does],
        before=before,
        after=after,
    )
