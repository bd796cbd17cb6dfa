"""Effects in Jira, each delivered once, and the slow poll of statuses.

The contract: reliability-security.md §2.4, "Jira outbox".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.leases import OPEN_STATES, fenced, update
from portal.outbox.models import Effect
from portal.outbox.services import effect, request_effect
from requests_app.clients.jira import JiraDesk
from requests_app.models import Evidence, Request
from requests_app.queries import request_url
from requests_app.services.jira import (
    comment_of,
    due_for_check,
    record_issue,
    refresh_jira_status,
    tell_author,
)
from requests_app.services.tickets import render_ticket

_MOST_UNCLEAR = 2
_MOST_PER_TICK = 10
_POLL_SECONDS = 30.0
_POLLS_KEPT = timedelta(hours=1)


@effect("jira.create_issue")
def create_issue(row: Effect) -> Mapping[str, Any]:
    """Exactly one issue per request. A create without an answer is looked for before it is tried again."""
    req = _request(row)
    if req.jira_key:
        return {"key": req.jira_key}
    if req.decided_at is None:
        # Reopened before Jira had its ticket: what stands there now has been approved by nobody.
        raise RetryLater("The request is being changed. Its ticket waits for the next approval.")
    desk = JiraDesk()
    key = _created_before(row, desk) if row.unclear_at else None
    key = key or _create(row, desk, req)
    with fenced(row):
        record_issue(req, key)
    return {"key": key}


def _created_before(row: Effect, desk: JiraDesk) -> str | None:
    """Waits until the index must know it, then searches. After two unclear tries a person must look."""
    wait = timedelta(seconds=settings.JIRA_UNCLEAR_WAIT_SECONDS)
    rest = row.unclear_at + wait - clock.now() if row.unclear_at else timedelta()
    if rest > timedelta():
        raise RetryLater("Jira did not answer. We look whether the ticket was created.", after=rest)
    if key := desk.find_by_marker(row.marker):
        return key
    if row.result.get("creates", 0) >= _MOST_UNCLEAR:
        update(row, result={})  # a person who asks for another try gets one, after another search
        raise NeedsPerson(
            "Jira did not answer twice, and the ticket is not to be found there. Look on Jira's board before "
            "you try again.",
            code="jira_unclear",
        )
    return None


def _create(row: Effect, desk: JiraDesk, req: Request) -> str:
    """One POST. That it is on its way is written first: a worker killed now leaves an unclear try."""
    ticket = render_ticket(req)
    before = {"unclear_at": row.unclear_at, "result": row.result}
    update(row, unclear_at=clock.now(), result={"creates": row.result.get("creates", 0) + 1})
    try:
        return desk.create(ticket, row.marker)
    except RetryLater as error:
        if not error.unclear:
            update(row, **before)
        raise
    except NeedsPerson:
        update(row, **before)
        raise


@effect("jira.attach")
def attach_evidence(row: Effect) -> Mapping[str, Any]:
    """Uploads one file; the client looks first whether it is there already."""
    evidence = Evidence.objects.get(public_id=row.payload["evidence"], req__public_id=row.payload["request"])
    with evidence.file.open("rb") as file:
        JiraDesk().attach(row.payload["key"], evidence.name, file.read())
    return {}


@effect("jira.link")
def link_back(row: Effect) -> Mapping[str, Any]:
    """The issue shows the request. Replaced when repeated."""
    req = _request(row)
    JiraDesk().link_back(
        row.payload["key"],
        url=request_url(req),
        title=f"{req} in Integration Desk",
        global_id=f"integration-desk:{req.public_id}",
    )
    return {}


def _comment_failed(row: Effect) -> None:
    if number := row.payload.get("message"):
        tell_author(number, row.failure)


@effect("jira.comment", failed=_comment_failed)
def add_comment(row: Effect) -> Mapping[str, Any]:
    """An internal note, or what was changed after an approval, as one comment of the issue."""
    req = _request(row)
    if not req.jira_key:
        raise RetryLater("The ticket is not there yet.")
    heading, text = comment_of(req, row.payload)
    number = JiraDesk().comment(
        req.jira_key, text, heading=heading, look_first=row.attempts > 1 or row.unclear_at is not None
    )
    return {"comment": number}


@effect("jira.refresh")
def refresh_issue(row: Effect) -> Mapping[str, Any]:
    """A webhook was a hint; what Jira says now is the truth."""
    return {"status": refresh_jira_status(_request(row)).jira_status}


@effect("jira.status")
def read_first_status(row: Effect) -> Mapping[str, Any]:
    """The status of a new issue at once; from then on the poll looks."""
    return {"status": refresh_jira_status(_request(row)).jira_status}


@effect("jira.poll")
def poll_jira(row: Effect) -> Mapping[str, Any]:
    """Refreshes the statuses that are due: a bounded number in bounded time, the rest a minute later."""
    until = time.monotonic() + _POLL_SECONDS
    requests = list(due_for_check()[:_MOST_PER_TICK])
    checked = 0
    desk = JiraDesk()
    try:
        for req in requests:
            if time.monotonic() > until:
                break
            refresh_jira_status(req, desk)
            checked += 1
    except (RetryLater, NeedsPerson) as error:
        # Nobody waits for a status: the next poll, in five minutes, is the next try.
        Request.objects.filter(pk__in=[req.pk for req in requests]).update(jira_checked_at=Now())
        return {"checked": checked, "stopped": str(error)}
    return {"checked": checked}


@queue.on_tick
def wake_jira_poll() -> None:
    """One poll at a time, and only when something is due. Old polls are swept away."""
    polls = Effect.objects.filter(kind__in=("jira.poll", "jira.refresh"))
    polls.exclude(job_state__in=OPEN_STATES).filter(created_at__lt=Now() - _POLLS_KEPT).delete()
    running = polls.filter(kind="jira.poll", job_state__in=OPEN_STATES)
    if running.exists() or not due_for_check().exists():
        return
    request_effect("jira.poll", marker=f"jira.poll:{clock.now():%Y-%m-%dT%H:%M}")


def _request(row: Effect) -> Request:
    return Request.objects.select_related("company").get(public_id=row.payload["request"])
