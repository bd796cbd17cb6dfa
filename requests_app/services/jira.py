"""What the portal knows of a request's Jira issue: recorded once, refreshed, linked by hand."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from portal.accounts.models import Role, User
from portal.kit.errors import NeedsPerson
from portal.kit.leases import JobState
from portal.outbox.models import Effect
from portal.outbox.services import request_effect
from requests_app.clients.jira import JiraDesk, is_issue_key
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request
from requests_app.services.moves import marker_of
from requests_app.services.tickets import attachments_of

CHECK_EVERY = timedelta(minutes=5)
_OVER = [Stage.REJECTED, Stage.CANCELLED, Stage.CLOSED]


def record_issue(req: Request, key: str, *, by: User | None = None, words: str = "") -> None:
    """Writes the key once, with its event, and asks for the attachments and the link back."""
    with transaction.atomic():
        taken = Request.objects.filter(pk=req.pk, jira_key="").update(jira_key=key, updated_at=Now())
        if not taken:
            return
        Event.objects.create(req=req, by=by, move="ticket", words=words or f"Jira issue {key} was created")
        payload = {"request": str(req.public_id), "key": key}
        request_effect(
            "jira.link", marker=f"jira.link:{req.public_id}", subject=str(req.public_id), payload=payload
        )
        request_effect(
            "jira.status", marker=f"jira.status:{req.public_id}", subject=str(req.public_id), payload=payload
        )
        for attachment in attachments_of(req):
            request_effect(
                "jira.attach",
                marker=f"jira.attach:{attachment.evidence}",
                subject=str(req.public_id),
                payload={**payload, "evidence": attachment.evidence},
            )


def refresh_jira_status(req: Request, desk: JiraDesk | None = None) -> Request:
    """Asks Jira for the issue's status and keeps it. Raises RetryLater and NeedsPerson.

    An issue that is gone is a status too: "Not found in Jira".
    """
    try:
        name = (desk or JiraDesk()).status(req.jira_key).name
    except NeedsPerson as error:
        if error.code != "jira_not_found":
            raise
        name = "Not found in Jira"
    with transaction.atomic():
        known = Request.objects.select_for_update().get(pk=req.pk)
        if known.jira_status and known.jira_status != name:
            Event.objects.create(
                req=req,
                move="ticket",
                words=f"{known.jira_key} went from {known.jira_status} to {name} in Jira",
            )
        Request.objects.filter(pk=req.pk).update(jira_status=name, jira_checked_at=Now())
    req.refresh_from_db(fields=["jira_status", "jira_checked_at"])
    return req


def due_for_check() -> QuerySet[Request]:
    """Requests whose issue has not been looked at for five minutes, longest ago first."""
    stale = Q(jira_checked_at=None) | Q(jira_checked_at__lt=Now() - CHECK_EVERY)
    found: QuerySet[Request] = Request.objects.exclude(jira_key="").exclude(stage__in=_OVER).filter(stale)
    return found.order_by("jira_checked_at", "pk")


def link_existing_issue(req: Request, key: str, *, by: User) -> None:
    """A person found the issue in Jira themself. Raises NeedsPerson."""
    _desk_only(by)
    key = key.strip().upper()
    if not is_issue_key(key):
        raise NeedsPerson("Enter the issue's key, such as INT-42.", code="issue_key")
    JiraDesk().status(key)
    with transaction.atomic():
        record_issue(req, key, by=by, words=f"{by} linked the Jira issue {key}")
        Effect.objects.filter(marker=marker_of(req)).exclude(job_state=JobState.RUNNING).update(
            job_state=JobState.DONE, result={"key": key}, failure="", failure_code="", unclear_at=None
        )


def _desk_only(by: User) -> None:
    if by.role not in (Role.CSM, Role.TL):
        raise NeedsPerson("Only a CSM or a team lead can do this.", code="not_yours")
