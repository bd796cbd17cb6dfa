"""What every unsafe request leaves behind: an entry in the audit log, and nothing at all when it came from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from portal.accounts.limits import RateLimited, client_address, client_network, take
from portal.accounts.models import User
from portal.audit import services as audit
from portal.audit.models import Entry

GetResponse = Callable[[HttpRequest], HttpResponse]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# A program's signed hint, not a person's deed; what it leads to is recorded where it happens.
_HINTS = frozenset({"jira_webhook"})
# Strangers must not be able to fill the log: enough to see an attack, not enough to be one.
STRANGERS_A_MINUTE = 60  # entries per network
# Words in an address that are no secret. A link's token and a reset's key are, and any new word is until it stands here.
_PLAIN_WORDS = frozenset({"topic"})
_DEVICES = (
    "accelerometer",
    "autoplay",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "screen-wake-lock",
    "usb",
)
# Evidence may be photographed; nothing else of the device is asked for.
PERMISSIONS = ", ".join(["camera=(self)", *(f"{device}=()" for device in _DEVICES)])


class RecordingMiddleware:
    """Writes an entry for every unsafe request that did not write one itself, whatever became of it.

    So that each attempt is found again, refused or not (reliability-security.md T26). Never a body, never a secret.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        entries: list[int] = []
        tokens = audit.address.set(client_address(request)), audit.written.set(entries)
        try:
            if request.method in SAFE_METHODS:
                return self.get_response(request)
            before = _person(request)  # signing out leaves nobody
            response = self.get_response(request)
            person = _person(request) or before
            if not _kept(entries) and _is_worth_it(request, person):
                _write(request, response, person)
            return response
        finally:
            audit.address.reset(tokens[0])
            audit.written.reset(tokens[1])


def _kept(entries: list[int]) -> bool:
    """Whether an entry of this request outlived its transaction."""
    return bool(entries) and Entry.objects.filter(pk__in=entries).exists()


def _is_worth_it(request: HttpRequest, person: User | None) -> bool:
    if person:
        return True
    match = request.resolver_match
    if match and match.view_name in _HINTS and request.method == "POST":
        return False
    try:
        take("audit.strangers", client_network(request), most=STRANGERS_A_MINUTE, per=timedelta(minutes=1))
    except RateLimited:
        return False
    return True


def _write(request: HttpRequest, response: HttpResponse, by: User | None) -> None:
    match = request.resolver_match
    details: dict[str, Any] = {"method": request.method, "status": response.status_code}
    if match and (named := {key: value for key, value in match.kwargs.items() if _is_plain(key, value)}):
        details["of"] = named
    audit.record(
        "http.post" if request.method == "POST" else "http.other",
        by=by,
        subject=match.view_name if match else "",
        details=details,
    )


def _is_plain(key: str, value: object) -> bool:
    return isinstance(value, int | UUID) or key in _PLAIN_WORDS


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


class SameSiteMiddleware:
    """Refuses what another site's page makes a browser send, before its cookies count for anything.

    Browsers write Sec-Fetch-Site themselves; a program does not send it (reliability-security.md T12).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: object, _args: object, _kwargs: object) -> None:
        if request.method in SAFE_METHODS:
            return
        # A sibling host under our own domain is as foreign as any other.
        if request.headers.get("Sec-Fetch-Site", "same-origin") in {"cross-site", "same-site"}:
            raise PermissionDenied


class PermissionsPolicyMiddleware:
    """Tells the browser which devices our pages may ask for (reliability-security.md T14)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response
