"""Issue: something about a connection that a person should know, until it is over or put aside."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from integrations.models.connections import Connection
from portal.accounts.models import Company, User

# Nothing is read, or soon will not be. What else there is leaves the connection working.
_ERRORS = frozenset({"credentials", "expired", "failing"})


class IssueQuerySet(models.QuerySet["Issue"]):
    def for_actor(self, user: User) -> IssueQuerySet:
        """The one way to issues: those of the companies that the actor may see."""
        return self.filter(connection__company__in=Company.objects.for_actor(user))

    def open(self) -> IssueQuerySet:
        return self.filter(resolved_at=None)

    def shown(self) -> IssueQuerySet:
        """Open, and not put aside at the moment."""
        return self.open().filter(Q(snoozed_until=None) | Q(snoozed_until__lte=Now()))


class Issue(models.Model):
    """`code` is stable: the same trouble raises the same row. `count` is how many people or times it is about."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="issues")
    code = models.CharField(max_length=40)
    words = models.CharField(max_length=500)
    count = models.PositiveIntegerField(default=1)
    url = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    snoozed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects: ClassVar = IssueQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-seen_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "code"], name="issue_open_once", condition=Q(resolved_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def is_error(self) -> bool:
        return self.code in _ERRORS
