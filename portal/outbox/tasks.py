"""The job that delivers an effect: it looks whether it is done, then hands it to the handler of its kind."""

from __future__ import annotations

from portal.kit import clock, queue
from portal.kit.errors import RetryLater
from portal.kit.leases import KILLED, update
from portal.outbox.models import Effect
from portal.outbox.services import DELIVER, FAILED, HANDLERS


def _failed(row: Effect) -> None:
    if told := FAILED.get(row.kind):
        told(row)


@queue.job(DELIVER, model=Effect, failed=_failed)
def deliver_effect(row: Effect) -> None:
    """Raises what the handler raises. An attempt that begins while an answer is missing starts out unclear."""
    if row.failure_code == KILLED and row.unclear_at is None:
        # Whether the attempt before this one got through is unknown.
        update(row, unclear_at=clock.now())
    try:
        result = HANDLERS[row.kind](row)
    except RetryLater as error:
        if error.unclear and row.unclear_at is None:
            update(row, unclear_at=clock.now())
        raise
    update(row, result=dict(result), unclear_at=None)
