"""Connection: a company and a provider, with credentials, mapping, schedule and state."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from integrations import catalog
from integrations.engine.rules import Rules
from integrations.provider import Kind, Provider
from portal.accounts.models import Company, User
from portal.kit.leases import Leased
from portal.kit.vault import Place

SETTINGS = ("filter", "mapping", "policy", "declined")


class ConnectionState(models.TextChoices):
    SETTING_UP = "setting_up", "Setting up"
    CONNECTING = "connecting", "Connecting"
    CONNECTED = "connected", "Connected"
    DEGRADED = "degraded", "Connected, with trouble"
    QUARANTINED = "quarantined", "Connection error"
    PAUSED = "paused", "Paused"
    DISCONNECTED = "disconnected", "Disconnected"


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def for_actor(self, user: User) -> ConnectionQuerySet:
        """The one way to connections: those of the companies that the actor may see."""
        return self.filter(company__in=Company.objects.for_actor(user))

    def live(self) -> ConnectionQuerySet:
        return self.exclude(state=ConnectionState.DISCONNECTED)


class Ruled(models.Model):
    """The four settings that a person chooses, and the rules that they make of the provider's card.

    They are what engine.rules.Rules.of takes; `mapping` overrides the card's, attribute by attribute.
    """

    filter = models.JSONField(default=dict, blank=True)
    mapping = models.JSONField(default=dict, blank=True)
    policy = models.JSONField(default=dict, blank=True)
    declined = models.JSONField(default=list, blank=True)

    class Meta:
        abstract = True

    @property
    def provider(self) -> Provider:
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, Any]:
        """What a receipt keeps and a connection takes over."""
        return {name: getattr(self, name) for name in SETTINGS}

    @property
    def rules(self) -> Rules:
        """Raises ValueError for what no page of ours would have stored."""
        card = self.provider
        given = {**self.settings, "policy": {**card.policy, **self.policy}}
        return Rules.of(card.mapping, **given, card_version=card.version)


class Connection(Ruled):
    """`reason` is the sentence shown beside an error.

    `schedule` is times of day in UTC or one interval ("every 6h"); empty means the card's. `approved_at`: a request
    allows it to run; `confirmed_at`: a person has seen its plan. Both together start it. `failing_since`, `failures`
    and `told_reason` belong to the ladder of retries. `full_pass_at` and `watermark` tell whether the next run may read
    only what changed. `started_by_request` is the number of the request that it came from, for the page only.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="connections")
    provider_slug = models.CharField(max_length=60)
    kind = models.CharField(max_length=4, choices=[(kind.value, kind.label) for kind in Kind])
    state = models.CharField(max_length=12, choices=ConnectionState, default=ConnectionState.SETTING_UP)
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    schedule = models.JSONField(default=list, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    told_reason = models.CharField(max_length=40, blank=True)
    full_pass_at = models.DateTimeField(null=True, blank=True)
    watermark = models.CharField(max_length=100, blank=True)
    groups_edited = models.BooleanField(default=False)
    disconnected_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)
    next_run_at = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    started_by_request = models.CharField(max_length=20, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = ConnectionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["company__name", "provider_slug"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                "company",
                "provider_slug",
                name="connection_once",
                condition=~Q(state=ConnectionState.DISCONNECTED),
            ),
            models.CheckConstraint(
                condition=Q(state__in=ConnectionState.values), name="connection_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.company} · {self.provider.name}"

    @property
    def provider(self) -> Provider:
        return catalog.get(self.provider_slug)


class Credential(models.Model):
    """One value that the connection needs. Secret ones are sealed; the others stand in the clear.

    `expires_on` is read from it, or from the certificate that it is, when it is stored.

    One with a `draft` is tried there and takes the other's place only when the draft is confirmed.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="credentials")
    draft = models.ForeignKey(
        "integrations.Draft", on_delete=models.CASCADE, null=True, blank=True, related_name="credentials"
    )
    key = models.CharField(max_length=60)
    value = models.CharField(max_length=500, blank=True)
    sealed = models.BinaryField(null=True, blank=True)
    hint = models.CharField(max_length=8, blank=True)
    expires_on = models.DateField(null=True, blank=True)
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    given_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "key", "draft"], name="credential_once_each", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.key

    def place(self) -> Place:
        connection = self.connection
        return Place(str(connection.company_id), "credential", str(connection.public_id), self.key)


class Check(Leased):
    """One verification of a connection: its findings, step by step, in words."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="checks")
    findings = models.JSONField(default=list)
    ok = models.BooleanField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"check of {self.connection}"
