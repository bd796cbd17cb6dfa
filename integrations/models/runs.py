"""Run: one sync of a connection, as a row with a lease, progress, changes and problems."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from integrations.models.connections import Connection
from integrations.models.directory import DirectoryPerson
from portal.accounts.models import Company, User
from portal.kit.leases import OPEN_STATES, JobState, Leased


class RunKind(models.TextChoices):
    FIRST = "first", "First run"
    SCHEDULED = "scheduled", "Scheduled"
    MANUAL = "manual", "Sync now"
    INCREMENTAL = "incremental", "Only what changed"
    DRY = "dry", "Plan only"
    RELEASE = "release", "Held removals released"
    UNDO = "undo", "Undone"


class Phase(models.TextChoices):
    QUEUED = "queued", "Waiting to start"
    TESTING = "testing", "Testing the credentials"
    READING = "reading", "Reading people"
    APPLYING = "applying", "Applying the changes"
    FINISHED = "finished", "Finished"


class RunOutcome(models.TextChoices):
    NONE = "", "Not finished"
    PLANNED = "planned", "Planned"
    APPLIED = "applied", "Applied"
    HELD = "held", "Held"
    FAILED = "failed", "Failed"


class RunQuerySet(models.QuerySet["Run"]):
    def for_actor(self, user: User) -> RunQuerySet:
        return self.filter(connection__company__in=Company.objects.for_actor(user))

    def that_read_everybody(self) -> RunQuerySet:
        """Their list was complete, and was worked with: at most the removals were held."""
        worked_with = Q(outcome=RunOutcome.APPLIED) | Q(outcome=RunOutcome.HELD, held__gt=0)
        return self.filter(worked_with, kind__in=(RunKind.FIRST, RunKind.SCHEDULED, RunKind.MANUAL))


class Run(Leased):
    """Counters are people unless named otherwise. `slot` is the scheduled instant; one run per connection and slot.

    `cursor` resumes the reading; `pages`, `staged` and `seen` say what the work tables must hold at that point.
    `objections` are the guard's reasons for a hold, in words. `rules_digest` and `plan_digest` are of engine.rules and
    engine.plan. A dry run belongs to a `draft`; a run that carries out a confirmed plan has the `receipt`; one that undoes
    another has `undoes`. `restarts`: how often its list had moved, so that it was read anew. `joined` and `left_groups`
    are memberships. `timings` are seconds by stage. `words` is what a person said when they asked for it.
    `forgotten_at`: the data for undoing it is gone.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=12, choices=RunKind)
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
    restarts = models.PositiveSmallIntegerField(default=0, db_default=0)
    matched = models.PositiveIntegerField(default=0)
    held = models.PositiveIntegerField(default=0)
    groups_made = models.PositiveIntegerField(default=0)
    joined = models.PositiveIntegerField(default=0)
    left_groups = models.PositiveIntegerField(default=0)
    invited = models.PositiveIntegerField(default=0)
    objections = models.JSONField(default=list, blank=True)
    timings = models.JSONField(default=dict, blank=True)
    words = models.CharField(max_length=500, blank=True)
    rules_digest = models.CharField(max_length=32, blank=True)
    plan_digest = models.CharField(max_length=32, blank=True)
    watermark = models.CharField(max_length=100, blank=True)
    draft = models.ForeignKey(
        "integrations.Draft", on_delete=models.CASCADE, null=True, blank=True, related_name="runs"
    )
    receipt = models.ForeignKey(
        "integrations.Receipt", on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    undoes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="undone_by"
    )
    forgotten_at = models.DateTimeField(null=True, blank=True)
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
        return self.added + self.changed + self.deactivated + self.returned + self.matched


class ChangeKind(models.TextChoices):
    ADDED = "added", "Added"
    CHANGED = "changed", "Changed"
    DEACTIVATED = "deactivated", "Deactivated"
    RETURNED = "returned", "Came back"
    MATCHED = "matched", "Taken over"


