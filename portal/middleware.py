"""What every request passes: an id for the logs, the limits of its session, and the policy. Default is deny."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, available_timezones

from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from portal.accounts import sessions
from portal.accounts.limits import RateLimited
from portal.accounts.models import Membership, Role, User
from portal.accounts.policy import Rule
from portal.context import issues_waiting
from portal.kit.logs import request_id
from portal.policy import POLICY

GetResponse = Callable[[HttpRequest], HttpResponse]
_GOOD_ID = re.compile(r"^[A-Za-z0-9-]{8,64}$")


class RequestIdMiddleware:
    """Takes X-Request-ID when it looks like one, else makes one; it is on every log line and on the answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        token = request_id.set(given if _GOOD_ID.match(given) else uuid.uuid4().hex)
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id.get()
            return response
        finally:
            request_id.reset(token)


class SessionLimitsMiddleware:
    """Ends a session that was not used, or lasted, too long; the request goes on as a stranger's."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if isinstance(user, User):
            if sessions.is_over(request, user):
                logout(request)
                if user.is_desk_staff:
                    messages.info(request, "Your session has ended. Sign in to go on where you were.")
            else:
                sessions.note_use(request)
        return self.get_response(request)


ZONE_COOKIE = "zone"  # desk.js says in it where the device is


class ReadersTimeZoneMiddleware:
    """Times are stored in UTC and shown in the reader's zone: that of the device, remembered for their mails.

    A zone that nobody knows counts for nothing.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user, here = request.user, _zone(unquote(request.COOKIES.get(ZONE_COOKIE, "")))
        if isinstance(user, User):
            if here and here.key != user.time_zone:
                User.objects.filter(pk=user.pk).update(time_zone=here.key)
                user.time_zone = here.key
            here = here or _zone(user.time_zone)
        with timezone.override(here or ZoneInfo("UTC")):
            return self.get_response(request)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> ZoneInfo | None:
    """Nothing but a known name is looked for: it comes from outside, and a zone is a file."""
    return ZoneInfo(name) if name in _names() else None


class PolicyMiddleware:
    """Refuses what the policy does not allow, before the view runs."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        name = match.view_name if match else ""
        rule = POLICY.get(name)
        if rule is None:
            raise ImproperlyConfigured(f"The URL {name!r} has no policy.")
        method = "GET" if request.method == "HEAD" else str(request.method)
        if not rule.knows(method):
            return HttpResponseNotAllowed(sorted(rule.methods))
        user = request.user if isinstance(request.user, User) else None
        if rule.allows(method, user):
            if rule.whole_company and user is not None and _is_guest(request, user):
                raise Http404
            return None
        if user is None:
            return _to_sign_in(request, rule)
        raise PermissionDenied

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Whatever was done too often gets one answer, wherever it was noticed."""
        return _too_often(request, exception) if isinstance(exception, RateLimited) else None


def _is_guest(request: HttpRequest, user: User) -> bool:
    """Whoever sees a whole company is none, and the menu asks for that anyway."""
    if user.role != Role.CUSTOMER_ADMIN or issues_waiting(request, user) is not None:
        return False
    return Membership.objects.is_guest(user)


def _to_sign_in(request: HttpRequest, rule: Rule) -> HttpResponse:
    """A program gets 401. A fragment cannot show a sign-in page, so it asks the browser to go there as a whole."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": "Sign in first."}, status=401)
    back = _page_of(request)
    # Customers have no password: who came in by a link gets a code for it.
    by_link = rule.admits(Role.CUSTOMER_ADMIN) and sessions.remembered_link(request)
    way_in = reverse("session_ended") if by_link else reverse("account_login")
    way_in = f"{way_in}?next={quote(back)}" if back else way_in
    if not request.headers.get("HX-Request"):
        return redirect(way_in)
    if rule.says_ended_at:
        return _ended_here(request, way_in, at=rule.says_ended_at)
    response = HttpResponse(status=401)
    response["HX-Redirect"] = way_in
    return response


def _ended_here(request: HttpRequest, way_in: str, *, at: str) -> HttpResponse:
    """Beside a form, which stays. Says the same to everybody, whatever was asked for."""
    response = render(request, "accounts/_session_ended_here.html", {"way_in": way_in}, status=401)
    response["HX-Retarget"], response["HX-Reswap"], response["HX-Reselect"] = at, "innerHTML", ".note"
    return response


def _page_of(request: HttpRequest) -> str:
    """Where to go on after signing in: the page itself, or the one that a fragment or a form is a part of."""
    if request.headers.get("HX-Request"):
        address = request.headers.get("HX-Current-URL", "")
    elif request.method in ("GET", "HEAD"):
        return request.get_full_path()
    else:
        address = request.headers.get("Referer", "")
    parts = urlsplit(address)
    ours = parts.netloc == request.get_host()
    return urlunsplit(("", "", parts.path, parts.query, "")) if ours else ""


def _too_often(request: HttpRequest, limited: RateLimited) -> HttpResponse:
    if request.path.startswith("/api/"):
        response: HttpResponse = JsonResponse({"detail": limited.sentence}, status=429)
    else:
        response = render(request, "429.html", {"sentence": limited.sentence}, status=429)
    response["Retry-After"] = str(max(1, round(limited.after.total_seconds())))
    return response
