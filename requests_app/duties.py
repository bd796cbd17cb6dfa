"""What the one-minute tick looks after: reminders, secrets that expire, digests, requests that are late.

Every duty takes a bounded share of what is due; each piece is a transaction of its own that may be tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from portal.kit import clock, queue
from requests_app.services.digests import due_people, send_digest
from requests_app.services.expiry import due_answers, tell_expiry
from requests_app.services.ladder import due_requests, may_send
from requests_app.services.reminders import climb
from requests_app.services.targets import late_requests, tell_late

log = logging.getLogger(__name__)

MOST_PER_TICK = 50


class _Piece(Protocol):
    def __call__(self, pk: int, *, now: datetime) -> object: ...


def remind_customers(now: datetime) -> None:
    if may_send(now):
        _each(due_requests(now).values_list("pk", flat=True)[:MOST_PER_TICK], climb, now)


def watch_expiry(now: datetime) -> None:
    if may_send(now):
        _each(due_answers(now).values_list("pk", flat=True)[:MOST_PER_TICK], tell_expiry, now)


def send_digests(now: datetime) -> None:
    _each([person.pk for person in due_people(now)][:MOST_PER_TICK], send_digest, now)


def tell_of_late_requests(now: datetime) -> None:
    if may_send(now):
        _each(late_requests(now).values_list("pk", flat=True)[:MOST_PER_TICK], tell_late, now)


DUTIES: tuple[Callable[[datetime], None], ...] = (
    remind_customers,
    watch_expiry,
    tell_of_late_requests,
    send_digests,
)


def _each(keys: Iterable[int], work: _Piece, now: datetime) -> None:
    for pk in list(keys):
        try:
            work(pk, now=now)
        except Exception:
            # One broken request must not keep the others waiting; the log carries it to whoever watches.
            log.exception("duty %s failed for %s", work, pk)


@queue.on_tick
def do_duties() -> None:
    """Each duty by itself: one that fails does not stop the others."""
    now = clock.now()
    for duty in DUTIES:
        try:
            duty(now)
        except Exception:
            log.exception("duty %s failed", duty.__name__)
