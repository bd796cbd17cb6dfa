"""What happened: the timeline and the reveals of secrets. Triggers refuse to change or delete either."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from requests_app.models.checklist import Item
from requests_app.models.requests import Request


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


class Reveal(models.Model):
    """A secret was shown to a person: who, why, when. Never the secret."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="reveals")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=500)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"{self.item.label} shown to {self.by}"
