"""A fresh password before what matters most, and a new session key from then on (reliability-security.md T11, T18)."""

from __future__ import annotations

from datetime import timedelta

from allauth.account.adapter import get_adapter
from django.http import HttpRequest

from portal.kit import clock

LASTS = timedelta(minutes=5)
_CONFIRMED_AT = "confirmed_at"


def is_confirmed(request: HttpRequest) -> bool:
    """Whether this person entered their password in this session within the last five minutes."""
    confirmed_at = request.session.get(_CONFIRMED_AT, 0)
    return bool(clock.now().timestamp() - confirmed_at < LASTS.total_seconds())


def confirm(request: HttpRequest, password: str) -> bool:
    """Whether the password is right; a wrong one counts like one at sign-in. Raises RateLimited."""
    return bool(get_adapter(request).reauthenticate(request.user, password))


def note_confirmed(request: HttpRequest) -> None:
    """Called by the adapter, whichever page asked for the password."""
    request.session.cycle_key()
    request.session[_CONFIRMED_AT] = clock.now().timestamp()
