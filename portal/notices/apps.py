"""News for people: in the portal, by mail at once or in one digest a day, as each of them prefers."""

from __future__ import annotations

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "portal.notices"
    label = "notices"
