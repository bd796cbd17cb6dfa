"""Who: users, companies, memberships, access links."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"
    label = "accounts"

    def ready(self) -> None:
        from portal.accounts import limits, sessions, tasks  # noqa: F401 - registers effects, duties, receivers
