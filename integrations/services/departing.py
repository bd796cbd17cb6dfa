"""People leave because a person decided it: account, groups and invitation, as a run of that decision records it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from django.db.models.functions import Now

from integrations.models import (
    DirectoryPerson,
    Invitation,
    InvitationState,
    Membership,
    MembershipChange,
    PersonState,
    Run,
)
from integrations.targets.sql import NO_DIGEST

T = TypeVar("T")
BATCH = 2_000
# What left_because says besides the three ways of leaving; why a removal was held stands in the change log.
RELEASED, UNDONE = "released", "undone"


def deactivate(run: Run, people: Mapping[int, str]) -> int:
    """`people` are keys with why they leave (left_because). Returns how many memberships ended. In a transaction.

    The digest of nobody's record: whoever comes back is read afresh.
    """
    by_reason = defaultdict(list)
    for pk, why in people.items():
        by_reason[why].append(pk)
    left = 0
    for why, keys in by_reason.items():
        for batch in batches(keys):
            DirectoryPerson.objects.filter(pk__in=batch).order_by().update(
                state=PersonState.DEACTIVATED,
                deactivated_at=Now(),
                updated_at=Now(),
                left_because=why,
                kept="",
                raw_digest=NO_DIGEST,
            )
            left += _leave_groups(run, batch)
            pending = Invitation.objects.filter(person__in=batch, state=InvitationState.PENDING).order_by()
            pending.update(state=InvitationState.REMOVED)
    return left


def _leave_groups(run: Run, people: Sequence[int]) -> int:
    rows = list(Membership.objects.filter(person__in=people).select_for_update().order_by("pk"))
    end_memberships(run, rows)
    return len(rows)


def end_memberships(run: Run, rows: Sequence[Membership]) -> None:
    """What had been added by hand is told as such, so that undoing it brings it back as it was."""
    MembershipChange.objects.bulk_create(
        [
            MembershipChange(
                run=run, group_id=row.group_id, person_id=row.person_id, joined=False, by_hand=row.by_hand
            )
            for row in rows
        ],
        batch_size=BATCH,
    )
    for batch in batches([row.pk for row in rows]):
        Membership.objects.filter(pk__in=batch).delete()


def batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
