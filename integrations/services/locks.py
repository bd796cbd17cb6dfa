"""The lock of a connection, taken before its runs and everything else of it; whoever waits too long is told so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, transaction
from django.utils.translation import gettext as _
from psycopg.errors import LockNotAvailable

from integrations.models import Check, Connection, Run
from portal.kit.errors import NeedsPerson
from portal.kit.leases import LeaseLost, fenced


@contextmanager
def busy_is_told() -> Iterator[None]:
    """For what a person does: a lock that stays taken beyond the database's limit is a sentence. Raises NeedsPerson."""
    try:
        yield
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise NeedsPerson(_("A run is writing at this moment. Try again in a minute."), code="busy") from None


def locked_connection(connection: Connection, *, against_runs: bool = False) -> Connection:
    """The connection, fresh, locked and with its company. Raises NeedsPerson ("busy") while a run is writing.

    `against_runs`: no new run can begin meanwhile, for its row refers to this one.
    """
    rows = Connection.objects.select_for_update(of=("self",), no_key=not against_runs)
    with busy_is_told():
        found: Connection = rows.select_related("company").order_by().get(pk=connection.pk)
    return found


def lock_connection_of(row: Run | Check) -> Connection | None:
    """For the worker that ends a run or a check: the order in which pages lock both. None when both are gone."""
    rows = Connection.objects.select_for_update(of=("self",), no_key=True).order_by()
    found: Connection | None = rows.filter(pk=row.connection_id).first()
    return found


@contextmanager
def fenced_with_connection(row: Run | Check) -> Iterator[Connection]:
    """As `fenced`, with the connection locked before the row; others may still refer to it. Raises LeaseLost."""
    with transaction.atomic():
        connection = lock_connection_of(row)
        if connection is None:
            raise LeaseLost
        with fenced(row):
            yield connection
