"""What becomes of a confirmed draft: the connection takes it over with the plan, or it is refused and goes on anew."""

from __future__ import annotations

import logging

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations.models import (
    Connection,
    Credential,
    Draft,
    DraftState,
    Purpose,
    Receipt,
    Run,
    RunOutcome,
    SetupStep,
)
from integrations.services.confirming import start_plan
from integrations.services.credentials import take_over
from integrations.services.draft_rows import DraftRefused
from integrations.services.drafts import end_withdrawn
from integrations.services.planning import PLAN_CHANGED, settings_after
from portal.accounts.limits import RateLimited

log = logging.getLogger(__name__)

MOST_PLANS_PER_TICK = 50


def adopt(connection: Connection, receipt: Receipt) -> None:
    """Settings and credentials of the receipt's draft become the connection's, in the applying transaction."""
    settings = settings_after(receipt)
    for name, value in settings.items():
        setattr(connection, name, value)
    connection.save(update_fields=list(settings))
    take_over(connection, receipt.draft_id)
    _end(receipt, DraftState.APPLIED)
    # A plan that was refused once may fit again: what runs is not set up a second time.
    for draft in _open(connection).filter(purpose=Purpose.SETUP).select_for_update():
        draft.connection = connection
        end_withdrawn(draft, None)


def refuse(run: Run, why: str = "") -> None:
    """The plan was not carried out: the connection stays as it was, and somebody has to look at a new plan.

    `why` is the code of the objection; "" where the run failed.
    """
    if run.receipt is None or not _end(run.receipt, DraftState.REFUSED):
        return
    # A set-up that failed is tried again as it was confirmed; nothing of it is lost.
    if run.receipt.purpose == Purpose.CHANGE or why == PLAN_CHANGED:
        _go_on(run.receipt.draft)


def came_otherwise(run: Run) -> bool:
    """Whether it was not carried out because the plan was no longer the one that somebody had confirmed."""
    # With a remark the difference was small enough, and something else stopped the run.
    if run.outcome != RunOutcome.HELD or run.words or run.receipt is None:
        return False
    return run.plan_digest not in ("", run.receipt.plan_digest)


def plan_had_changed(refused: Draft) -> bool:
    """Why it was refused: the plan came out otherwise, or, when False, its run failed."""
    runs = Run.objects.filter(receipt__draft=refused).select_related("receipt")
    return any(came_otherwise(run) for run in runs)


def refused_before(draft: Draft) -> Draft | None:
    """The draft that was refused and that this one goes on from; None for one that somebody began."""
    earlier: Draft | None = Draft.objects.filter(connection=draft.connection_id, pk__lt=draft.pk).first()
    if earlier is None or earlier.state != DraftState.REFUSED:
        return None
    # What somebody had begun before the refusal is another change.
    return earlier if earlier.updated_at <= draft.created_at else None


def new_draft_of(receipt: Receipt) -> Draft | None:
    """Where a confirmed draft that was refused goes on; None when somebody has ended that, or confirmed it."""
    draft = _open(receipt.connection).first()
    earlier = refused_before(draft) if draft else None
    return draft if earlier and earlier.pk == receipt.draft_id else None


def plan_refused_anew() -> None:
    """The new plan of what was refused is there when somebody comes to look at it. Each is begun once."""
    waiting = Draft.objects.filter(state=DraftState.OPEN, step=SetupStep.PLAN, plan=None, runs__isnull=True)
    waiting = waiting.filter(connection__drafts__state=DraftState.REFUSED).distinct()
    for draft in waiting.select_related("connection", "created_by")[:MOST_PLANS_PER_TICK]:
        earlier = refused_before(draft)
        if earlier is None or not plan_had_changed(earlier):
            continue
        try:
            start_plan(draft, by=draft.created_by)
        except (DraftRefused, RateLimited) as error:
            # Something else of this connection is running; the next minute looks again.
            log.info("the new plan of %s waits: %s", draft.public_id, error)


def _go_on(refused: Draft) -> None:
    """The same settings and credentials at the plan, to be confirmed once more; the receipt keeps what it was."""
    try:
        with transaction.atomic():
            draft = Draft.objects.create(
                connection=refused.connection,
                purpose=refused.purpose,
                step=SetupStep.PLAN,
                **refused.settings,
                consented_at=refused.consented_at,
                consented_by=refused.consented_by,
                authenticated_at=refused.authenticated_at,
                filter_confirmed_at=refused.filter_confirmed_at,
                created_by=refused.created_by,
            )
    except IntegrityError:
        return  # somebody is at the next change already
    Credential.objects.filter(draft=refused).update(draft=draft)


def _end(receipt: Receipt, state: DraftState) -> bool:
    """Whether the draft became that just now."""
    drafts = Draft.objects.filter(pk=receipt.draft_id).exclude(state__in=(DraftState.APPLIED, state))
    return bool(drafts.order_by().update(state=state, updated_at=Now()))


def _open(connection: Connection) -> QuerySet[Draft]:
    found: QuerySet[Draft] = Draft.objects.filter(connection=connection, state=DraftState.OPEN)
    return found
