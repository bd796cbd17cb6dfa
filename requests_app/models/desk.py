"""What the desk keeps for itself: saved views of the queue, and the reminders that were sent."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from requests_app.models.requests import Request


class SavedView(models.Model):
    """A named set of filters, as the query of an address. A shared one is seen by all of the desk."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, blank=True)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint("owner", "name", name="saved_view_once")]

    def __str__(self) -> str:
        return self.name


class Reminder(models.Model):
    """One rung of the ladder that was climbed: unique, so that nobody is reminded twice of the same thing.

    `since` is when the wait began (the request's `stage_since`); a new wait starts the ladder afresh.
    """

    req = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="reminders")
    rung = models.CharField(max_length=20)
    since = models.DateTimeField()
    sent_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint("req", "rung", "since", name="reminder_once")]

    def __str__(self) -> str:
        return f"{self.rung} for {self.req}"
