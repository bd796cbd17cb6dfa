"""What every request passes: an id for the logs, and the policy. Default is deny."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
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


class ReadersTimeZoneMiddleware:
    """Times are stored in UTC and shown in the reader's zone; a zone that nobody knows is UTC."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone_of(request)):
            return self.get_response(request)


def _zone_of(request: HttpRequest) -> ZoneInfo:
    name = request.user.time_zone if isinstance(request.user, User) else "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


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
            return None
        if user is None:
            return _to_sign_in(request)
        raise PermissionDenied


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """A program gets 401. A fragment cannot show a sign-in page, so it asks the browser to go there as a whole."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": "Sign in first."}, status=401)
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=401)
        response["HX-Redirect"] = reverse("account_login")
        return response
    return redirect_to_login(request.get_full_path())
