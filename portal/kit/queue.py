"""The one door to django-q2. The database row is the truth; what is queued here is only a wake-up call.

reliability-security.md §2.2 lists what the queue does when it fails; §2.4 is the contract kept here.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django_q.models import OrmQ, Schedule, Task
from django_q.tasks import async_task

from portal.kit import clock
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.leases import JobState, Leased, LeaseLost, claim, fenced, update

log = logging.getLogger(__name__)

LADDER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
)
MOST_WAITS = 30  # with the ladder's last step about a week
_WAKE_AGAIN = timedelta(minutes=2)

Work = Callable[[Any], None]
Failed = Callable[[Any], None]
Locks = Callable[[Any], object]


class JobFailed(Exception):
    """Our own bug in a job, without the words of the original exception, which may quote a secret."""


@dataclass(frozen=True)
class Job:
    name: str
    model: type[Leased]
    work: Work
    failed: Failed | None
    cluster: str
    lease: timedelta
    cap: int
    most_waits: int = MOST_WAITS
    locks: Locks | None = None


JOBS: dict[str, Job] = {}
_ON_TICK: list[Callable[[], None]] = []


def job(
    name: str,
    *,
    model: type[Leased],
    cluster: str = "short",
    lease: timedelta = timedelta(seconds=90),
    cap: int = 5,
    most_waits: int = MOST_WAITS,
    failed: Failed | None = None,
    locks: Locks | None = None,
) -> Callable[[Work], Work]:
    """Declares the work behind a kind of row. `work` gets the claimed row; `failed` runs in the transaction that ends it.

    `most_waits`: how often in a row the other side may be away before the work is given up. `locks` takes what has to be
    locked before the row, where `failed` writes more than the row: everybody must lock in one order. A name is at most 60
    characters: django-q2 loses the history of longer ones.
    """

    def register(work: Work) -> Work:
        if name in JOBS or len(name) > 60:
            raise ValueError(f"job name {name!r} is taken or too long")
        JOBS[name] = Job(name, model, work, failed, cluster, lease, cap, most_waits, locks)
        return work

    return register


def on_tick(function: Callable[[], None]) -> Callable[[], None]:
    """Runs `function` once a minute. It should only look for what is due and wake it."""
    _ON_TICK.append(function)
    return function


def wake(name: str, pk: int) -> None:
    """Asks a worker to look at the row. Committed, or rolled back, together with the caller's transaction."""
    known = JOBS[name]
    known.model._default_manager.filter(pk=pk).update(woken_at=Now())
    async_task("portal.kit.queue.run_job", name, pk, cluster=known.cluster, task_name=f"{name} {pk}"[:100])


def run_job(name: str, pk: int) -> None:
    """What a worker executes. May be called any number of times for the same row."""
    known = JOBS[name]
    row = claim(known.model, pk, lease=known.lease)
    if row is None:
        return
    if row.attempts - row.waits > known.cap:
        log.error("job %s %s was given up after %s attempts", name, pk, row.attempts - 1)
        _end(known, row, JobState.DEAD, "gave_up", row.failure or "It failed again and again. We were told.")
        return
    try:
        known.work(row)
    except LeaseLost:
        return
    except RetryLater as error:
        _again(known, row, error.after, error.reason, waited=True)
    except NeedsPerson as error:
        _end(known, row, JobState.FAILED, error.code, error.sentence)
    except Exception as error:
        log.exception("job %s %s failed", name, pk)
        _again(known, row, None, f"Our own error ({type(error).__name__}). It will be tried again.")
        raise JobFailed(f"{name} {pk}: {type(error).__name__}") from None
    else:
        _end(known, row, JobState.DONE, "", "")


def continue_soon(row: Leased, name: str) -> None:
    """Ends this step of a longer piece of work and asks for the next one. Progress starts the attempts afresh."""
    with fenced(row):
        update(row, job_state=JobState.QUEUED, attempts=0, waits=0, due_at=Now(), lease_until=None)
        wake(name, row.pk)


