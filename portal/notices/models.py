"""A notice is one piece of news for one person; preferences say how each kind of news reaches them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class By(models.TextChoices):
    """How a kind of news is mailed. In the portal it always appears."""

    NOW = "now", "At once"
    DIGEST = "digest", "In the daily digest"
    NEVER = "never", "Not by mail"


class Notice(models.Model):
    """`words` is one sentence, `url` a path of the portal. The marker keeps the same news from coming twice.

    `by` is how its reader wanted such news when it came; a later choice mails nothing again.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=40)
    words = models.CharField(max_length=300)
    detail = models.CharField(max_length=1000, blank=True)
    url = models.CharField(max_length=300)
    by = models.CharField(max_length=6, choices=By, default=By.NOW)
    marker = models.CharField(max_length=160)
    at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True, blank=True)
    digest_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index("user", condition=Q(read_at=None), name="notice_unread"),
            models.Index("user", condition=Q(by="digest", digest_at=None), name="notice_for_digest"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint("user", "marker", name="notice_once"),
            models.CheckConstraint(condition=Q(by__in=By.values), name="notice_by_known"),
        ]

    def __str__(self) -> str:
        return self.words


class Preference(models.Model):
    """How this person wants one kind of news; without a row the kind's default holds."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preferences")
    kind = models.CharField(max_length=40)
    by = models.CharField(max_length=6, choices=By)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("user", "kind", name="preference_once"),
            models.CheckConstraint(condition=Q(by__in=By.values), name="preference_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.by}"


class Digest(models.Model):
    """When a person's daily digest comes, in their time zone; without an hour it never does. Missing: at eight.

    `last_on` is the day of theirs that is done with, whether or not there was anything to say.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="digest"
    )
    hour = models.PositiveSmallIntegerField(default=8, null=True, blank=True)
    last_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(hour=None) | Q(hour__lte=23), name="digest_hour_of_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.hour}:00" if self.hour is not None else "no digest"
