"""Where people decide about people: in a transaction in which no run of the connection is going on or can begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from integrations.models import Connection, Phase, Run, RunKind, RunOutcome
from integrations.services.starts import open_run
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson
from portal.kit.leases import JobState


@contextmanager
def standing_still(connection: Connection) -> Iterator[Connection]:
    """The connection, locked: a new run's row refers to it and waits. Raises NeedsPerson while one is going on."""
    with transaction.atomic():
        locked: Connection = Connection.objects.select_for_update().get(pk=connection.pk)
        if open_run(locked) is not None:
            raise NeedsPerson(
                "A run of this connection is going on. Try again as soon as it is over.",
                code="already_running",
            )
        yield locked


def look_again(connection: Connection, *, groups: bool = False) -> None:
    """The next run reads everybody, even where it could ask for changes alone: what was done here is no change there.

    With `groups` it also works out all memberships anew, although no record has changed.
    """
    edited = {"groups_edited": True} if groups else {}
    Connection.objects.filter(pk=connection.pk).update(full_pass_at=None, watermark="", **edited)


def deed_of_a_person(connection: Connection, kind: RunKind, *, by: User, **values: Any) -> Run:
    """The run that stands in the history for what a person has just done: over as soon as it is there."""
    ended = {
        "job_state": JobState.DONE,
        "phase": Phase.FINISHED,
        "outcome": RunOutcome.APPLIED,
        "started_at": Now(),
        "finished_at": Now(),
    }
    return Run.objects.create(connection=connection, kind=kind, asked_by=by, **ended, **values)
