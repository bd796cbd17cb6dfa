"""Writing to the audit log, in the transaction of what is recorded: if the entry fails, so does the deed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from django.db import transaction

from portal.audit.models import DESK, Chain, Entry
from portal.kit import clock
from portal.kit.logs import request_id

# The network address of whoever asks; set by the middleware.
address: ContextVar[str] = ContextVar("address", default="")


class Actor(Protocol):
    """Whoever did it: a user."""

    pk: Any
    email: str


def record(
    action: str,
    *,
    by: Actor | None,
    company_id: int | None = None,
    subject: str = "",
    details: Mapping[str, Any] | None = None,
) -> Entry:
    """Adds an entry ("request.approve", "REQ-1001") to the company's chain, or to the desk's own.

    `by` None is the system. `details` is JSON of plain words and numbers, never a secret.
    """
    with transaction.atomic():
        name = f"company:{company_id}" if company_id else DESK
        chain, _ = Chain.objects.get_or_create(name=name)
        chain = Chain.objects.select_for_update().get(pk=chain.pk)
        entry = Entry(
            chain=chain,
            number=chain.length + 1,
            at=clock.now(),
            action=action,
            actor_id=by.pk if by else None,
            actor=by.email if by else "",
            subject=subject,
            details=dict(details or {}),
            address=address.get(),
            request_id=request_id.get(),
            previous=bytes(chain.head),
        )
        entry.digest = digest_of(entry)
        entry.save(force_insert=True)
        Chain.objects.filter(pk=chain.pk).update(length=entry.number, head=entry.digest)
    return entry


def digest_of(entry: Entry) -> bytes:
    """SHA-256 over the entry's facts in one fixed form, and over the digest before it."""
    facts = [
        entry.chain.name,
        entry.number,
        entry.at.isoformat(timespec="microseconds"),
        entry.action,
        entry.actor_id,
        entry.actor,
        entry.subject,
        entry.details,
        entry.address,
        entry.request_id,
    ]
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(bytes(entry.previous) + text.encode()).digest()
