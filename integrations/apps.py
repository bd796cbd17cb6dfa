"""What a provider is, and keeping a company in step with it."""

from __future__ import annotations

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from integrations import tasks  # noqa: F401 - registers its jobs
