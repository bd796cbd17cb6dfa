"""The applying half of a run: the guard's judgement, the writes, the outcome, in one fenced transaction."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count
from django.db.models.functions import Now

from integrations.engine.diff import LineKind
from integrations.engine.guard import Answer, Effect, Objection, objections
from integrations.engine.problems import DUPLICATE_ID, UNIDENTIFIED
from integrations.models import Connection, Phase, Problem, Run, RunOutcome
from integrations.services.reading import STEP, Sync
from integrations.services.states import set_connected, set_error
from portal.kit.leases import fenced, renew, update


def apply_plan(sync: Sync) -> None:
    """Applies what may be applied and finishes the run. Raises LeaseLost; then nothing was written."""
    run, directory = sync.run, sync.directory
    directory.prepare(run.seen)
    renew(run, STEP)
    with fenced(run):
        answer, owned = _answer(run), directory.owned()
        objected = objections(answer, Effect(owned))
        counts = dict.fromkeys(LineKind, 0)
        if not objected:
            absent = directory.plan_absent()
            counts = directory.counts()
            objected = objections(answer, Effect(owned, absent, counts[LineKind.DEACTIVATED] - absent))
            if objected:
                directory.drop_removals()
                counts[LineKind.DEACTIVATED] = 0
            directory.apply(counts)
        directory.clear()
        _finish(run, counts, objected)


def _answer(run: Run) -> Answer:
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


def _finish(run: Run, counts: dict[LineKind, int], objected: Sequence[Objection]) -> None:
    update(
        run,
        phase=Phase.FINISHED,
        outcome=RunOutcome.HELD if objected else RunOutcome.APPLIED,
        added=counts[LineKind.ADDED],
        changed=counts[LineKind.CHANGED],
        deactivated=counts[LineKind.DEACTIVATED],
        returned=counts[LineKind.RETURNED],
        objections=[one.words for one in objected],
        finished_at=Now(),
    )
    connection = Connection.objects.get(pk=run.connection_id)
    first = objected[0] if objected else None
    if first and first.stops:
        set_error(connection, reason=first.words, reason_code=first.code)
    elif first:
        set_connected(connection, reason=first.words, reason_code=first.code)
    else:
        set_connected(connection)
