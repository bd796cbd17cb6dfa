"""From a draft to a receipt: the plan is made, looked at, and confirmed by typing how many people it touches."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.engine.plan import REGROUPED, Following
from integrations.models import (
    Connection,
    ConnectionState,
    Draft,
    DraftState,
    Planned,
    Purpose,
    Receipt,
    Run,
    RunKind,
    RunOutcome,
    SetupStep,
)
from integrations.services.draft_rows import (
    DraftRefused,
    forget_plans,
    refuse_gone,
    save,
    tell,
    writing,
)
from integrations.services.entitlement import locked_company, must_be_allowed
from integrations.services.locks import locked_connection
from integrations.services.previews import forget_previews
from integrations.services.receipts import after_of, before_of, digest_of
from integrations.services.schedule import next_slot
from integrations.services.starts import open_run, start_run
from integrations.signals import draft_confirmed
from portal.accounts import limits
from portal.accounts.models import User
from portal.kit import clock
from portal.kit.leases import OPEN_STATES, JobState
from portal.kit.retold import retold

# Stored in English and translated where it is shown.
WAITS = gettext_noop("Set up and confirmed. It starts as soon as the request is approved.")
MOST_PLANS, PLANS_PER = 20, timedelta(hours=1)
COUNTS = ("added", "changed", "deactivated", "returned", "matched")


def start_plan(draft: Draft, *, by: User) -> Run:
    """A dry run of the draft; one that is being made is given again, for every save calls off what was before it.

    Raises DraftRefused (rehearsal, not_ready, gone), RateLimited.
    """
    going = Run.objects.filter(draft=draft, kind=RunKind.DRY, job_state__in=OPEN_STATES).first()
    if going is not None:
        return going
    limits.take("draft.plan", str(draft.connection_id), most=MOST_PLANS, per=PLANS_PER)
    with writing(draft) as locked:
        if locked.rehearses:
            raise _refuse_rehearsal()
        if not (locked.consented_at and locked.authenticated_at and locked.filter_confirmed_at):
            raise DraftRefused(_("Something before the plan is still missing."), "not_ready")
        if open_run(locked.connection) is not None:
            raise _refuse_running()
        forget_plans(locked)
        run = start_run(locked.connection, kind=RunKind.DRY, by=by, draft=locked)
        locked.plan, locked.step = None, SetupStep.PLAN
        locked.save(update_fields=["plan", "step"])
        tell(locked, "draft.plan", by)
    return run


def plan_is_current(draft: Draft) -> bool:
    """Whether the latest plan was finished with the present settings and credentials."""
    plan = draft.plan
    if plan is None or plan.outcome != RunOutcome.PLANNED or not plan.plan_digest:
        return False
    return draft.authenticated_at is not None and plan.rules_digest == draft.rules.digest


def affected_by(plan: Run) -> int:
    """Whom a plan does something to, also those who only change groups: the number to be typed."""
    return plan.change_total + _regrouped(plan)


def _regrouped(plan: Run) -> int:
    return Planned.objects.filter(run=plan, kind=REGROUPED).count()


def following_of(draft: Draft, plan: Run) -> dict[str, int]:
    """What a plan leads to besides the people, as engine.plan.Following counts it."""
    mailed = plan.invited if draft.rules.policy.mails else 0
    return Following(plan.groups_made, plan.joined, plan.left_groups, plan.invited, mailed).counts


def confirm(draft: Draft, *, typed: int, plan_digest: str, by: User) -> Receipt:
    """The only way by which settings come into use. A second click gives the same receipt.

    Raises DraftRefused (changed, wrong_number, not_ready, rehearsal, gone); NeedsPerson where the company may not have
    the connection (any more).
    """
    with transaction.atomic():
        company = locked_company(draft.connection.company)
        connection = locked_connection(draft.connection)
        _end_finished_plan(draft)
        locked = Draft.objects.select_for_update().get(pk=draft.pk)
        locked.connection, connection.company = connection, company
        if (earlier := _same_receipt(locked, typed, plan_digest)) is not None:
            return earlier
        plan = _confirmable(locked, typed, plan_digest)
        if locked.purpose == Purpose.SETUP:
            must_be_allowed(company, connection.provider)
        receipt = _written(locked, plan, by)
        save(locked, state=DraftState.CONFIRMED, step=SetupStep.DONE)
        forget_previews(locked)
        _put_to_use(connection, locked, receipt, by)
        tell(locked, "draft.confirm", by, receipt=receipt.digest, affected=receipt.affected)
        draft_confirmed.send(Connection, connection=connection, receipt=receipt)
    draft.refresh_from_db()
    return receipt


def start_confirmed(connection: Connection, receipt: Receipt | None, by: User) -> None:
    """The first run of a connection that is approved and confirmed. Belongs into the caller's transaction."""
    connection.state = ConnectionState.CONNECTING
    connection.reason = connection.reason_code = ""
    connection.next_run_at = next_slot(connection, clock.now())
    connection.save()
    start_run(connection, kind=RunKind.FIRST, by=by, receipt=receipt)


