"""Removals that a run held: a person releases them, or keeps the people; by name or all that wait.

Whoever is kept stays until the HR system lists them as before, or until somebody takes that decision back.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Held,
    HeldState,
    Run,
)
from integrations.services.departing import batches
from integrations.services.records import record_of
from integrations.services.releasing import NOBODY_LEFT, may_leave, tell_decided
from integrations.services.standing import look_again, standing_still
from integrations.services.starts import start_release
from integrations.targets.sql import NO_DIGEST
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson

LONGEST_REASON = 500
_OVER = gettext_noop("The decision to keep this person is over already.")
_NOT_RUNNING = gettext_noop(
    "The connection was disconnected. Its people stay as they are, and nothing changes them any more."
)
People = Iterable[UUID] | None


def waiting(connection: Connection) -> QuerySet[Held]:
    """What waits for a decision, by name."""
    rows = Held.objects.filter(person__connection=connection, state=HeldState.WAITING)
    return rows.order_by("person__last_name", "person__first_name", "pk")


def release(connection: Connection, people: People, *, reason: str, by: User) -> Run:
    """Lets a worker deactivate those who are still active, still this connection's and not protected; nobody else.

    Returns the run that stands for it. `people` are public ids, None means everybody who waits. The others among them are
    no longer asked then. Raises NeedsPerson: no reason, a run is going on, nobody of them waits or may leave any more, or
    nothing runs any more.
    """
    said = _said(reason)
    with standing_still(connection) as locked:
        chosen = _chosen(locked, people)
        if not may_leave(chosen, locked).exists():
            raise NeedsPerson(NOBODY_LEFT, code="nobody_left")
        run = start_release(locked, words=said, by=by)
        for batch in batches(list(chosen.order_by().values_list("pk", flat=True))):
            rows = Held.objects.filter(pk__in=batch).order_by()
            rows.update(decided_by=by, decided_at=run.created_at, words=said)
    return run


def reject(connection: Connection, people: People, *, reason: str, by: User) -> int:
    """Keeps the people: no run asks again until the HR system lists them as before. Returns how many.

    Raises NeedsPerson as `release` does, but for those who cannot leave.
    """
    said = _said(reason)
    with standing_still(connection) as locked:
        chosen = list(_chosen(locked, people))
        for why in {held.why for held in chosen}:
            for batch in batches([held.person_id for held in chosen if held.why == why]):
                kept = DirectoryPerson.objects.filter(pk__in=batch, connection=locked).order_by()
                # Read afresh: only that tells whether the HR system has them as before already.
                kept.update(kept=why, raw_digest=NO_DIGEST, updated_at=Now())
        look_again(locked)
        _decide([held.pk for held in chosen], HeldState.REJECTED, by=by, words=said)
        tell_decided(locked, "holds.reject", by=by, said=said, people=len(chosen))
    connection.refresh_from_db()
    return len(chosen)


def take_back(person: DirectoryPerson, *, by: User) -> None:
    """Ends the decision to keep somebody: the next run reads everybody and judges them afresh.

    Raises NeedsPerson: nobody keeps them any more, a run is going on, or nothing runs any more.
    """
    with standing_still(person.connection) as locked:
        _must_go_on(locked)
        kept = DirectoryPerson.objects.filter(pk=person.pk, connection=locked).exclude(kept="").order_by()
        if not kept.update(kept="", raw_digest=NO_DIGEST, updated_at=Now()):
            raise NeedsPerson(_OVER, code="not_kept")
        look_again(locked)
        record_of(locked, "holds.take_back", by=by, subject=f"person {person.public_id}")


def _said(reason: str) -> str:
    said = " ".join(reason.split())[:LONGEST_REASON]
    if not said:
        raise NeedsPerson(_("Say why: it is kept with the decision."), code="no_reason")
    return said


def _must_go_on(connection: Connection) -> None:
    if connection.state == ConnectionState.DISCONNECTED:
        raise NeedsPerson(_(_NOT_RUNNING), code="not_running")


def _chosen(connection: Connection, people: People) -> QuerySet[Held]:
    _must_go_on(connection)
    rows = waiting(connection)
    if people is not None:
        rows = rows.filter(person__public_id__in=list(people))
    if not rows.exists():
        raise NeedsPerson(_("Nobody of them waits for a decision any more."), code="nobody_waits")
    return rows


def _decide(keys: list[int], state: HeldState, *, by: User, words: str) -> None:
    for batch in batches(keys):
        rows = Held.objects.filter(pk__in=batch, state=HeldState.WAITING).order_by()
        rows.update(state=state, decided_by=by, decided_at=Now(), words=words)
