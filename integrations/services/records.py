"""What is done to a connection, in the audit log of its company."""

from __future__ import annotations

from integrations.models import Connection
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.audit.services import record


def record_of(
    connection: Connection, action: str, /, *, by: User | None, subject: str = "", **details: object
) -> Entry:
    """The connection is the subject where nothing else is named. `details` as of `record`."""
    told = subject or str(connection)
    return record(action, by=by, company_id=connection.company_id, subject=told, details=details)
