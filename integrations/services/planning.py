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
from integrations.services.grouping import foresee_groups
from integrations.services.inviting import foresee_invitations
from integrations.services.matching import match_people
from integrations.services.sync import Sync
from integrations.targets import foreseen, plans
from integrations.targets.directory import Counts, Directory
from portal.kit.leases import update

PLAN_CHANGED = "plan_changed"
# For nobody, for one person, for several; stored in English and retold to whoever reads them.
_CAME_OTHERWISE = (
    gettext_noop("Groups or invitations came out otherwise than in the plan that was confirmed."),
    gettext_noop("The HR system changed after the plan was confirmed: %(n1)s person came out otherwise."),
    gettext_noop("The HR system changed after the plan was confirmed: %(n1)s people came out otherwise."),
)
_DIFFERS = (
    gettext_noop("The plan is not the one that was confirmed any more: groups or invitations differ."),
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
    directory.in_bulk()
    _count_once(run, directory)
    owned, keeps_absent = directory.owned()
    answer = _answer(run, owned)
    seen_before = bool(run.draft or run.receipt)
    at_first = Effect(owned, confirmed=seen_before, keeps=_keeps_missing(sync))
    stopped = tuple(one for one in objections(answer, at_first) if one.stops)
    if stopped:
        return Plan(Counts.none(), stopped)
    missing = _plan_missing(sync)
    counts = directory.counts()
    directory.in_small(counts.kinds)
    problems = match_people(sync, counts)
    counts = directory.counts()
    summary = _summary(sync, counts) if seen_before else None
    refused, remark = _against_receipt(sync, counts, summary)
    if run.receipt:
        directory.execute(foreseen.FORGET)
    effect = replace(_effect(run, owned, counts, confirmed=seen_before), keeps=at_first.keeps)
    objected = (refused,) if refused else _objections(answer, effect, missing)
    problems += plans.report_unknown_managers(directory, removes=not objected)
    return Plan(counts, objected, problems, summary, remark, keeps_absent)


def _summary(sync: Sync, counts: Counts) -> Summary:
    """The plan as a person confirms it, with what follows for groups and invitations."""
    groups, invited = foresee_groups(sync, counts), foresee_invitations(sync, counts)
    following = replace(groups, invited=invited, mailed=invited if sync.rules.policy.mails else 0)
    return plans.summary(sync.directory).leading_to(following)


def _count_once(run: Run, directory: Directory) -> None:
    """Whoever was listed twice, in different batches, counts once and as the first said."""
    times, lines = directory.drop_repeated()
    if times:
        # Who was listed twice and made no line, such as somebody who had left before, counted nowhere.
        unchanged = max(run.unchanged - (times - lines), 0)
        update(run, seen=run.seen - times, unchanged=unchanged, problem_count=run.problem_count + times)


def _plan_missing(sync: Sync) -> int:
    """Lines for whoever is missing in a complete answer. Returns how many are, also where the policy keeps them."""
    if sync.run.kind == RunKind.INCREMENTAL:
        return 0
    return sync.directory.missing() if _keeps_missing(sync) else sync.directory.plan_absent()


def _keeps_missing(sync: Sync) -> bool:
    return sync.rules.policy.on(Leaving.ABSENT) is OnLeave.KEEP


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
        before=_sent_before(run) if owned else 0,
    )


def _sent_before(run: Run) -> int:
    """How many the last complete list had that was neither refused nor undone."""
    lists = Run.objects.that_read_everybody().filter(connection=run.connection_id)
    lists = lists.exclude(undone_by__outcome=RunOutcome.APPLIED)
    return lists.order_by("-pk").values_list("seen", flat=True).first() or 0


def _effect(run: Run, owned: int, counts: Counts, *, confirmed: bool) -> Effect:
    return Effect(
        owned,
        absent=counts.leaving[Leaving.ABSENT],
        terminated=counts.leaving[Leaving.TERMINATED],
        outside=counts.leaving[Leaving.OUTSIDE],
        added=counts.kinds[LineKind.ADDED],
        waiting=plans.waiting_unseen(Directory.of(run)) if run.kind == RunKind.INCREMENTAL else 0,
        confirmed=confirmed,
        # Of a plan with them somebody saw the names; of so few people that says little.
        new_credentials=(owned < LEAST_KNOWN or not confirmed)
        and has_new_credentials(run.connection, draft_of(run)),
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
    form, number = min(differ, 2), {"n1": f"{differ:,}"}
    if sync.run.kind == RunKind.FIRST and not counts.kinds[LineKind.DEACTIVATED] and differ <= most:
        return None, _CAME_OTHERWISE[form] % number
    return Objection(PLAN_CHANGED, f"{_DIFFERS[form] % number} {_UNCHANGED} {_CONFIRM}", stops=True), ""


def _different(sync: Sync, receipt: Receipt, summary: Summary) -> int:
    planned = Run.objects.filter(
        draft=receipt.draft_id, outcome=RunOutcome.PLANNED, plan_digest=receipt.plan_digest
    )
    plan = planned.order_by("-pk").values_list("pk", flat=True).first()
    if plan is None:
        return max(1, abs(summary.affected - receipt.affected))
    return plans.different(sync.directory, plan)


def keep_plan(sync: Sync, plan: Plan) -> dict[str, object]:
    """A dry run's end: the plan stands there to be looked at. Returns what the run's row takes besides its people."""
    run = sync.run
    if plan.stops or plan.summary is None:
        return {"outcome": RunOutcome.HELD}
    plans.keep(sync.directory)
    Draft.objects.filter(runs=run, state=DraftState.OPEN).update(plan=run)
    following = plan.summary.following.counts
    del following["mailed"]  # the rules tell
    return {"outcome": RunOutcome.PLANNED, **following}