def _end_finished_plan(draft: Draft) -> None:
    """A plan is looked at as soon as it is there; its worker may still be about to put its row away."""
    runs = Run.objects.filter(draft=draft, kind=RunKind.DRY, job_state__in=OPEN_STATES)
    done = {"job_state": JobState.DONE, "epoch": F("epoch") + 1, "lease_until": None}
    runs.filter(outcome=RunOutcome.PLANNED).order_by().update(**done)


def _same_receipt(draft: Draft, typed: int, plan_digest: str) -> Receipt | None:
    """For a draft that is over: the receipt that this click asks for. Raises DraftRefused (gone) for any other."""
    if draft.state == DraftState.OPEN:
        return None
    found: Receipt | None = draft.receipts.filter(plan_digest=plan_digest, affected=typed).first()
    if found is None:
        raise refuse_gone()
    return found


def _confirmable(draft: Draft, typed: int, plan_digest: str) -> Run:
    """The plan that this confirms. Raises DraftRefused."""
    if draft.rehearses:
        raise _refuse_rehearsal()
    if draft.connection.state in (ConnectionState.PAUSED, ConnectionState.DISCONNECTED):
        raise DraftRefused(_("The connection stands still. Resume it first."), "not_ready")
    plan = draft.plan
    if plan is None or plan.outcome != RunOutcome.PLANNED:
        raise DraftRefused(_not_ready(draft), "not_ready")
    if plan.plan_digest != plan_digest or not plan_is_current(draft):
        raise DraftRefused(
            _("The plan has changed since you looked at it. Look at it again."),
            "changed",
        )
    if open_run(draft.connection) is not None:
        raise _refuse_running()
    if typed != affected_by(plan):
        raise DraftRefused(
            _(
                "This is not the number of people that the plan affects. Look at the plan and type its number."
            ),
            "wrong_number",
        )
    return plan


def _not_ready(draft: Draft) -> str:
    """What the guard had against the latest plan, or that there is none."""
    plan = Run.objects.filter(draft=draft, kind=RunKind.DRY).first()
    if plan is not None and plan.outcome == RunOutcome.HELD:
        return " ".join(retold(str(one)) for one in plan.objections)
    return _("There is no finished plan yet. Make the plan, and look at it first.")


def _written(draft: Draft, plan: Run, by: User) -> Receipt:
    counts = {name: getattr(plan, name) for name in COUNTS}
    counts |= {REGROUPED: _regrouped(plan), **following_of(draft, plan)}
    receipt = Receipt(
        connection=draft.connection,
        draft=draft,
        purpose=draft.purpose,
        before=before_of(draft),
        after=after_of(draft),
        counts=counts,
        affected=affected_by(plan),
        rules_digest=plan.rules_digest,
        plan_digest=plan.plan_digest,
        confirmed_by=by,
        confirmed_at=clock.now(),
    )
    receipt.digest = digest_of(receipt)
    receipt.save(force_insert=True)
    return receipt


def _put_to_use(connection: Connection, draft: Draft, receipt: Receipt, by: User) -> None:
    """A set-up is taken over at once, for nothing runs yet; a change by the run that carries it out."""
    if draft.purpose == Purpose.CHANGE:
        start_run(connection, kind=RunKind.MANUAL, by=by, receipt=receipt)
        return
    for name, value in draft.settings.items():
        setattr(connection, name, value)
    connection.confirmed_at = receipt.confirmed_at
    if connection.approved_at:
        start_confirmed(connection, receipt, by)
        return
    connection.reason, connection.reason_code = WAITS, "waits_for_approval"
    connection.save()


def _refuse_rehearsal() -> DraftRefused:
    return DraftRefused(
        _("This is a rehearsal with a file. Connect the HR system itself, and then confirm."), "rehearsal"
    )


def _refuse_running() -> DraftRefused:
    return DraftRefused(
        _("A sync of this connection is running. Try again as soon as it is over."), "not_ready"
    )
