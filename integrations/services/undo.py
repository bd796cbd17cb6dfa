"""Undoing a run, for thirty days: looked at as a plan first, confirmed by typing how many people it is about.

A worker does it then, as a run that stands in the history: its row is the claim, and its writes are one transaction.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils.translation import gettext_noop

from integrations.engine.undoing import Tally, UndoPlan
from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    PersonState,
    Phase,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services.departing import UNDONE
from integrations.services.ladder import colleagues_of
from integrations.services.locks import fenced_with_connection
from integrations.services.records import record_of
from integrations.services.restoring import apply_back, hand_over
from integrations.services.reversing import WayBack, ways_back
from integrations.services.standing import look_again, standing_still
from integrations.services.starts import start_undo
from integrations.services.sync import STEP
from integrations.targets.directory import Directory
from integrations.targets.matching import ONE_AT_A_TIME
from portal.accounts.models import User
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.kit.failpoints import reach
from portal.kit.leases import JobState, renew, update
from portal.notices.services import notify

UNDO_FOR = timedelta(days=30)
_OVER = {
    "job_state": JobState.DONE,
    "phase": Phase.FINISHED,
    "lease_until": None,
    "failure_code": "",
    "failure": "",
}
PAUSE_REASON = gettext_noop(
    "A run was undone, so nothing runs until somebody resumes it. First put right what was wrong with that run, in "
    "the HR system or in the filter and the mapping here: the next run looks at everybody again."
)


def undo_until(run: Run) -> datetime | None:
    """The last instant at which the run can be undone; None while it is not over."""
    return run.finished_at + UNDO_FOR if run.finished_at else None


def undoing_of(run: Run) -> Run | None:
    """The run that undid this one, or is about to; one that came to nothing does not count."""
    found: Run | None = run.undone_by.exclude(outcome=RunOutcome.FAILED).first()
    return found


def refusal(run: Run, undoing: Run | None = None) -> str:
    """Why this run cannot be undone at all, in a sentence; "" when it can. `undoing` is what is about to do it."""
    until = undo_until(run)
    if run.kind == RunKind.DRY:
        return gettext_noop("A plan changes nobody, so there is nothing to undo.")
    if run.kind == RunKind.UNDO:
        return gettext_noop("What was undone is done again by the next run: resume the connection.")
    if until is None or run.is_open:
        return gettext_noop("The run is still going on. It can be undone when it is over.")
    if run.outcome not in (RunOutcome.APPLIED, RunOutcome.HELD):
        return gettext_noop("The run did not change anybody, so there is nothing to undo.")
    if undoing_of(run) not in (None, undoing):
        return gettext_noop("The run was undone already.")
    if run.forgotten_at or clock.now() > until:
        return gettext_noop("A run can be undone for 30 days. This one is older.")
    return ""


def plan_undo(run: Run) -> UndoPlan:
    """What undoing would do now. It reads and changes nothing; whether it may be done is `refusal`'s question."""
    tally = Tally()
    for part in ways_back(run):
        _count(tally, part)
    return tally.plan()


def undo_run(run: Run, *, typed: int, digest: str, by: User) -> Run:
    """Lets a worker do what the plan of this digest says. Returns the run that stands for it.

    Raises NeedsPerson: "undo_refused", "undo_changed" (something is not as it was looked at), "wrong_number",
    "already_running".
    """
    fresh = Run.objects.select_related("connection").get(pk=run.pk)
    _must_be_possible(fresh)
    _must_be_confirmed(plan_undo(fresh), typed, digest)
    with standing_still(fresh.connection):
        _must_be_possible(fresh)
        return start_undo(fresh, digest=digest, by=by)


def perform_undo(undoing: Run) -> None:
    """What a worker does: everything, or nothing where something has changed since the plan was confirmed.

    Raises NeedsPerson ("undo_refused", "undo_changed"), LeaseLost.
    """
    renew(undoing, STEP, phase=Phase.APPLYING, started_at=undoing.started_at or Now())
    with fenced_with_connection(undoing) as connection:
        _carry_out(undoing, connection)


