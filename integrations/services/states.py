"""What the outcome of a run or a check means for its connection: the state, the reason, and the news."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from integrations.models import Connection, ConnectionState
from integrations.signals import CONNECTED, FAILED, connection_news

# A person's decision; what a worker found out meanwhile does not undo it.
_DECIDED = (ConnectionState.PAUSED, ConnectionState.DISCONNECTED)


def set_connected(connection: Connection, *, reason: str = "", reason_code: str = "") -> None:
    """It works. `reason` is for what somebody should look at nevertheless, such as held removals."""
    first = connection.last_success_at is None
    values = {"state": ConnectionState.CONNECTED, "last_success_at": Now()}
    if _write(connection, reason=reason, reason_code=reason_code, **values) and first:
        connection_news.send(Connection, connection=connection, news=CONNECTED, reason="")


def set_error(connection: Connection, *, reason: str, reason_code: str) -> None:
    """A person must look at it. It is news only while the connection was being made."""
    was_connecting = connection.state == ConnectionState.CONNECTING
    if (
        _write(connection, state=ConnectionState.QUARANTINED, reason=reason, reason_code=reason_code)
        and was_connecting
    ):
        connection_news.send(Connection, connection=connection, news=FAILED, reason=connection.reason)


def _write(connection: Connection, *, reason: str, reason_code: str, **values: Any) -> bool:
    values |= {"reason": reason[:500], "reason_code": reason_code[:40]}
    changed = (
        Connection.objects.filter(pk=connection.pk).exclude(state__in=_DECIDED).order_by().update(**values)
    )
    connection.refresh_from_db()
    return bool(changed)
