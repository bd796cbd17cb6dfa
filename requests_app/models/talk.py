"""What people say about a request: notes among ourselves, messages to the customer, and "I am stuck"."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from requests_app.models.checklist import Item
from requests_app.models.evidence import Evidence
from requests_app.models.requests import Request


class Reach(models.TextChoices):
    """Who reads a message. What is *for* the customer is a message, what is *about* them a note."""

    INTERNAL = "internal", "Internal note"
    CUSTOMER = "customer", "Message to the customer"


class Origin(models.TextChoices):
    PORTAL = "portal", "Integration Desk"
    JIRA = "jira", "Jira"


class Message(models.Model):
    """One note or message. A stuck one is a blocker until somebody resolves it; `jira_id` is its twin in Jira.

    `by` is empty for what came from Jira; `author` then names the person there.
    """

    req = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="messages")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    author = models.CharField(max_length=120, blank=True)
    at = models.DateTimeField(db_default=Now())
    reach = models.CharField(max_length=8, choices=Reach)
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.PORTAL)
    text = models.TextField()
    item = models.ForeignKey(Item, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    is_stuck = models.BooleanField(default=False)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    mentions = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    files = models.ManyToManyField(Evidence, related_name="messages", blank=True)
    jira_id = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering: ClassVar = ["at", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(reach__in=Reach.values), name="message_reach_known"),
            models.UniqueConstraint(
                "req", "jira_id", name="message_once_per_jira_comment", condition=~Q(jira_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reach_display()} on {self.req}"
