"""Undoing a run, for thirty days: looked at as a plan first, then done by whoever types how many people it is about."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext_noop

from integrations.engine.undoing import UndoPlan
from integrations.models import Connection, ConnectionState, Run, RunKind, RunOutcome
from integrations.services.departing import UNDONE
from integrations.services.restoring import apply_back
from integrations.services.reversing import plan_back
from integrations.services.standing import deed_of_a_person, look_again, standing_still
from portal.accounts.models import User
from portal.audit.services import record
from portal.kit import clock
from portal.kit.errors import NeedsPerson

UNDO_FOR = timedelta(days=30)
PAUSE_REASON = gettext_noop(
    "A run was undone, so nothing runs until somebody resumes it. First put right what was wrong with that run, in "
    "the HR system or in the filter and the mapping here: the next run looks at everybody again."
)


def undo_until(run: Run) -> datetime | None:
    """The last instant at which the run can be undone; None while it is not over."""
    return run.finished_at + UNDO_FOR if run.finished_at else None


def refusal(run: Run) -> str:
    """Why this run cannot be undone at all, in a sentence; "" when it can."""
    until = undo_until(run)
    if run.kind == RunKind.DRY:
        return gettext_noop("A plan changes nobody, so there is nothing to undo.")
    if run.kind == RunKind.UNDO:
        return gettext_noop("What was undone is done again by the next run: resume the connection.")
    if until is None or run.is_open:
        return gettext_noop("The run is still going on. It can be undone when it is over.")
    if run.outcome not in (RunOutcome.APPLIED, RunOutcome.HELD):
        return gettext_noop("The run did not change anybody, so there is nothing to undo.")
    if run.undone_by.exists():
        return gettext_noop("The run was undone already.")
    if run.forgotten_at or clock.now() > until:
        return gettext_noop("A run can be undone for 30 days. This one is older.")
    return ""


def plan_undo(run: Run) -> UndoPlan:
    """What undoing would do now. It reads and changes nothing; whether it may be done is `refusal`'s question."""
    return plan_back(run).plan


def undo_run(run: Run, *, typed: int, digest: str, by: User) -> Run:
    """Does what the plan of this digest says, and pauses the connection. Returns the run that stands for it.

    Raises NeedsPerson: "undo_refused", "undo_changed" (something is not as it was looked at), "wrong_number",
    "already_running".
    """
    with standing_still(run.connection) as connection:
        fresh = Run.objects.select_for_update().get(pk=run.pk)
        if why := refusal(fresh):
            raise NeedsPerson(why, code="undo_refused")
        back = plan_back(fresh)
        _must_be_confirmed(back.plan, typed, digest)
        undone = deed_of_a_person(connection, RunKind.UNDO, by=by, undoes=fresh, plan_digest=back.plan.digest)
        counts = apply_back(back, undone)
        for name, number in counts.items():
            setattr(undone, name, number)
        undone.save(update_fields=[*counts])
        _pause(connection)
        look_again(connection, groups=True)
        details = {"run": str(fresh.public_id), "by_run": str(undone.public_id), "people": back.plan.affected}
        record(
            "run.undo",
            by=by,
            company_id=connection.company_id,
            subject=str(connection)[:120],
            details=details,
        )
    run.connection.refresh_from_db()
    return undone


def _must_be_confirmed(plan: UndoPlan, typed: int, digest: str) -> None:
    if digest != plan.digest:
        raise NeedsPerson(
            "Something has changed since you looked, so nothing was undone. This is what would happen now.",
            code="undo_changed",
        )
    if not plan.affected:
        raise NeedsPerson("There is nobody left to whom this could be undone.", code="undo_refused")
    if typed != plan.affected:
        raise NeedsPerson(
            "That is not the number of people that this is about, so nothing was undone.", code="wrong_number"
        )


def _pause(connection: Connection) -> None:
    """A decision of a person; what had been disconnected stays so."""
    live = Connection.objects.filter(pk=connection.pk).exclude(state=ConnectionState.DISCONNECTED)
    live.update(state=ConnectionState.PAUSED, next_run_at=None, reason=PAUSE_REASON, reason_code=UNDONE)
