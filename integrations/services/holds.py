"""Removals that a run held: a person releases them, or keeps the people; by name or all that wait."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse

from integrations.engine.diff import ACTIVE, STATUS
from integrations.models import (
    Change,
    ChangeKind,
    Connection,
    ConnectionState,
    DirectoryPerson,
    Held,
    HeldState,
    PersonState,
    Run,
    RunKind,
)
from integrations.services.departing import BATCH, RELEASED, batches, deactivate
from integrations.services.issues import HELD, HELD_WORDS, raise_issue, resolve
from integrations.services.ladder import colleagues_of
from integrations.services.records import record_of
from integrations.services.standing import deed_of_a_person, standing_still
from integrations.services.states import set_connected
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson
from portal.notices.services import notify

LONGEST_REASON = 500
# The guard's reasons to hold removals; other trouble of a connection is not over when they are decided.
_HOLDING = frozenset({"unidentified_records", "list_moved", "too_many_removals"})
People = Iterable[UUID] | None


def waiting(connection: Connection) -> QuerySet[Held]:
    """What waits for a decision, by name."""
    rows = Held.objects.filter(person__connection=connection, state=HeldState.WAITING)
    return rows.order_by("person__last_name", "person__first_name", "pk")


def release(connection: Connection, people: People, *, reason: str, by: User) -> Run:
    """Deactivates those who are still active, still this connection's and not protected; nobody else.

    `people` are public ids, None means everybody who waits. The others among them are no longer asked. Raises
    NeedsPerson: no reason, a run is going on, nobody of them waits or may leave any more, or nothing runs any more.
    """
    said = _said(reason)
    with standing_still(connection) as locked:
        chosen = _chosen(locked, people)
        leaving = [held for held in chosen if _may_leave(held.person, locked)]
        if not leaving:
            raise NeedsPerson(
                "None of them can be deactivated any more: they have left already, or they are protected.",
                code="nobody_left",
            )
        run = deed_of_a_person(locked, RunKind.RELEASE, by=by, words=said, deactivated=len(leaving))
        Change.objects.bulk_create([_change(run, held) for held in leaving], batch_size=BATCH)
        run.left_groups = deactivate(run, {held.person_id: RELEASED for held in leaving})
        run.save(update_fields=["left_groups"])
        others = {held.pk for held in chosen} - {held.pk for held in leaving}
        _decide([held.pk for held in leaving], HeldState.RELEASED, by=by, words=said)
        _decide(sorted(others), HeldState.SUPERSEDED, by=by, words=said)
        _tell(locked, "holds.release", by=by, said=said, people=len(leaving), run=run)
    connection.refresh_from_db()
    return run


def reject(connection: Connection, people: People, *, reason: str, by: User) -> int:
    """Keeps the people: no run asks again until the HR system lists them as before. Returns how many.

    Raises NeedsPerson as `release` does, but for those who cannot leave.
    """
    said = _said(reason)
    with standing_still(connection) as locked:
        chosen = _chosen(locked, people)
        for why in {held.why for held in chosen}:
            for batch in batches([held.person_id for held in chosen if held.why == why]):
                kept = DirectoryPerson.objects.filter(pk__in=batch, connection=locked).order_by()
                kept.update(kept=why, updated_at=Now())
        _decide([held.pk for held in chosen], HeldState.REJECTED, by=by, words=said)
        _tell(locked, "holds.reject", by=by, said=said, people=len(chosen))
    connection.refresh_from_db()
    return len(chosen)


def _said(reason: str) -> str:
    said = " ".join(reason.split())[:LONGEST_REASON]
    if not said:
        raise NeedsPerson("Say why: it is kept with the decision.", code="no_reason")
    return said


def _chosen(connection: Connection, people: People) -> list[Held]:
    if connection.state == ConnectionState.DISCONNECTED:
        raise NeedsPerson(
            "The connection was disconnected. Its people stay as they are, and nothing changes them any more.",
            code="not_running",
        )
    rows = waiting(connection)
    if people is not None:
        rows = rows.filter(person__public_id__in=list(people))
    chosen = list(rows.select_related("person").select_for_update(of=("self", "person")))
    if not chosen:
        raise NeedsPerson("Nobody of them waits for a decision any more.", code="nobody_waits")
    return chosen


def _may_leave(person: DirectoryPerson, connection: Connection) -> bool:
    active = person.state == PersonState.ACTIVE
    return active and not person.protected and person.connection_id == connection.pk


def _change(run: Run, held: Held) -> Change:
    return Change(
        run=run,
        source_id=held.person.source_id,
        person_name=str(held.person)[:250],
        kind=ChangeKind.DEACTIVATED,
        before={STATUS: ACTIVE},
        after={STATUS: held.why},
    )


def _decide(keys: list[int], state: HeldState, *, by: User, words: str) -> None:
    for batch in batches(keys):
        rows = Held.objects.filter(pk__in=batch, state=HeldState.WAITING).order_by()
        rows.update(state=state, decided_by=by, decided_at=Now(), words=words)


def _tell(connection: Connection, action: str, *, by: User, said: str, people: int, **more: Run) -> None:
    """The audit log, whoever looks after the connection, and the connection itself when nothing waits any more."""
    runs = {name: str(run.public_id) for name, run in more.items()}
    entry = record_of(connection, action, by=by, people=people, reason=said, **runs)
    done = "deactivated" if action == "holds.release" else "kept"
    notify(
        [person for person in colleagues_of(connection) if person.pk != by.pk],
        "held_decided",
        words=f"{by} decided on held removals of {connection}: {people} {done}",
        detail=f"The reason: {said}",
        url=reverse("connection_detail", args=[connection.public_id]),
        marker=f"held_decided:{entry.pk}",
    )
    _settle(connection)


def _settle(connection: Connection) -> None:
    """When nothing waits any more, the connection is well again unless something else is the matter with it."""
    left = waiting(connection).count()
    if left:
        url = reverse("holds_detail", args=[connection.public_id])
        raise_issue(connection, HELD, HELD_WORDS, count=left, url=url)
        return
    resolve(connection, HELD)
    if connection.state == ConnectionState.DEGRADED and connection.reason_code in _HOLDING:
        set_connected(connection, asked=False)
