"""The tables: connections, their runs, and the directory that the runs keep."""

from integrations.models.connections import Check, Connection, ConnectionState, Credential
from integrations.models.directory import DirectoryPerson, PersonState
from integrations.models.runs import (
    Change,
    ChangeKind,
    Phase,
    Problem,
    Run,
    RunKind,
    RunOutcome,
    Seen,
    Staged,
)

__all__ = [
    "Change",
    "ChangeKind",
    "Check",
    "Connection",
    "ConnectionState",
    "Credential",
    "DirectoryPerson",
    "PersonState",
    "Phase",
    "Problem",
    "Run",
    "RunKind",
    "RunOutcome",
    "Seen",
    "Staged",
]
