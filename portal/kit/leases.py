"""Rows that a worker owns for a while: claimed with a lease on the database's clock, fenced by a number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Now


class LeaseLost(Exception):
    """Somebody else owns the row now. Whoever sees this stops without writing."""


class JobState(models.TextChoices):
    QUEUED = "queued", "Waiting to start"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Needs a person"
    DEAD = "dead", "Given up"


KILLED = "killed"
OPEN_STATES = (JobState.QUEUED, JobState.RUNNING)


class Leased(models.Model):
    """The columns of a row that stands for a piece of work. Attempts are counted before the work starts."""

    job_state = models.CharField(max_length=8, choices=JobState, default=JobState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    waits = models.PositiveSmallIntegerField(default=0)  # attempts that ended because the other side was away
    epoch = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(db_default=Now())
    woken_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    failure = models.CharField(max_length=500, blank=True)

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        return self.job_state in OPEN_STATES


L = TypeVar("L", bound=Leased)


def claim(model: type[L], pk: Any, *, lease: timedelta) -> L | None:
    """Takes the row if it is due and nobody holds it. Returns it with our `epoch`, or None.

    A row whose owner vanished in mid-work comes back with the failure code "killed".
    """
    rows = model._default_manager.filter(pk=pk).order_by()
    ours = {
        "job_state": JobState.RUNNING,
        "attempts": F("attempts") + 1,
        "epoch": F("epoch") + 1,
        "lease_until": Now() + lease,
        "woken_at": None,
    }
    taken = rows.filter(job_state=JobState.QUEUED, due_at__lte=Now()).update(**ours)
    if not taken:
        abandoned = rows.filter(job_state=JobState.RUNNING, lease_until__lt=Now())
        taken = abandoned.update(**ours, failure_code=KILLED)
    return model._default_manager.get(pk=pk) if taken else None


def _mine(row: L) -> models.QuerySet[L]:
    model = type(row)
    return model._default_manager.filter(pk=row.pk, epoch=row.epoch, job_state=JobState.RUNNING).order_by()


def update(row: Leased, **values: Any) -> None:
    """Writes to the row only while we own it. Raises LeaseLost."""
    if not _mine(row).update(**values):
        raise LeaseLost
    for name, value in values.items():
        if not hasattr(value, "resolve_expression"):
            setattr(row, name, value)


def renew(row: Leased, lease: timedelta, **values: Any) -> None:
    """Extends the lease, with a progress report. Raises LeaseLost."""
    update(row, lease_until=Now() + lease, **values)


@contextmanager
def fenced(row: Leased) -> Iterator[None]:
    """A transaction that holds the row locked and is refused when we no longer own it. Raises LeaseLost."""
    with transaction.atomic():
        if _mine(row).select_for_update().first() is None:
            raise LeaseLost
        yield
