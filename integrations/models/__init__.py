"""The tables: connections, their settings and runs, and the directory that the runs keep."""

from integrations.models.connections import Check, Connection, ConnectionState, Credential
from integrations.models.directory import DirectoryPerson, PersonState
from integrations.models.groups import Group, Invitation, InvitationState, Membership, MembershipChange
from integrations.models.issues import Issue
from integrations.models.runs import (
    Asked,
    Change,
    ChangeKind,
    Held,
    HeldState,
    Match,
    Phase,
    Planned,
    Problem,
    Run,
    RunKind,
    RunOutcome,
    Seen,
    Staged,
    StagedMember,
)
from integrations.models.setup import Draft, DraftState, Preview, PreviewPage, Purpose, Receipt, SetupStep

__all__ = [
    "Asked",
    "Change",
    "ChangeKind",
    "Check",
    "Connection",
    "ConnectionState",
    "Credential",
    "DirectoryPerson",
    "Draft",
    "DraftState",
    "Group",
    "Held",
    "HeldState",
    "Invitation",
    "InvitationState",
    "Issue",
    "Match",
    "Membership",
    "MembershipChange",
    "PersonState",
    "Phase",
    "Planned",
    "Preview",
    "PreviewPage",
    "Problem",
    "Purpose",
    "Receipt",
    "Run",
    "RunKind",
    "RunOutcome",
    "Seen",
    "SetupStep",
    "Staged",
    "StagedMember",
]