class _Line(models.Model):
    """One person of a run: `before` and `after` hold only the attributes that differ."""

    source_id = models.CharField(max_length=100)
    person_name = models.CharField(max_length=250)
    kind = models.CharField(max_length=12, choices=ChangeKind)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        abstract = True
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "source_id"], name="%(class)s_once_per_run")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.person_name}"


class Change(_Line):
    """What one run did to one person."""

    # Checked once for each statement (migration 0009), as a load writes a row for everybody.
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="changes", db_index=False, db_constraint=False
    )


class Planned(_Line):
    """One line of a dry run's plan, kept to be looked at."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="planned", db_index=False)


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


class HeldState(models.TextChoices):
    WAITING = "waiting", "Waits for a decision"
    RELEASED = "released", "Released"
    REJECTED = "rejected", "Rejected"
    SUPERSEDED = "superseded", "No longer asked"


class Held(models.Model):
    """A removal that a run did not dare: one person, why they would leave (a Leaving), and what was decided."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="held_people")
    person = models.ForeignKey(DirectoryPerson, on_delete=models.CASCADE, related_name="held")
    why = models.CharField(max_length=12)
    state = models.CharField(max_length=12, choices=HeldState, db_default=HeldState.WAITING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    words = models.CharField(max_length=500, blank=True, db_default="")

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "person"], name="held_once_per_run"),
            models.UniqueConstraint(
                fields=["person"], name="held_waiting_once", condition=Q(state=HeldState.WAITING)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.why}"


class Match(models.Model):
    """Somebody new who may be one of several people who are there already: a person decides who it is.

    `candidates` are public ids. `chosen` None with `decided_at`: somebody new.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="matches")
    source_id = models.CharField(max_length=100)
    person_name = models.CharField(max_length=250)
    candidates = models.JSONField(default=list)
    chosen = models.ForeignKey(
        DirectoryPerson, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "source_id"], name="match_once")
        ]

    def __str__(self) -> str:
        return self.person_name


class Asked(models.Model):
    """One request to the vendor, for the run's page: without secrets, without bodies."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="asked")
    at = models.DateTimeField(db_default=Now())
    method = models.CharField(max_length=7)
    address = models.CharField(max_length=500)
    status = models.PositiveSmallIntegerField(null=True)
    milliseconds = models.PositiveIntegerField(default=0)
    size = models.PositiveIntegerField("bytes", default=0)
    words = models.CharField(max_length=200, blank=True, db_default="")

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.method} {self.address}"


class Staged(models.Model):
    """Work table: the people of a run that differ from the directory. UNLOGGED; emptied when the run ends.

    A line of engine.diff. `place` is that of its batch in Seen, 0 for somebody who is not in the answer. `match_id` is
    the person that a MATCHED line takes over.
    """

    run_id = models.BigIntegerField()
    place = models.PositiveIntegerField()
    source_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=12)
    person_name = models.CharField(max_length=250)
    digest = models.UUIDField()
    belongs = models.BooleanField()
    before = models.JSONField()
    after = models.JSONField()
    match_id = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["run_id"], name="staged_of_run")]

    def __str__(self) -> str:
        return self.source_id


class Seen(models.Model):
    """Work table: the keys that a run has read, a row for each batch. UNLOGGED.

    `place` says how many people were read before, `people` how many keys there are, `keys` are joined with
    targets.sql.SEPARATOR. Who comes twice is found when everybody was read.
    """

    run_id = models.BigIntegerField()
    place = models.PositiveIntegerField()
    people = models.PositiveIntegerField()
    keys = models.TextField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run_id", "place"], name="seen_once")]

    def __str__(self) -> str:
        return f"{self.people} people after {self.place}"


class StagedMember(models.Model):
    """Work table: who is assigned to which group of the vendor's making, such as an event. UNLOGGED."""

    run_id = models.BigIntegerField()
    source_id = models.CharField(max_length=100)
    group_key = models.CharField(max_length=100)
    group_name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run_id", "source_id", "group_key"], name="staged_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.source_id} in {self.group_name}"
