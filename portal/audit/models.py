"""Entries of the audit log, one chain per company and one for the desk. A trigger refuses to change or remove them.

People and companies are kept as numbers and words, not as foreign keys: an entry outlives what it speaks of.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

DESK = "desk"


class Chain(models.Model):
    """The head of a chain; its row is locked while an entry is added."""

    name = models.CharField(max_length=40, unique=True)
    length = models.PositiveBigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=bytes(32))

    def __str__(self) -> str:
        return self.name


class Entry(models.Model):
    """`digest` covers this entry and, through `previous`, all before it in its chain."""

    chain = models.ForeignKey(Chain, on_delete=models.PROTECT, related_name="entries")
    number = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=60)
    actor_id = models.PositiveBigIntegerField(null=True, blank=True)
    actor = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=120, blank=True)
    details = models.JSONField(default=dict, blank=True)
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    previous = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)

    class Meta:
        verbose_name_plural = "entries"
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index("subject", name="audit_by_subject"),
            models.Index("actor_id", name="audit_by_actor"),
            models.Index(fields=["action"], opclasses=["varchar_pattern_ops"], name="audit_by_action"),
        ]
        constraints: ClassVar = [models.UniqueConstraint("chain", "number", name="audit_entry_once")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
