"""Intake, checklist, approval, tickets."""

from __future__ import annotations

from django.apps import AppConfig


class RequestsConfig(AppConfig):
    name = "requests_app"
    verbose_name = "Requests"

    def ready(self) -> None:
        from requests_app import duties, receivers, tasks  # noqa: F401 - registers jobs and receivers
