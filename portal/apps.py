"""The composition: checks, commands, template tags. Owns no table."""

from __future__ import annotations

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Integration Desk"

    def ready(self) -> None:
        from portal import checks, receivers  # noqa: F401 - register the system checks and the tick
