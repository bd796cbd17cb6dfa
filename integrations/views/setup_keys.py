"""The key to a preview: it lives in a cookie of one browser and nowhere else, and opens what was read for an hour."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Draft, Preview, SetupStep
from integrations.services import previews
from integrations.services.drafts import DraftRefused
from integrations.views.setup_frame import goes_to
from portal.kit.leases import JobState
from portal.kit.sealed import KeyPair

COOKIE = "setup-key"
_MAX_AGE = 60 * 60


@dataclass(frozen=True, slots=True)
class Sight:
    """What this browser can see: a preview and its key. Without them somebody else reads, or nobody has."""

    preview: Preview
    keys: KeyPair

    @property
    def is_ready(self) -> bool:
        return self.preview.job_state == JobState.DONE

    @property
    def has_failed(self) -> bool:
        return self.preview.job_state in (JobState.FAILED, JobState.DEAD)


def sight_of(request: HttpRequest, draft: Draft) -> Sight | None:
    """None without a key, with one that opens nothing here, and after its hour."""
    keys = _keys(request)
    if keys is None:
        return None
    found = Preview.objects.filter(draft=draft, public_key=keys.public, expires_at__gt=timezone.now())
    preview = found.order_by("-pk").first()
    if preview is None:
        return None
    preview.draft = draft
    return Sight(preview, keys)


def give_key(response: HttpResponse, connection: Connection, keys: KeyPair) -> HttpResponse:
    """The one place where a private key leaves the process: to the browser that asked."""
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(keys.private).decode(),
        max_age=_MAX_AGE,
        path=reverse("setup", args=[connection.public_id]),
        secure=settings.SITE_URL.startswith("https:"),
        httponly=True,
        samesite="Lax",
    )
    return response


def reads_and_goes_to(draft: Draft, step: SetupStep) -> HttpResponse:
    """Reading is a help, not a condition: where it may not begin yet the step itself says what to do."""
    try:
        _preview, keys = previews.start(draft)
    except DraftRefused:
        return goes_to(draft, step)
    return give_key(goes_to(draft, step), draft.connection, keys)


def forget_key(response: HttpResponse, connection: Connection) -> HttpResponse:
    response.delete_cookie(COOKIE, path=reverse("setup", args=[connection.public_id]), samesite="Lax")
    return response


def _keys(request: HttpRequest) -> KeyPair | None:
    try:
        return KeyPair.of_private(base64.urlsafe_b64decode(request.COOKIES.get(COOKIE, "").encode()))
    except (ValueError, binascii.Error):
        return None
