"""How often something may be done: counted in PostgreSQL by one statement, so that it is exact whoever asks at once.

reliability-security.md T10.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest, Now
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.accounts.models import Allowance
from portal.kit import clock, queue

LONGEST = timedelta(days=1)
_IPV6_HOME = 64  # one household or office has at least such a network, and may use any address in it

_TAKE = """
INSERT INTO accounts_allowance AS kept (key, started_at, count) VALUES (%(key)s, %(now)s, 1)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN kept.started_at <= %(before)s THEN 1 ELSE LEAST(kept.count, %(most)s) + 1 END,
    started_at = CASE WHEN kept.started_at <= %(before)s THEN EXCLUDED.started_at ELSE kept.started_at END
RETURNING count, started_at
"""


# Not frozen: contextlib assigns `__traceback__` to what passes through a context manager.
@dataclass(unsafe_hash=True)
class RateLimited(Exception):
    """Enough for now. `after` is how long until it works again."""

    after: timedelta

    @property
    def wait(self) -> str:
        """ "in 4 minutes", rounded up, so that whoever waits that long is let in."""
        seconds = max(1, math.ceil(self.after.total_seconds()))
        if seconds < 60:
            return ngettext("in %(count)s second", "in %(count)s seconds", seconds) % {"count": seconds}
        minutes = math.ceil(seconds / 60)
        return ngettext("in %(count)s minute", "in %(count)s minutes", minutes) % {"count": minutes}

    @property
    def sentence(self) -> str:
        return _("Too many tries. Try again %(wait)s.") % {"wait": self.wait}

    def __str__(self) -> str:
        return self.sentence


def take(name: str, key: str, *, most: int, per: timedelta) -> None:
    """Counts one `name` of `key` (an address, a company's id …). `per` is at most a day.

    Call it outside the transaction of what it limits: a rollback would undo the count.

    Raises RateLimited when `most` were taken since the span began.
    """
    if per > LONGEST:
        raise ValueError("A span is at most a day: older rows are swept away.")
    now = clock.now()
    values: dict[str, str | int | datetime] = {
        "key": _key(name, key, per),
        "now": now,
        "before": now - per,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        count, started_at = cursor.fetchone()
    if count > most:
        raise RateLimited(_rest(started_at, per, now))


def give_back(name: str, key: str, *, per: timedelta) -> None:
    """Undoes one `take`: what was taken beforehand turned out to be no try that counts."""
    rows = Allowance.objects.filter(key=_key(name, key, per))
    rows.update(count=Greatest(F("count") - 1, 0))


def _key(name: str, key: str, per: timedelta) -> str:
    """The key is hashed: who tried what is nobody's business here. The span is a part, so that two may go together."""
    digest = hashlib.sha256(key.strip().lower().encode()).hexdigest()
    return f"{name}/{int(per.total_seconds())}:{digest}"


def _rest(started_at: datetime, per: timedelta, now: datetime) -> timedelta:
    return max(started_at + per - now, timedelta(seconds=1))


def client_address(request: HttpRequest) -> str:
    """The network address of whoever asks; "" when there is none (a socket file without a trusted proxy).

    X-Forwarded-For is believed only as far as our own proxies wrote it (TRUSTED_PROXY_COUNT): what stands further to
    the left is the caller's own invention.
    """
    trusted = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    written = hops[-trusted].strip() if 0 < trusted <= len(hops) else ""
    return _plain(written) or _plain(request.META.get("REMOTE_ADDR", ""))


def client_network(request: HttpRequest) -> str:
    """What limits per network count by: an IPv4 address, or the home network of an IPv6 address."""
    address = client_address(request)
    if not address or not isinstance(ip_address(address), IPv6Address):
        return address
    return str(IPv6Network((address, _IPV6_HOME), strict=False))


def _plain(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


@queue.on_tick
def sweep_allowances() -> None:
    """Spans that ended are of no use."""
    Allowance.objects.filter(started_at__lt=Now() - LONGEST).delete()
