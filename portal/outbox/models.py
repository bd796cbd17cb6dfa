"""One row per effect on the outside world. Its marker is unique: the same effect cannot be asked for twice."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from portal.kit.leases import JobState, Leased


class Effect(Leased):
    """`kind` names the handler ("mail.send"), `payload` is what it needs: ids and words, never a secret.

    `unclear_at` is set while an answer may have been lost: the handler looks before it tries again.
    """

    kind = models.CharField(max_length=40)
    marker = models.CharField(max_length=120, unique=True)
    subject = models.CharField(max_length=80, blank=True, db_index=True)
    payload = models.JSONField(default=dict)
    result = models.JSONField(default=dict, blank=True)
    unclear_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index("job_state", "due_at", name="effect_due")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(job_state__in=JobState.values), name="effect_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.marker}"