def tell_failed(undoing: Run) -> None:
    """Whoever asked for it may have left the page. In the transaction that ends the run."""
    words = f"A run of {undoing.connection} was not undone. Nobody was changed."
    people = [undoing.asked_by] if undoing.asked_by else []
    notify(
        people,
        "undone",
        words=words,
        detail=undoing.failure,
        url=reverse("run_detail", args=[undoing.public_id]),
        marker=f"not_undone:{undoing.pk}",
    )


def _carry_out(undoing: Run, connection: Connection) -> None:
    run = Run.objects.select_for_update(of=("self",)).get(undone_by=undoing)
    _must_be_possible(run, undoing)
    Directory.of(undoing).execute(ONE_AT_A_TIME)
    plan, counts = _do(run, undoing)
    if plan.digest != undoing.plan_digest:
        why = gettext_noop("Something has changed since you looked, so nothing was undone.")
        raise NeedsPerson(why, code="undo_changed")
    _must_share_no_address(undoing)
    reach("in_undo")
    # Over with its writes, not after them: nobody can call off what was done.
    update(undoing, **counts, **_OVER, outcome=RunOutcome.APPLIED, finished_at=Now())
    _pause(connection)
    look_again(connection, groups=True)
    by, ids = undoing.asked_by, {"run": str(run.public_id), "by_run": str(undoing.public_id)}
    record_of(connection, "run.undo", by=by, people=plan.affected, **ids)
    _tell(undoing, plan.affected)


def _do(run: Run, undoing: Run) -> tuple[UndoPlan, Counter[str]]:
    """One part after the other; only then is it known whether that was the plan, else the transaction takes it back."""
    tally, counts = Tally(), Counter[str]()
    for part in ways_back(run):
        counts += apply_back(part, undoing)
        _count(tally, part)
    hand_over(undoing)
    return tally.plan(), counts


def _count(tally: Tally, part: WayBack) -> None:
    for line, conflicts in part.ways:
        tally.add(line, conflicts)


def _tell(undoing: Run, people: int) -> None:
    by, connection = undoing.asked_by, undoing.connection
    number = "1 person is" if people == 1 else f"{people:,} people are"
    notify(
        [one for one in colleagues_of(connection) if by is None or one.pk != by.pk],
        "undone",
        words=f"{by or 'Somebody'} undid a run of {connection}: {number} as before",
        detail="" if connection.state == ConnectionState.DISCONNECTED else PAUSE_REASON,
        url=reverse("run_detail", args=[undoing.public_id]),
        marker=f"undone:{undoing.pk}",
    )


def _must_be_possible(run: Run, undoing: Run | None = None) -> None:
    if why := refusal(run, undoing):
        raise NeedsPerson(why, code="undo_refused")


def _must_be_confirmed(plan: UndoPlan, typed: int, digest: str) -> None:
    if digest != plan.digest:
        why = gettext_noop(
            "Something has changed since you looked, so nothing was undone. This is what would happen now."
        )
        raise NeedsPerson(why, code="undo_changed")
    if not plan.affected:
        why = gettext_noop("There is nobody left to whom this could be undone.")
        raise NeedsPerson(why, code="undo_refused")
    if typed != plan.affected:
        why = gettext_noop("That is not the number of people that this is about, so nothing was undone.")
        raise NeedsPerson(why, code="wrong_number")


def _must_share_no_address(undoing: Run) -> None:
    """Whoever could not be given another address may still have the one that somebody else has again."""
    active = DirectoryPerson.objects.filter(
        company=undoing.connection.company_id, state=PersonState.ACTIVE
    ).annotate(address=Lower("email"))
    again = active.filter(connection=undoing.connection_id, source_id__in=undoing.changes.values("source_id"))
    shared = active.filter(address__in=again.values("address")).order_by().values("address")
    if shared.annotate(people=Count("pk")).filter(people__gt=1).exists():
        why = gettext_noop("Two people would have the same e-mail address, so nothing was undone.")
        raise NeedsPerson(why, code="undo_refused")


def _pause(connection: Connection) -> None:
    """A decision of a person; what had been disconnected stays so."""
    live = Connection.objects.filter(pk=connection.pk).exclude(state=ConnectionState.DISCONNECTED)
    live.update(state=ConnectionState.PAUSED, next_run_at=None, reason=PAUSE_REASON, reason_code=UNDONE)
