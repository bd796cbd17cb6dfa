"""The tables: requests, their items and answers, evidence, and the append-only timeline."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from integrations import catalog
from integrations.conditions import from_data
from integrations.models import Connection
from integrations.provider import Audience, InTicket, ItemKind, Kind, Owner, Provider, Topic
from portal.accounts.models import AccessLink, Company, Role, User
from portal.kit.vault import Place
from requests_app.lifecycle import Stage

_STAGES = [(stage.value, stage.label) for stage in Stage]


class RequestQuerySet(models.QuerySet["Request"]):
    def for_actor(self, user: User) -> RequestQuerySet:
        """The one way to requests. A CSM sees their own, other staff all, a customer admin those a live link opened."""
        if not user.is_active:
            return self.none()
        if user.role == Role.CSM:
            return self.filter(Q(owner=user) | Q(filed_by=user))
        if user.is_desk_staff:
            return self
        link = AccessLink.objects.filter(request_id=OuterRef("public_id"), used_by=user, revoked_at=None)
        return self.filter(Exists(link))


class Request(models.Model):
    """One company's wish for one provider, from draft to closed.

    `stage` is written by services.moves alone; `version` rises with every move and every edit, so that two people
    cannot decide on different contents. In views a model instance is `req`, the HTTP request is `request`.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.PositiveIntegerField(unique=True, editable=False)
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="requests")
    provider_slug = models.CharField(max_length=60)
    kind = models.CharField(max_length=4, choices=[(kind.value, kind.label) for kind in Kind])
    card_version = models.PositiveSmallIntegerField(default=1)
    stage = models.CharField(max_length=24, choices=_STAGES, default=Stage.DRAFT)
    version = models.PositiveIntegerField(default=1)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests_owned"
    )
    filed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests_filed"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="requests_decided",
    )
    duplicate_reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    stage_since = models.DateTimeField(db_default=Now())
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    jira_key = models.CharField(max_length=40, blank=True, db_index=True)
    jira_status = models.CharField(max_length=80, blank=True)
    jira_checked_at = models.DateTimeField(null=True, blank=True)
    connection = models.ForeignKey(
        Connection, on_delete=models.SET_NULL, null=True, blank=True, related_name="requests"
    )

    objects: ClassVar = RequestQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-number"]
        indexes: ClassVar = [models.Index(fields=["stage", "-number"], name="request_by_stage")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(stage__in=[stage.value for stage in Stage]), name="request_stage_known"
            ),
            # Nobody decides on what they filed: four eyes hold even against a hand-written UPDATE.
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("filed_by")), name="request_four_eyes"
            ),
        ]

    def __str__(self) -> str:
        return f"REQ-{self.number}"

    @property
    def provider(self) -> Provider:
        return catalog.get(self.provider_slug)

    @property
    def current_stage(self) -> Stage:
        return Stage(self.stage)


class AnswerState(models.TextChoices):
    MISSING = "missing", "Missing"
    PROVIDED = "provided", "Provided"
    ACCEPTED = "accepted", "Accepted"
    CHANGE_REQUESTED = "change_requested", "Change requested"
    WAIVED = "waived", "Waived"
    NOT_APPLICABLE = "not_applicable", "Not applicable"


class Item(models.Model):
    """One line of a request's checklist, copied from the card's version when the request was made."""

    req = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=300)
    help = models.CharField(max_length=600, blank=True)
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in ItemKind])
    owner = models.CharField(max_length=10, choices=[(owner.value, owner.value) for owner in Owner])
    topic = models.CharField(max_length=12, choices=[(topic.value, topic.label) for topic in Topic])
    options = models.JSONField(default=list, blank=True)
    required = models.JSONField(default=dict)
    visible_to = models.JSONField(default=list)
    ticket = models.CharField(max_length=10, choices=[(value.value, value.value) for value in InTicket])
    maps = models.CharField(max_length=40, blank=True)
    multiline = models.BooleanField(default=False)
    is_credential = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [models.UniqueConstraint("req", "key", name="item_once")]

    def __str__(self) -> str:
        return self.label

    def is_required(self, answers: dict[str, Any]) -> bool:
        return from_data(self.required).holds(answers)

    def is_visible_to(self, audience: Audience) -> bool:
        return audience.value in self.visible_to


class Evidence(models.Model):
    """An uploaded file, re-encoded by us. It is served by one view that checks who asks."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    req = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="evidence")
    file = models.FileField(upload_to="evidence/%Y/%m")
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField("bytes")
    sha256 = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "evidence"
        constraints: ClassVar = [models.UniqueConstraint("req", "sha256", name="evidence_once")]

    def __str__(self) -> str:
        return self.name


class Answer(models.Model):
    """What was given for an item. A secret is sealed here until the connection takes it over; it is never shown."""

    item = models.OneToOneField(Item, on_delete=models.CASCADE, related_name="answer")
    state = models.CharField(max_length=16, choices=AnswerState, default=AnswerState.MISSING)
    value = models.JSONField(null=True, blank=True)
    sealed = models.BinaryField(null=True, blank=True)
    hint = models.CharField(max_length=8, blank=True)
    evidence = models.ForeignKey(Evidence, on_delete=models.SET_NULL, null=True, blank=True)
    comment = models.CharField(max_length=500, blank=True)
    provided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    provided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=AnswerState.values), name="answer_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.item.key}: {self.state}"

    def place(self) -> Place:
        req = self.item.req
        return Place(str(req.company_id), "answer", str(req.public_id), self.item.key)


class AnswerChange(models.Model):
    """The history of an answer, append-only. Secrets appear as "a new value", never as a value."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="history")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())
    before = models.CharField(max_length=500, blank=True)
    after = models.CharField(max_length=500, blank=True)
    on_behalf = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.item.key} at {self.at:%Y-%m-%d %H:%M}"


class Event(models.Model):
    """The timeline: who did what, when, in words. A trigger refuses UPDATE and DELETE."""

    req = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    move = models.CharField(max_length=40, blank=True)
    stage_before = models.CharField(max_length=24, blank=True)
    stage_after = models.CharField(max_length=24, blank=True)
    words = models.CharField(max_length=500)
    reason = models.TextField(blank=True)
    for_customer = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.words
