"""Writing to the audit log, in the transaction of what is recorded: if the entry fails, so does the deed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from django.db import transaction

from portal.audit.digests import digest_of, plain, plain_text
from portal.audit.models import DESK, Chain, Entry
from portal.kit import clock, queue
from portal.kit.logs import request_id

log = logging.getLogger(__name__)

# The network address of whoever asks, and the entries written meanwhile; both set by portal.recording.
address: ContextVar[str] = ContextVar("address", default="")
written: ContextVar[list[int] | None] = ContextVar("written", default=None)

HEADS = "audit.heads"


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

    `by` None is the system. `details` is JSON of plain words and numbers, never a secret; fractions become text.
    The chain is locked until the caller's transaction ends, so that its entries have no gaps. A failure ends that
    transaction as well (reliability-security.md T32).
    """
    with transaction.atomic(savepoint=False):
        chain = _locked(f"company:{company_id}" if company_id else DESK)
        entry = Entry(
            chain=chain,
            number=chain.length + 1,
            at=clock.now(),
            action=plain_text(action, 60),
            actor_id=by.pk if by else None,
            actor=plain_text(by.email, 254) if by else "",
            subject=plain_text(subject, 120),
            details=plain(details or {}),
            address=plain_text(address.get(), 45),
            request_id=plain_text(request_id.get(), 64),
            previous=bytes(chain.head),
        )
        entry.digest = digest_of(entry)
        entry.save(force_insert=True)
        Chain.objects.filter(pk=chain.pk).update(length=entry.number, head=entry.digest)
    if (noted := written.get()) is not None:
        noted.append(entry.pk)
    return entry


def _locked(name: str) -> Chain:
    """The chain of this name, made when it is the first of its kind. Of many at once one makes it."""
    chain = Chain.objects.select_for_update().filter(name=name).first()
    if chain is None:
        Chain.objects.bulk_create([Chain(name=name)], ignore_conflicts=True)
        chain = Chain.objects.select_for_update().get(name=name)
    return chain


@queue.on_tick
def tell_heads() -> None:
    """Once a day every chain's head goes to the log, which is kept elsewhere: what was cut off since is then missed.

    The desk's chain keeps a digest of all of them, so that one database cannot be changed without the other.
    """
    subject = f"heads {clock.now():%Y-%m-%d}"
    if Entry.objects.filter(subject=subject, action=HEADS).exists():
        return
    lines = [head_line(chain) for chain in Chain.objects.order_by("name")]
    together = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    record(HEADS, by=None, subject=subject, details={"chains": len(lines), "digest": together})
    for line in lines:
        log.info("audit head %s", line)


def head_line(chain: Chain) -> str:
    """ "company:7 42 9f86d081:884c7d65:…": name, length and head, as `audit head` prints and `verify --against` reads.

    In groups, because an unbroken line of hex is hidden from the log as a secret would be.
    """
    return f"{chain.name} {chain.length} {bytes(chain.head).hex(':', 4)}"
