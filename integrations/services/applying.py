"""The applying half of a run: the plan, the writes, the outcome, in one fenced transaction."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from integrations.engine.diff import LineKind
from integrations.engine.guard import TOO_MANY_REMOVALS
from integrations.models import Connection, ConnectionState, Phase, RunKind, RunOutcome
from integrations.services import holds
from integrations.services.adopting import adopt, refuse
from integrations.services.grouping import update_groups
from integrations.services.held_news import tell_of_held
from integrations.services.inviting import update_invitations
from integrations.services.issues import HELD_WORDS
from integrations.services.locks import fenced_with_connection
from integrations.services.matching import refuse_taken
from integrations.services.planning import Plan, keep_plan, make_plan
from integrations.services.run_news import tell_of_end
from integrations.services.states import set_connected, set_error
from integrations.services.sync import STEP, Sync
from integrations.targets import plans
from portal.kit.failpoints import reach
from portal.kit.leases import renew, update


def apply_plan(sync: Sync) -> None:
    """Applies what may be applied and finishes the run. Raises LeaseLost; then nothing was written."""
    run, directory = sync.run, sync.directory
    reach("before_apply")
    with sync.watch.timed("applying"):
        directory.prepare(run.seen)
        renew(run, STEP)
        with fenced_with_connection(run) as connection:
            plan = make_plan(sync)
            reach("after_plan")
            dry = run.kind == RunKind.DRY
            values = keep_plan(sync, plan) if dry else _carry_out(sync, plan, connection)
            reach("in_apply")
            directory.clear()
            _finish(sync, plan, values)
            if not dry:
                first = connection.last_success_at is None
                _tell(sync, plan, connection, values)
                tell_of_end(run, connection, first=first)
    reach("after_apply_before_end")


def _carry_out(sync: Sync, plan: Plan, connection: Connection) -> dict[str, Any]:
    """Writes the plan as far as nobody objects. Returns what the run's row takes."""
    run, directory = sync.run, sync.directory
    if plan.stops:
        refuse(run, plan.objections[0].code)
        return {"outcome": RunOutcome.HELD}
    if run.receipt:
        adopt(connection, run.receipt)
    if plan.keeps_absent:
        directory.see_again()
    held = _hold_removals(sync, plan)
    counts = directory.counts() if held else plan.counts
    directory.apply(counts.kinds)
    reach("after_people")
    grouped = update_groups(sync, connection, counts, held=bool(held))
    invited = update_invitations(sync, counts)
    _read_up_to(sync, connection)
    return {
        "outcome": RunOutcome.HELD if held else RunOutcome.APPLIED,
        **{kind.value: counts.kinds[kind] for kind in LineKind if kind is not LineKind.REFRESHED},
        "held": held,
        "groups_made": grouped.made,
        "joined": grouped.joined,
        "left_groups": grouped.left,
        "invited": invited,
    }


def _hold_removals(sync: Sync, plan: Plan) -> int:
    """Takes the removals out of the plan when somebody must look at them first. Returns how many."""
    directory = sync.directory
    plans.supersede(directory, only_seen=sync.run.kind == RunKind.INCREMENTAL)
    if not plan.objections:
        return 0
    held = plans.hold(directory)
    directory.drop_removals()
    # Whoever stays after all keeps the address that somebody else was to have.
    if refused := refuse_taken(directory):
        update(sync.run, problem_count=sync.run.problem_count + refused)
    return held


def _read_up_to(sync: Sync, connection: Connection) -> None:
    """From where an incremental run may go on, and when everybody was last read."""
    run, values = sync.run, dict[str, Any]()
    if run.watermark:
        values["watermark"] = run.watermark
    if run.kind != RunKind.INCREMENTAL:
        values["full_pass_at"] = Now()
    if values:
        Connection.objects.filter(pk=connection.pk).order_by().update(**values)


def _finish(sync: Sync, plan: Plan, values: dict[str, Any]) -> None:
    run = sync.run
    sync.asked.write()
    if plan.summary:
        values = {**values, "plan_digest": plan.summary.digest}
        if run.kind == RunKind.DRY:
            kinds = plan.summary.counts
            values |= {kind.value: kinds.get(kind, 0) for kind in LineKind if kind is not LineKind.REFRESHED}
    update(
        run,
        phase=Phase.FINISHED,
        objections=[one.words for one in plan.objections],
        problem_count=run.problem_count + plan.problems,
        words=plan.remark or run.words,
        timings=sync.watch.told(),
        finished_at=Now(),
        **values,
    )


def _tell(sync: Sync, plan: Plan, connection: Connection, values: dict[str, Any]) -> None:
    """What the outcome means for the connection. Settings that were refused leave it as it was."""
    first = plan.objections[0] if plan.objections else None
    if first is None and holds.waiting(connection).exists():
        # Only who changed was read: what an earlier run held still waits.
        set_connected(connection, reason=HELD_WORDS, reason_code=TOO_MANY_REMOVALS)
    elif first is None:
        set_connected(connection)
    elif first.stops:
        if sync.run.receipt is None or connection.state == ConnectionState.CONNECTING:
            by_hand = sync.run.kind == RunKind.MANUAL
            set_error(connection, reason=first.words, reason_code=first.code, by_hand=by_hand)
    else:
        set_connected(connection, reason=first.words, reason_code=first.code)
        tell_of_held(sync.run, connection, int(values["held"]))
