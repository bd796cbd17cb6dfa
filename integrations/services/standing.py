"""Where people decide about people: in a transaction in which no run of the connection is going on or can begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.models import Connection
from integrations.services.locks import locked_connection
from integrations.services.starts import open_run
from portal.kit.errors import NeedsPerson


@contextmanager
def standing_still(connection: Connection) -> Iterator[Connection]:
    """The connection, locked: a new run's row refers to it and waits. Raises NeedsPerson while one is going on."""
    with transaction.atomic():
        locked = locked_connection(connection, against_runs=True)
        if open_run(locked) is not None:
            raise NeedsPerson(
                _("A run of this connection is going on. Try again as soon as it is over."),
                code="already_running",
            )
        yield locked


def look_again(connection: Connection, *, groups: bool = False) -> None:
    """The next run reads everybody, even where it could ask for changes alone: what was done here is no change there.

    With `groups` it also works out all memberships anew, although no record has changed.
    """
    values = {"full_pass_at": None, "watermark": "", **({"groups_edited": True} if groups else {})}
    Connection.objects.filter(pk=connection.pk).update(**values)
    for name, value in values.items():
        setattr(connection, name, value)  # for whoever saves this one
