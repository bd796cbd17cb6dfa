"""Draft and receipt: the next settings of a connection while a person works on them, and what they confirmed."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from integrations.models.connections import Connection, Ruled
from integrations.provider import Provider
from portal.accounts.models import Company, User
from portal.kit.leases import Leased


class Purpose(models.TextChoices):
    SETUP = "setup", "Set-up"
    CHANGE = "change", "Change of settings"


class SetupStep(models.TextChoices):
    """The half-finished state by its name: the step that comes next."""

    PREREQUISITES = "prerequisites", "Before you start"
    ADMIN = "admin", "Who has the rights"
    CONSENT = "consent", "What is read"
    AUTHENTICATE = "authenticate", "Connect"
    FILTER = "filter", "Who comes in"
    MAP = "map", "What is shown"
    PLAN = "plan", "See the plan"
    DONE = "done", "Confirmed"


class DraftState(models.TextChoices):
    OPEN = "open", "Being worked on"
    CONFIRMED = "confirmed", "Confirmed"
    APPLIED = "applied", "In use"
    REFUSED = "refused", "Refused: the plan had changed"
    WITHDRAWN = "withdrawn", "Withdrawn"


class DraftQuerySet(models.QuerySet["Draft"]):
    def for_actor(self, user: User) -> DraftQuerySet:
        return self.filter(connection__company__in=Company.objects.for_actor(user))


class Draft(Ruled):
    """Nothing of it touches the connection before it is confirmed. `step` is where the wizard goes on.

    `rehearses`: people come from a file that was dropped, and nothing can be confirmed. `plan` is the latest dry run.
    `version` rises with every save; a page that saw an older one is refused.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="drafts")
    purpose = models.CharField(max_length=8, choices=Purpose)
    state = models.CharField(max_length=10, choices=DraftState, default=DraftState.OPEN)
    step = models.CharField(max_length=14, choices=SetupStep, default=SetupStep.PREREQUISITES)
    rehearses = models.BooleanField(default=False)
    consented_at = models.DateTimeField(null=True, blank=True)
    consented_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    authenticated_at = models.DateTimeField(null=True, blank=True)
    filter_confirmed_at = models.DateTimeField(null=True, blank=True)
    plan = models.ForeignKey(
        "integrations.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = DraftQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection"], name="draft_open_once", condition=Q(state=DraftState.OPEN)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} of {self.connection}"

    @property
    def provider(self) -> Provider:
        return self.connection.provider


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def for_actor(self, user: User) -> ReceiptQuerySet:
        return self.filter(connection__company__in=Company.objects.for_actor(user))


class Receipt(models.Model):
    """What a person confirmed, for ever: settings before and after, people by kind of change, and the plan's digest.

    `digest` is SHA-256 over all of it in canonical JSON, 64 hexadecimal digits. Append-only by trigger.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="receipts")
    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="receipts")
    purpose = models.CharField(max_length=8, choices=Purpose)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    affected = models.PositiveIntegerField()
    rules_digest = models.CharField(max_length=32)
    plan_digest = models.CharField(max_length=32)
    digest = models.CharField(max_length=64)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = ReceiptQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"receipt {self.digest[:8]}"


class Preview(Leased):
    """One reading of everybody for the wizard's lists, sealed to a key that only one browser has; gone after an hour.

    `fields` are counts by field name over all people, so that a field that nobody has can be told. No values.
    """

    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="previews")
    public_key = models.BinaryField(max_length=32)
    people = models.PositiveIntegerField(default=0)
    pages = models.PositiveIntegerField(default=0)
    expected = models.PositiveIntegerField(null=True, blank=True)
    unreadable = models.PositiveIntegerField(default=0)
    fields = models.JSONField(default=dict)
    read_all = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"preview of {self.draft}"


class PreviewPage(models.Model):
    """`body` is a sealed list of people. UNLOGGED."""

    preview = models.ForeignKey(Preview, on_delete=models.CASCADE, related_name="bodies", db_index=False)
    number = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["preview", "number"], name="preview_page_once")
        ]

    def __str__(self) -> str:
        return f"page {self.number}"


class Inquiry(Leased):
    """ "Why is … (not) here?", asked of the HR system itself: the answer as steps, gone after a day.

    `query` is a name, an e-mail address or an employee number as it was typed. `answers` are traces as
    engine.explain gives them, with no field that the mapping or the filter does not use.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="inquiries")
    query = models.CharField(max_length=254)
    answers = models.JSONField(default=list)
    read = models.PositiveIntegerField(default=0)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"inquiry about {self.connection}"
