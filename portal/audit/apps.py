"""The audit log: who did what, append-only and hash-chained."""

from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "portal.audit"
    label = "audit"

    def ready(self) -> None:
        from portal.audit import services  # noqa: F401 - registers its daily duty
