"""A request: one company's wish for one provider. Its stage is written by one service alone."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from integrations import catalog
from integrations.models import Connection
from integrations.provider import Kind, Provider
from portal.accounts.models import AccessLink, Company, Role, User
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
    related_to = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="related_from"
    )
    copied_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="copies"
    )
    reminders_snoozed_until = models.DateTimeField(null=True, blank=True)
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
