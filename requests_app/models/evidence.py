"""Uploaded files: a picture drawn by us that people see, and the sealed original that nobody does."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from portal.kit.drawing import PAGES_DRAWN
from requests_app.models.requests import Request


class Evidence(models.Model):
    """An uploaded file, re-encoded by us. It is served by one view that checks who asks."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    req = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="evidence")
    file = models.FileField(upload_to="evidence/%Y/%m")
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField("bytes")
    sha256 = models.CharField(max_length=64)
    pages = models.PositiveSmallIntegerField(default=1)
    # What was uploaded, encrypted with its place; kept as proof and served to nobody.
    original = models.FileField(upload_to="originals/%Y/%m", blank=True)
    original_type = models.CharField(max_length=40, blank=True)
    original_size = models.PositiveIntegerField("bytes of the original", default=0)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "evidence"
        constraints: ClassVar = [models.UniqueConstraint("req", "sha256", name="evidence_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def pages_words(self) -> str:
        """ "The first 5 of 12 pages are shown.", or "" where all of the file is seen."""
        if self.pages <= PAGES_DRAWN:
            return ""
        words = _("The first %(shown)d of %(pages)d pages are shown.")
        return words % {"shown": PAGES_DRAWN, "pages": self.pages}
