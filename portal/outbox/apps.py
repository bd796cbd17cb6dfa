"""Effects on the outside world, each one a row that is delivered exactly once."""

from __future__ import annotations

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "portal.outbox"
    label = "outbox"

    def ready(self) -> None:
        from portal.outbox import tasks  # noqa: F401 - registers the job
