"""Invitations as a run makes and removes them: rows only; mailing and expiring is another service."""

from __future__ import annotations

from integrations.engine.diff import LineKind
from integrations.services.sync import Sync
from integrations.targets import foreseen, invitations
from integrations.targets.directory import Counts

_NEW_HERE = (LineKind.ADDED, LineKind.RETURNED, LineKind.MATCHED)


def update_invitations(sync: Sync, counts: Counts) -> int:
    """One for whoever came in without one, none for whoever left. Returns how many were made."""
    directory, policy = sync.directory, sync.rules.policy
    with sync.watch.timed("invitations"):
        if counts.kinds[LineKind.DEACTIVATED]:
            directory.execute(invitations.REMOVE)
        if policy.invites and any(counts.kinds[kind] for kind in _NEW_HERE):
            return directory.execute(invitations.INVITE, mails=policy.mails)
    return 0


def foresee_invitations(sync: Sync, counts: Counts) -> int:
    """How many `update_invitations` would make once the plan is carried out."""
    if sync.rules.policy.invites and any(counts.kinds[kind] for kind in _NEW_HERE):
        return int(sync.directory.row(foreseen.INVITED)[0])
    return 0
