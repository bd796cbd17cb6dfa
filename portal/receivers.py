"""After migrations: the one schedule of the product exists."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_migrate
from django.dispatch import receiver

from portal.kit import queue


@receiver(post_migrate)
def write_the_tick(sender: Any, **_: Any) -> None:
    if getattr(sender, "name", "") == "django_q":
        queue.ensure_tick()
