"""A connection's life as a person steers it from its page: pause, resume, disconnect, and what the plan allows."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    HeldState,
    Invitation,
    InvitationState,
    Planned,
)
from integrations.models import PersonState as State
from integrations.provider import Kind
from integrations.services import connections, holds, issues
from integrations.services.entitlement import NOT_ENTITLED, must_be_allowed
from integrations.services.ladder import colleagues_of
from integrations.services.locks import locked_connection
from integrations.services.records import record_of
from integrations.services.schedule import SYNCING
from portal.accounts.models import Company, User
from portal.audit.services import record
from portal.kit import clock
from portal.kit.clock import Clock
from portal.kit.errors import NeedsPerson
from portal.notices.services import notify

# Stored in English and retold to whoever reads it.
NOT_IN_PLAN = gettext_noop(
    "The plan of this company does not include HR connections any more. Nobody is removed by that, and it goes on "
    "by itself as soon as the plan includes them again."
)


def pause(connection: Connection, *, by: User) -> Connection:
    """Nothing is read until somebody resumes it. Pausing twice is pausing once. Raises NeedsPerson."""
    with transaction.atomic():
        row = _locked(connection)
        if row.state == ConnectionState.SETTING_UP:
            raise NeedsPerson(_("It is still being set up: there is nothing to pause."), code="not_running")
        if row.state != ConnectionState.PAUSED:
            connections.pause(row)
            record_of(row, "connection.pause", by=by, state=row.state)
    connection.refresh_from_db()
    return connection


def resume(connection: Connection, *, by: User) -> Connection:
    """Goes on at once; the first outcome decides, and the time of its failures begins again. Raises NeedsPerson."""
    with transaction.atomic():
        row = _locked(connection)
        if row.state == ConnectionState.PAUSED:
            must_be_allowed(row.company, row.provider)
            connections.resume(row, by)
            record_of(row, "connection.resume", by=by, state=row.state)
    connection.refresh_from_db()
    return connection


def disconnect(connection: Connection, *, by: User, now: Clock = clock.now) -> Connection:
    """Ends it: credentials are deleted, people stay as they are, personal data goes after the retention time.

    Raises NeedsPerson when it was ended before.
    """
    with transaction.atomic():
        row = _locked(connection)
        connections.disconnect(row, by, now=now)
        Connection.objects.filter(pk=row.pk).order_by().update(
            purged_at=None, failing_since=None, failures=0, told_reason=""
        )
        issues.resolve(row, now=now)
        # Nobody decides any more, and whoever takes these people over asks afresh.
        holds.waiting(row).order_by().update(state=HeldState.SUPERSEDED)
        record_of(row, "connection.disconnect", by=by, state=row.state)
    connection.refresh_from_db()
    return connection


def end_set_up(connection: Connection, *, by: User) -> None:
    """Ends what was only being set up, with its plans and the people in them; any other stays as it is.

    People whom it had before it was set up again stay. Raises NeedsPerson.
    """
    with transaction.atomic():
        row = locked_connection(connection)
        if row.state != ConnectionState.SETTING_UP:
            return
        disconnect(row, by=by)
        Planned.objects.filter(run__connection=row).delete()


def set_entitlement(company: Company, *, hris: bool, several: bool, by: User) -> Company:
    """Whether the company's plan has HR connections, and several at once. Sending the same again records nothing.

    Without them, those that sync stand still until the plan has them again: those alone go on by themselves then.
    Raises NeedsPerson ("busy") while a run of one is writing.
    """
    with transaction.atomic():
        row = Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        before = {"hris": row.hris_entitled, "several": row.several_connections}
        after = {"hris": hris, "several": several}
        # Before the audit log: whoever steers a connection locks it first, and then writes there.
        turned = _turned_by_plan(row, hris=hris) if hris != before["hris"] else []
        if before != after:
            row.hris_entitled, row.several_connections = hris, several
            row.save(update_fields=["hris_entitled", "several_connections"])
            details = {"before": before, "after": after}
            record("company.entitlement", by=by, company_id=row.pk, subject=row.name, details=details)
        for connection in turned:
            if hris:
                _go_on(connection, by)
            else:
                _stand_still(connection, by)
    return row


def syncing_of(company: Company) -> QuerySet[Connection]:
    """The HR connections that stand still as soon as the plan does not include them."""
    return Connection.objects.filter(company=company, kind=Kind.HRIS, state__in=SYNCING).order_by("pk")


def _stopped_by_plan(company: Company) -> QuerySet[Connection]:
    stopped = Connection.objects.filter(state=ConnectionState.PAUSED, reason_code=NOT_ENTITLED)
    return stopped.filter(company=company, kind=Kind.HRIS).order_by("pk")


def _turned_by_plan(company: Company, *, hris: bool) -> list[Connection]:
    """Those that it stops or lets go on: locked, and without any that somebody ended meanwhile."""
    found = _stopped_by_plan(company) if hris else syncing_of(company)
    locked = [locked_connection(one) for one in found]
    still = set(found.values_list("pk", flat=True))
    return [one for one in locked if one.pk in still]


def _stand_still(connection: Connection, by: User) -> None:
    connections.pause(connection)
    connection.reason, connection.reason_code = NOT_IN_PLAN, NOT_ENTITLED
    connection.save(update_fields=["reason", "reason_code"])
    record_of(connection, "connection.pause", by=by, state=connection.state, reason=NOT_ENTITLED)
    notify(
        [one for one in colleagues_of(connection) if one.pk != by.pk],
        "paused",
        words=f"{connection.provider.name} of {connection.company} was paused",
        detail=NOT_IN_PLAN,
        url=reverse("connection_manage", args=[connection.public_id]),
        marker=f"paused:{connection.pk}:{NOT_ENTITLED}:{clock.now().isoformat()}",
    )


def _go_on(connection: Connection, by: User) -> None:
    connections.resume(connection, by)
    record_of(connection, "connection.resume", by=by, state=connection.state)


def people_of(connection: Connection) -> dict[str, int]:
    """How many are active and deactivated, and how many invitations are open: what an end would touch."""
    counted = DirectoryPerson.objects.filter(connection=connection).aggregate(
        active=Count("pk", filter=Q(state=State.ACTIVE)),
        deactivated=Count("pk", filter=Q(state=State.DEACTIVATED)),
    )
    pending = Invitation.objects.filter(person__connection=connection, state=InvitationState.PENDING)
    return {**counted, "invitations": pending.count()}


def _locked(connection: Connection) -> Connection:
    """Raises NeedsPerson for one that was ended, or while a run is writing."""
    row = locked_connection(connection)
    if row.state == ConnectionState.DISCONNECTED:
        raise NeedsPerson(_(connections.ENDED), code="ended")
    return row
