"""A run's plan, once everybody was read: its lines, what the guard says, and whether it is what was confirmed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db.models import Count
from django.utils.translation import gettext_noop

from integrations.engine.diff import LineKind
from integrations.engine.guard import (
    LEAST_KNOWN,
    MOST_REMOVALS,
    MOST_REMOVED_SHARE,
    Answer,
    Effect,
    Objection,
    objections,
)
from integrations.engine.plan import Summary
from integrations.engine.policy import Leaving, OnLeave
from integrations.engine.problems import DUPLICATE_ID, UNIDENTIFIED
from integrations.engine.rules import Rules
from integrations.models import SETTINGS, Draft, DraftState, Problem, Receipt, Run, RunKind, RunOutcome
from integrations.services.credentials import has_new_credentials
from integrations.services.matching import match_people
from integrations.services.reading import Sync
from integrations.targets import plans
from integrations.targets.directory import Counts

PLAN_CHANGED = "plan_changed"
# For one person, for several; stored in English and retold to whoever reads them.
_CAME_OTHERWISE = (
    gettext_noop("The HR system changed after the plan was confirmed: %(n1)s person came out otherwise."),
    gettext_noop("The HR system changed after the plan was confirmed: %(n1)s people came out otherwise."),
)
_DIFFERS = (
    gettext_noop("The plan is not the one that was confirmed any more: it differs for %(n1)s person."),
    gettext_noop("The plan is not the one that was confirmed any more: it differs for %(n1)s people."),
)
_UNCHANGED, _CONFIRM = (
    gettext_noop("Nobody was changed."),
    gettext_noop("Look at the new plan and confirm it."),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The lines are in the work table. `problems` were found while it was made; `remark` is a sentence, or ""."""

    counts: Counts
    objections: tuple[Objection, ...] = ()
    problems: int = 0
    summary: Summary | None = None
    remark: str = ""
    keeps_absent: bool = False

    @property
    def stops(self) -> bool:
        """Nobody is changed at all."""
        return any(one.stops for one in self.objections)


def rules_of(run: Run) -> Rules:
    """A dry run goes by its draft, a confirmed plan by its receipt, every other run by the connection's settings."""
    if run.receipt:
        return Draft(connection=run.connection, **settings_after(run.receipt)).rules
    return run.draft.rules if run.draft else run.connection.rules


def draft_of(run: Run) -> Draft | None:
    """The settings and credentials that the run tries, if it tries any."""
    return run.receipt.draft if run.receipt else run.draft


def settings_after(receipt: Receipt) -> dict[str, object]:
    """What the connection takes over."""
    return {name: receipt.after[name] for name in SETTINGS if name in receipt.after}


def make_plan(sync: Sync) -> Plan:
    """Completes the lines and judges them. Belongs into the run's fenced transaction."""
    run, directory = sync.run, sync.directory
    owned, keeps_absent = directory.owned()
    answer = _answer(run, owned)
    stopped = tuple(one for one in objections(answer, Effect(owned)) if one.stops)
    if stopped:
        return Plan(Counts.none(), stopped)
    directory.in_bulk()
    missing = _plan_missing(sync)
    problems = match_people(sync, directory.counts()) + plans.report_unknown_managers(directory)
    counts = directory.counts()
    summary = plans.summary(directory) if run.draft or run.receipt else None
    refused, remark = _against_receipt(sync, counts, summary)
    seen_before = bool(run.draft or run.receipt)
    effect = _effect(run, owned, counts, confirmed=seen_before)
    objected = (refused,) if refused else _objections(answer, effect, missing)
    return Plan(counts, objected, problems, summary, remark, keeps_absent)


def _plan_missing(sync: Sync) -> int:
    """Lines for whoever is missing in a complete answer. Returns how many are, also where the policy keeps them."""
    if sync.run.kind == RunKind.INCREMENTAL:
        return 0
    if sync.rules.policy.on(Leaving.ABSENT) is OnLeave.DEACTIVATE:
        return sync.directory.plan_absent()
    return sync.directory.missing()


def _answer(run: Run, owned: int) -> Answer:
    if run.kind == RunKind.INCREMENTAL:
        # Few or none is what such an answer should be: it cannot be too small.
        return Answer(complete=run.read_all, people=max(run.seen, owned, 1))
    codes = (*UNIDENTIFIED, DUPLICATE_ID)
    rows = (
        Problem.objects.filter(run=run, code__in=codes).order_by().values_list("code").annotate(Count("pk"))
    )
    found = dict(rows) if run.problem_count else {}
    return Answer(
        complete=run.read_all,
        people=run.seen,
        unidentified=sum(found.get(code, 0) for code in UNIDENTIFIED),
        repeated=found.get(DUPLICATE_ID, 0),
        expected=run.expected,
    )


def _effect(run: Run, owned: int, counts: Counts, *, confirmed: bool) -> Effect:
    return Effect(
        owned,
        absent=counts.leaving[Leaving.ABSENT],
        terminated=counts.leaving[Leaving.TERMINATED],
        outside=counts.leaving[Leaving.OUTSIDE],
        added=counts.kinds[LineKind.ADDED],
        confirmed=confirmed,
        new_credentials=0 < owned < LEAST_KNOWN and has_new_credentials(run.connection, draft_of(run)),
    )


def _objections(answer: Answer, effect: Effect, missing: int) -> tuple[Objection, ...]:
    """Who is missing tells whether it is the same organisation; who leaves, whether a person must look."""
    everybody = replace(effect, absent=missing, terminated=0, outside=0, confirmed=True)
    found = objections(answer, everybody)
    return found if any(one.stops for one in found) else objections(answer, effect)


def _against_receipt(sync: Sync, counts: Counts, summary: Summary | None) -> tuple[Objection | None, str]:
    """The objection to a plan that is not what a person confirmed, or a remark about a small difference.

    Only a plan that removes nobody, of a connection that is being set up, may differ, and by as much as the guard
    allows of removals.
    """
    receipt = sync.run.receipt
    if receipt is None or summary is None or summary.digest == receipt.plan_digest:
        return None, ""
    differ = _different(sync, receipt, summary)
    most = max(MOST_REMOVALS, int(receipt.affected * MOST_REMOVED_SHARE))
    many, number = differ != 1, {"n1": f"{differ:,}"}
    if sync.run.kind == RunKind.FIRST and not counts.kinds[LineKind.DEACTIVATED] and differ <= most:
        return None, _CAME_OTHERWISE[many] % number
    return Objection(PLAN_CHANGED, f"{_DIFFERS[many] % number} {_UNCHANGED} {_CONFIRM}", stops=True), ""


def _different(sync: Sync, receipt: Receipt, summary: Summary) -> int:
    planned = Run.objects.filter(
        draft=receipt.draft_id, outcome=RunOutcome.PLANNED, plan_digest=receipt.plan_digest
    )
    plan = planned.order_by("-pk").values_list("pk", flat=True).first()
    if plan is None:
        return max(1, abs(summary.affected - receipt.affected))
    return plans.different(sync.directory, plan)


def keep_plan(sync: Sync, plan: Plan) -> dict[str, object]:
    """A dry run's end: the plan stands there to be looked at. Returns what the run's row takes."""
    run = sync.run
    if plan.stops or plan.summary is None:
        return {"outcome": RunOutcome.HELD}
    plans.keep(sync.directory)
    Draft.objects.filter(runs=run, state=DraftState.OPEN).update(plan=run)
    return {"outcome": RunOutcome.PLANNED}
