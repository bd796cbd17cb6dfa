"""Jira's webhooks: a signed hint that something happened. What happened is then read from Jira itself (T21)."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from django.conf import settings
from django.db import transaction

from portal.kit.leases import JobState
from portal.outbox.models import Effect
from portal.outbox.services import request_effect
from requests_app.clients.jira import is_issue_key
from requests_app.models import Request

MAX_BODY = 1024 * 1024  # bytes


def is_configured() -> bool:
    return bool(_secrets())


def is_signed(body: bytes, signature: str) -> bool:
    """`X-Hub-Signature: sha256=<hex>` over the raw body, with either of two secrets (jira-salesforce-intake.md 2.2)."""
    scheme, _, given = signature.partition("=")
    if scheme != "sha256" or not given.isascii():
        return False
    expected = [hmac.new(secret, body, hashlib.sha256).hexdigest() for secret in _secrets()]
    # All are compared, in constant time each, so that the time does not tell which one was close.
    matches = [hmac.compare_digest(each, given.lower()) for each in expected]
    return True in matches


def take_hint(body: bytes, identifier: str) -> bool:
    """Asks for one look at the issue that the event names. True if there is something to look at.

    The same delivery again is one look; so are several events while a look still waits. Raises ValueError for what is
    no event.
    """
    key = _issue_key(body)
    req = Request.objects.filter(jira_key=key).first() if key else None
    if req is None:
        return False
    subject = str(req.public_id)
    with transaction.atomic():
        waiting = Effect.objects.filter(
            kind="jira.refresh", subject=subject, job_state=JobState.QUEUED, attempts=0
        )
        # Locked: a worker that is just beginning has read nothing yet, or is waited for here.
        if not waiting.select_for_update().exists():
            name = hashlib.sha256(identifier.encode() or body).hexdigest()[:40]
            request_effect(
                "jira.refresh", marker=f"jira.hook:{name}", subject=subject, payload={"request": subject}
            )
    return True


def _secrets() -> list[bytes]:
    return [secret.strip().encode() for secret in settings.JIRA_WEBHOOK_SECRETS.split(",") if secret.strip()]


def _issue_key(body: bytes) -> str:
    """The key of the event's issue, or "". Raises ValueError."""
    try:
        event: Any = json.loads(body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("webhookEvent"), str):
        raise ValueError("no event")
    issue = event.get("issue")
    key = issue.get("key") if isinstance(issue, dict) else None
    return key if isinstance(key, str) and is_issue_key(key) else ""
