"""How long a session lasts: 30 minutes without use, 12 hours in all, 2 for customers (reliability-security.md T11)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from portal.accounts.models import AccessLink, User
from portal.kit import clock

_STARTED_AT, _SEEN_AT = "started_at", "seen_at"
_NOTED_EVERY = 60  # seconds: a click is not worth a write each
# Which link this browser came in by: it opens nothing, it only saves searching for the mail.
LINK_COOKIE = "__Host-link" if settings.PRODUCTION else "link"
_SALT = "portal.accounts.link-cookie"
_COOKIE_LASTS = timedelta(days=90)


@receiver(user_logged_in, dispatch_uid="accounts.begin_session")
def begin(sender: object, *, request: HttpRequest, user: User, **_: Any) -> None:
    now = clock.now().timestamp()
    request.session[_STARTED_AT] = request.session[_SEEN_AT] = now
    request.session.set_expiry(int(_longest(user).total_seconds()))


def is_over(request: HttpRequest, user: User) -> bool:
    """Whether the session of this signed-in person ended by time. One from before there were limits starts now."""
    now = clock.now().timestamp()
    started_at = request.session.setdefault(_STARTED_AT, now)
    seen_at = request.session.setdefault(_SEEN_AT, now)
    idle = timedelta(minutes=settings.SESSION_IDLE_MINUTES).total_seconds()
    return bool(now - seen_at > idle or now - started_at > _longest(user).total_seconds())


def note_use(request: HttpRequest) -> None:
    """Remembers that a person did something; a page that asks by itself is no person."""
    now = clock.now().timestamp()
    if is_use(request) and now - request.session[_SEEN_AT] > _NOTED_EVERY:
        request.session[_SEEN_AT] = now


def is_use(request: HttpRequest) -> bool:
    """Whatever changes something, and going to a page. Not fragments, pictures and scripts' questions."""
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        return True
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        return False
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def _longest(user: User) -> timedelta:
    hours = settings.SESSION_HOURS if user.is_desk_staff else settings.CUSTOMER_SESSION_HOURS
    return timedelta(hours=hours)


def remember_link(response: HttpResponse, link: AccessLink) -> None:
    response.set_signed_cookie(
        LINK_COOKIE,
        str(link.pk),
        salt=_SALT,
        max_age=_COOKIE_LASTS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def remembered_link(request: HttpRequest) -> int | None:
    """The key of the link that this browser came in by; None when it did not, or somebody touched the cookie."""
    value = request.get_signed_cookie(LINK_COOKIE, default="", salt=_SALT, max_age=_COOKIE_LASTS)
    return int(value) if value else None
