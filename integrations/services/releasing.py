"""Carrying out a decision to release held removals: by a worker, as a run that stands in the history."""

from __future__ import annotations

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_noop

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
    Phase,
    Run,
    RunOutcome,
)
from integrations.services.departing import BATCH, RELEASED, batches, deactivate
from integrations.services.issues import HELD, HELD_WORDS, raise_issue, resolve
from integrations.services.ladder import colleagues_of
from integrations.services.locks import fenced_with_connection
from integrations.services.records import record_of
from integrations.services.states import set_connected
from integrations.services.sync import STEP
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson
from portal.kit.failpoints import reach
from portal.kit.leases import JobState, renew, update
from portal.notices.services import notify

NOBODY_LEFT = gettext_noop(
    "None of them can be deactivated any more: they have left already, or they are protected."
)
# The guard's reasons to hold removals; other trouble of a connection is not over when they are decided.
_HOLDING = frozenset({"unidentified_records", "list_moved", "too_many_removals"})
_OVER = {
    "job_state": JobState.DONE,
    "phase": Phase.FINISHED,
    "lease_until": None,
    "failure_code": "",
    "failure": "",
}


def decided_for(run: Run) -> QuerySet[Held]:
    """What this run is about: a decision and its run have the same instant. Waiting until the run has done it."""
    return Held.objects.filter(
        person__connection=run.connection_id, state=HeldState.WAITING, decided_at=run.created_at
    ).order_by("pk")


def may_leave(waiting: QuerySet[Held], connection: Connection) -> QuerySet[Held]:
    """Those of them who are still active, still this connection's and not protected."""
    return waiting.filter(
        person__connection=connection, person__state=PersonState.ACTIVE, person__protected=False
    )


def perform_release(run: Run) -> None:
    """What a worker does, in one transaction. Raises NeedsPerson ("nobody_left"), LeaseLost."""
    renew(run, STEP, phase=Phase.APPLYING, started_at=run.started_at or Now())
    with fenced_with_connection(run):
        _carry_out(run)


def tell_failed(run: Run) -> None:
    """Whoever decided may have left the page; everybody goes on waiting. In the transaction that ends the run."""
    notify(
        [run.asked_by] if run.asked_by else [],
        "held_decided",
        words=f"Held removals of {run.connection} were not released. Nobody was changed.",
        detail=run.failure,
        url=reverse("holds_detail", args=[run.connection.public_id]),
        marker=f"not_released:{run.pk}",
    )


def _carry_out(run: Run) -> None:
    connection, chosen = run.connection, decided_for(run)
    keys = set(chosen.order_by().values_list("pk", flat=True))
    rows = may_leave(chosen, connection).select_related("person")
    leaving = list(rows.select_for_update(of=("self", "person")))
    if not leaving:
        raise NeedsPerson(NOBODY_LEFT, code="nobody_left")
    Change.objects.bulk_create([_change(run, held) for held in leaving], batch_size=BATCH)
    left = deactivate(run, {held.person_id: RELEASED for held in leaving})
    released = {held.pk for held in leaving}
    _decide(released, HeldState.RELEASED)
    _decide(keys - released, HeldState.SUPERSEDED)  # whoever of them may not leave is no longer asked
    reach("in_release")
    # Over with its writes, not after them: nobody can call off what was done.
    counts = {"deactivated": len(leaving), "left_groups": left}
    update(run, **counts, **_OVER, outcome=RunOutcome.APPLIED, finished_at=Now())
    tell_decided(connection, "holds.release", by=run.asked_by, said=run.words, people=len(leaving), run=run)


def tell_decided(
    connection: Connection, action: str, *, by: User | None, said: str, people: int, **more: Run
) -> None:
    """The audit log, whoever looks after the connection, and the connection itself when nothing waits any more."""
    runs = {name: str(run.public_id) for name, run in more.items()}
    entry = record_of(connection, action, by=by, people=people, reason=said, **runs)
    done = "deactivated" if action == "holds.release" else "kept"
    notify(
        [person for person in colleagues_of(connection) if by is None or person.pk != by.pk],
        "held_decided",
        words=f"{by or 'Somebody'} decided on held removals of {connection}: {people} {done}",
        detail=f"The reason: {said}",
        url=reverse("connection_detail", args=[connection.public_id]),
        marker=f"held_decided:{entry.pk}",
    )
    _settle(connection)


def _settle(connection: Connection) -> None:
    """When nothing waits any more, the connection is well again unless something else is the matter with it."""
    left = Held.objects.filter(person__connection=connection, state=HeldState.WAITING).count()
    if left:
        url = reverse("holds_detail", args=[connection.public_id])
        raise_issue(connection, HELD, HELD_WORDS, count=left, url=url)
        return
    resolve(connection, HELD)
    if connection.state == ConnectionState.DEGRADED and connection.reason_code in _HOLDING:
        set_connected(connection, asked=False)


def _decide(keys: set[int], state: HeldState) -> None:
    for batch in batches(sorted(keys)):
        Held.objects.filter(pk__in=batch).order_by().update(state=state)


def _change(run: Run, held: Held) -> Change:
    person: DirectoryPerson = held.person
    return Change(
        run=run,
        source_id=person.source_id,
        person_name=str(person)[:250],
        kind=ChangeKind.DEACTIVATED,
        before={STATUS: ACTIVE},
        after={STATUS: held.why},
    )
