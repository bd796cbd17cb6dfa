"""Run: one sync of a connection, as a row with a lease, progress, changes and problems."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from integrations.models.connections import Connection
from portal.accounts.models import Company, User
from portal.kit.leases import OPEN_STATES, JobState, Leased


class RunKind(models.TextChoices):
    FIRST = "first", "First run"
    SCHEDULED = "scheduled", "Scheduled"
    MANUAL = "manual", "Sync now"


class Phase(models.TextChoices):
    QUEUED = "queued", "Waiting to start"
    TESTING = "testing", "Testing the credentials"
    READING = "reading", "Reading people"
    APPLYING = "applying", "Applying the changes"
    FINISHED = "finished", "Finished"


class RunOutcome(models.TextChoices):
    NONE = "", "Not finished"
    APPLIED = "applied", "Applied"
    HELD = "held", "Held"
    FAILED = "failed", "Failed"


class RunQuerySet(models.QuerySet["Run"]):
    def for_actor(self, user: User) -> RunQuerySet:
        return self.filter(connection__company__in=Company.objects.for_actor(user))


class Run(Leased):
    """Counters are people unless named otherwise. `slot` is the scheduled instant; one run per connection and slot.

    `cursor` resumes the reading; `pages`, `staged` and `seen` say what the work tables must hold at that point.
    `objections` are the guard's reasons for a hold, in words.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=10, choices=RunKind)
    slot = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    phase = models.CharField(max_length=10, choices=Phase, default=Phase.QUEUED)
    outcome = models.CharField(max_length=8, choices=RunOutcome, default=RunOutcome.NONE, blank=True)
    cursor = models.JSONField(null=True, blank=True)
    read_all = models.BooleanField(default=False)
    expected = models.PositiveIntegerField(null=True, blank=True)
    pages = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField("people read", default=0)
    staged = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    deactivated = models.PositiveIntegerField(default=0)
    returned = models.PositiveIntegerField(default=0)
    problem_count = models.PositiveIntegerField(default=0)
    objections = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = RunQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint("connection", "slot", name="run_once_per_slot", condition=~Q(slot=None)),
            models.UniqueConstraint(
                "connection", name="run_one_at_a_time", condition=Q(job_state__in=OPEN_STATES)
            ),
            models.CheckConstraint(condition=Q(job_state__in=JobState.values), name="run_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def change_total(self) -> int:
        return self.added + self.changed + self.deactivated + self.returned


class ChangeKind(models.TextChoices):
    ADDED = "added", "Added"
    CHANGED = "changed", "Changed"
    DEACTIVATED = "deactivated", "Deactivated"
    RETURNED = "returned", "Came back"


class Change(models.Model):
    """What one run did to one person. `before` and `after` hold only the attributes that differ."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="changes", db_index=False)
    source_id = models.CharField(max_length=100)
    person_name = models.CharField(max_length=250)
    kind = models.CharField(max_length=12, choices=ChangeKind)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "source_id"], name="change_once_per_run")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.person_name}"


class Problem(models.Model):
    """One record that a run could not handle. `code` is stable, `shape` tells the value's form, never the value."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="problems")
    source_id = models.CharField(max_length=100, blank=True)
    person_name = models.CharField(max_length=250, blank=True)
    code = models.CharField(max_length=40)
    field = models.CharField(max_length=60, blank=True)
    shape = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering: ClassVar = ["code", "pk"]

    def __str__(self) -> str:
        return f"{self.code} {self.person_name}"


class Staged(models.Model):
    """Work table: the people of a run that differ from the directory. UNLOGGED; emptied when the run ends."""

    run_id = models.BigIntegerField()
    source_id = models.CharField(max_length=100)
    person = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run_id", "source_id"], name="staged_once")]

    def __str__(self) -> str:
        return self.source_id


class Seen(models.Model):
    """Work table: every key that a run has read, with whether the person works here. UNLOGGED."""

    run_id = models.BigIntegerField()
    source_id = models.CharField(max_length=100)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run_id", "source_id"], name="seen_once")]

    def __str__(self) -> str:
        return self.source_id
