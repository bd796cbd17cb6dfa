"""The end of invitations that nobody accepted in six months: whoever was mailed one leaves, unless too many would."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, QuerySet
from django.urls import reverse

from integrations.engine.guard import MOST_REMOVALS, MOST_REMOVED_SHARE
from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Invitation,
    InvitationState,
    Membership,
    PersonState,
    Run,
)
from integrations.services import issues
from integrations.services.ladder import colleagues_of
from integrations.services.records import record_of
from integrations.services.standing import look_again
from integrations.targets.sql import NO_DIGEST
from portal.kit.leases import OPEN_STATES
from portal.notices.services import notify

_PER_TICK = 200
LASTS = timedelta(days=183)  # six months (seed 002)
EXPIRED = "expired"
STILL = (ConnectionState.PAUSED, ConnectionState.DISCONNECTED)  # nobody is changed while they are


def expire_invitations(now: datetime) -> int:
    """Duty: whoever did not accept in six months leaves again; the next run invites them anew. Returns how many.

    While nothing can be read, nobody could be invited anew. Whoever was never mailed had nothing to accept: theirs goes
    on for as long again.
    """
    due = Invitation.objects.filter(state=InvitationState.PENDING, expires_at__lte=now)
    due = due.exclude(person__connection__state__in=(*STILL, ConnectionState.QUARANTINED))
    with transaction.atomic():
        due = due.filter(person__connection__in=_idle(due))
        due.filter(sent_at=None).order_by().update(expires_at=now + LASTS)
        _hold_too_many(due, now)
        rows = list(
            due.select_for_update(skip_locked=True, of=("self",)).order_by("expires_at", "pk")[:_PER_TICK]
        )
        Invitation.objects.filter(pk__in=[row.pk for row in rows]).order_by().update(
            state=InvitationState.EXPIRED
        )
        _let_go([row.person_id for row in rows], now)
    return len(rows)


def _idle(due: QuerySet[Invitation]) -> list[int]:
    """Connections of whose people nothing is being written, locked before these as runs lock them.

    A run that has read them already would bring back half of somebody. The next tick looks again.
    """
    rows = Connection.objects.select_for_update(skip_locked=True)
    rows = rows.filter(pk__in=due.order_by().values("person__connection")).order_by("pk")
    idle = set(rows.values_list("pk", flat=True))
    running = Run.objects.filter(connection__in=idle, job_state__in=OPEN_STATES)
    return sorted(idle - set(running.values_list("connection", flat=True)))


# --- too many at once ---------------------------------------------------------------------------------------


def _hold_too_many(due: QuerySet[Invitation], now: datetime) -> None:
    """Where more would go than a run may deactivate unasked, nobody goes for a week, and people are told."""
    numbers = dict(_going(due).values_list("person__connection").annotate(Count("pk")))
    for connection in Connection.objects.select_related("company").filter(pk__in=numbers).order_by("pk"):
        number, most = numbers[connection.pk], _most(connection)
        if number > most:
            theirs = due.filter(person__connection=connection).order_by()
            theirs.update(expires_at=now + issues.TIME_TO_LOOK)
            _tell(connection, number)
        elif _soon(connection, now).count() <= most:
            issues.resolve(connection, issues.INVITATIONS)


def _going(ending: QuerySet[Invitation]) -> QuerySet[Invitation]:
    return ending.filter(person__state=PersonState.ACTIVE, person__protected=False).order_by()


def _soon(connection: Connection, now: datetime) -> QuerySet[Invitation]:
    """Those who go within the time to look, whoever was held until then among them."""
    mailed = Invitation.objects.filter(state=InvitationState.PENDING, sent_at__isnull=False)
    return _going(mailed.filter(person__connection=connection, expires_at__lte=now + issues.TIME_TO_LOOK))


def _most(connection: Connection) -> float:
    active = DirectoryPerson.objects.filter(connection=connection, state=PersonState.ACTIVE).count()
    return max(MOST_REMOVALS, active * MOST_REMOVED_SHARE)


def _tell(connection: Connection, number: int) -> None:
    """An issue, and our people once, until it is over."""
    url = f"{reverse('invitation_list', args=[connection.public_id])}?state={InvitationState.PENDING}"
    issue = issues.raise_issue(
        connection, issues.INVITATIONS, issues.INVITATIONS_WORDS, count=number, url=url
    )
    words = f"{connection}: {number:,} people did not accept their invitation in six months. They stay for a week more."
    notify(colleagues_of(connection), "held", words=words, url=url, marker=f"invitations:{issue.pk}")


# --- who goes -----------------------------------------------------------------------------------------------


def _let_go(people: list[int], now: datetime) -> None:
    """Protected people stay. The digest of nobody's record: the next run reads them afresh."""
    leaving = DirectoryPerson.objects.filter(pk__in=people, state=PersonState.ACTIVE, protected=False)
    by_owner = defaultdict[int, list[int]](list)
    for key, owner in leaving.order_by("pk").values_list("pk", "connection"):
        by_owner[owner].append(key)
    for connection in Connection.objects.filter(pk__in=by_owner).order_by("pk"):
        look_again(connection)
        record_of(connection, "invitation.expired", by=None, people=len(by_owner[connection.pk]))
    keys = [key for theirs in by_owner.values() for key in theirs]
    Membership.objects.filter(person__in=keys).delete()
    DirectoryPerson.objects.filter(pk__in=keys).order_by().update(
        state=PersonState.DEACTIVATED,
        left_because=EXPIRED,
        deactivated_at=now,
        updated_at=now,
        raw_digest=NO_DIGEST,
    )
