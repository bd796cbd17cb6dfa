"""Secrets and certificates that end: one issue 30 days before, another from the day itself, until newer ones are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta

from django.core.cache import cache
from django.urls import reverse
from django.utils.translation import gettext_noop

from integrations.models import Connection, ConnectionState, Credential, Issue
from integrations.services import issues
from integrations.services.credentials import note_expiry
from integrations.services.issues import EXPIRED, EXPIRING
from portal.kit import clock
from portal.kit.clock import Clock

AHEAD = timedelta(days=30)
MOST_PER_TICK = 500
MOST_OPENED = 100
_OPENED = (
    "credentials:ends_noted"  # the key of the last one; where the cache forgets it, they are opened once more
)
# By whether it is a certificate and whether it is over. Stored in English and retold (portal.kit.retold).
_WORDS: Mapping[tuple[bool, bool], str] = {
    (True, False): gettext_noop("The certificate expires on %(n1)s."),
    (True, True): gettext_noop("The certificate expired on %(n1)s."),
    (False, False): gettext_noop("The client secret expires on %(n1)s."),
    (False, True): gettext_noop("The client secret expired on %(n1)s."),
}
_SOON = gettext_noop("Replace it before that day.")
_OVER = gettext_noop("Replace it.")


@dataclass(frozen=True, slots=True)
class _Due:
    """What ends first of a connection, within the next 30 days or already."""

    connection: Connection
    day: date
    is_certificate: bool
    over: bool

    @property
    def code(self) -> str:
        return EXPIRED if self.over else EXPIRING

    @property
    def words(self) -> str:
        day = f"{self.day.day} {self.day:%B %Y}"
        said = _WORDS[self.is_certificate, self.over] % {"n1": day}
        return f"{said} {_OVER if self.over else _SOON}"


def watch_expiry(*, now: Clock = clock.now) -> None:
    """Duty: opens, changes and closes the issues; what is as it should be is not written again."""
    due = _due(now().astimezone(UTC).date())
    known = Issue.objects.open().filter(code__in=(EXPIRING, EXPIRED)).select_related("connection")
    right = set()
    for issue in known.order_by("pk"):
        one = due.get(issue.connection_id)
        if one is None or one.code != issue.code:
            issues.resolve(issue.connection, issue.code, now=now)
        elif one.words == issue.words:
            right.add(issue.connection_id)
    for one in [one for key, one in due.items() if key not in right][:MOST_PER_TICK]:
        url = reverse("connection_manage", args=[one.connection.public_id])
        issues.raise_issue(one.connection, one.code, one.words, url=url, now=now)


def note_missing_ends(*, most: int = MOST_OPENED) -> None:
    """Duty: what was stored before ends were noted is opened once, some at each tick, the oldest first."""
    opened = cache.get(_OPENED, 0)
    unknown = Credential.objects.filter(pk__gt=opened, expires_on=None).exclude(sealed=None)
    rows = list(unknown.select_related("connection").order_by("pk")[:most])
    for row in rows:
        note_expiry(row)
    if rows:
        cache.set(_OPENED, rows[-1].pk, timeout=None)


def _due(today: date) -> dict[int, _Due]:
    """By connection. What is only tried in a draft does not count."""
    rows = Credential.objects.filter(draft=None, expires_on__lte=today + AHEAD)
    ended = Connection.objects.filter(state=ConnectionState.DISCONNECTED)
    found: dict[int, _Due] = {}
    for row in rows.exclude(connection__in=ended).select_related("connection").order_by("expires_on", "pk"):
        day = row.expires_on
        if day is not None and row.connection_id not in found:
            found[row.connection_id] = _Due(row.connection, day, bool(row.sealed), over=day <= today)
    return found