def made_progress(row: Leased) -> None:
    """What goes wrong from here on counts afresh: a long piece of work may be told to wait many times."""
    update(row, attempts=1, waits=0)


def _end(known: Job, row: Leased, state: JobState, code: str, sentence: str) -> None:
    failed = known.failed if state in (JobState.FAILED, JobState.DEAD) else None
    try:
        with transaction.atomic():
            if failed and known.locks:
                known.locks(row)
            with fenced(row):
                update(row, job_state=state, failure_code=code, failure=sentence[:500], lease_until=None)
                if failed:
                    failed(row)
    except LeaseLost:
        return


def _again(known: Job, row: Leased, after: timedelta | None, reason: str, *, waited: bool = False) -> None:
    waits = row.waits + waited
    if row.attempts - waits >= known.cap or waits > known.most_waits:
        _end(known, row, JobState.DEAD, "gave_up", reason)
        return
    step = LADDER[min(row.attempts - 1, len(LADDER) - 1)] * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
    wait = step if after is None else after
    if (
        waits > 1 and known.most_waits < MOST_WAITS
    ):  # "soon", said again and again, would use few waits up at once
        wait = max(wait, step)
    try:
        update(
            row,
            job_state=JobState.QUEUED,
            due_at=Now() + wait,
            waits=waits,
            lease_until=None,
            woken_at=None,
            failure_code="retry",
            failure=reason[:500],
        )
    except LeaseLost:
        return


def retry_now(row: Leased, name: str) -> None:
    """A person asked for another try of work that had ended badly."""
    with transaction.atomic():
        type(row)._default_manager.filter(pk=row.pk).exclude(
            job_state__in=(JobState.RUNNING, JobState.DONE)
        ).update(job_state=JobState.QUEUED, attempts=0, waits=0, due_at=Now(), failure="", failure_code="")
        wake(name, row.pk)


def reap() -> None:
    """Re-creates lost wake-ups: rows that are due, or whose owner is gone, and that nobody woke lately."""
    for known in JOBS.values():
        due = Q(job_state=JobState.QUEUED, due_at__lte=Now())
        abandoned = Q(job_state=JobState.RUNNING, lease_until__lt=Now())
        asleep = Q(woken_at=None) | Q(woken_at__lt=Now() - _WAKE_AGAIN)
        rows = known.model._default_manager.filter(due | abandoned).filter(asleep).order_by("due_at")
        for pk in rows.values_list("pk", flat=True)[:500]:
            wake(known.name, pk)


def tick() -> None:
    """The one schedule of the product, every minute."""
    reap()
    for cluster in sorted({known.cluster for known in JOBS.values()}):
        send_canary(cluster)
    for function in _ON_TICK:
        try:
            function()
        except Exception:
            # One broken duty must not stop the others; the log carries it to whoever watches.
            log.exception("tick duty %s failed", function.__qualname__)


def ensure_tick() -> None:
    """Writes the schedule row. Called after migrations, safe to repeat."""
    Schedule.objects.update_or_create(
        name="tick",
        defaults={
            "func": "portal.kit.queue.tick",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
            "repeats": -1,
            "cluster": "short",
        },
    )


def canary() -> None:
    """Does nothing. That it was executed and recorded is the proof that a cluster lives."""


def send_canary(cluster: str) -> None:
    """Puts a canary into the cluster's queue unless something is waiting there already."""
    if not OrmQ.objects.filter(key=cluster).exists():
        async_task("portal.kit.queue.canary", cluster=cluster, task_name=f"canary {cluster}")


def canary_age(cluster: str) -> float | None:
    """Seconds since the cluster last recorded a task as ended; None when it never did. Reads only.

    A canary that only runs would not notice a dead monitor; a busy cluster proves its life by its other tasks.
    """
    last = Task.objects.filter(cluster=cluster).order_by("-stopped").only("stopped").first()
    return (clock.now() - last.stopped).total_seconds() if last else None
