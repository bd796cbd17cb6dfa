"""Asking for an effect, and who delivers which kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from portal.kit import queue
from portal.outbox.models import Effect

DELIVER = "outbox.deliver"
Handler = Callable[[Effect], Mapping[str, Any]]
HANDLERS: dict[str, Handler] = {}
FAILED: dict[str, Callable[[Effect], None]] = {}


def effect(kind: str, *, failed: Callable[[Effect], None] | None = None) -> Callable[[Handler], Handler]:
    """Declares the handler of a kind. It returns what to remember; it may run twice and must notice that itself."""

    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        if failed:
            FAILED[kind] = failed
        return handler

    return register


def request_effect(
    kind: str, *, marker: str, subject: str = "", payload: Mapping[str, Any] | None = None
) -> Effect:
    """Writes the row in the caller's transaction and wakes a worker. The same marker twice is one effect."""
    with transaction.atomic():
        row, created = Effect.objects.get_or_create(
            marker=marker, defaults={"kind": kind, "subject": subject, "payload": dict(payload or {})}
        )
        if created:
            queue.wake(DELIVER, row.pk)
    return row
