"""Making a move, and trying again what failed outside."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from integrations.provider import Kind
from integrations.services.connections import check_now, sync_now
from portal.kit import queue
from portal.kit.errors import NeedsPerson, RetryLater
from portal.outbox.models import Effect
from portal.outbox.services import DELIVER
from requests_app.lifecycle import BY_NAME
from requests_app.models import Request
from requests_app.services.jira import link_existing_issue
from requests_app.services.moves import Incomplete, MoveRefused, make_move
from requests_app.services.news import tell
from requests_app.views.outside import issue_effect
from requests_app.views.shared import DeskRequest, staff_req

DONE = {
    "submit": "Submitted. A team lead will look at it; you get a mail about the decision.",
    "approve": "Approved. The ticket is being created and the connection activated.",
    "send_back": "Sent back. {owner} gets a mail with your comment.",
    "reject": "Rejected. {owner} gets a mail with your reason.",
    "withdraw": "Withdrawn. The request can be changed again.",
    "take_back": "Taken back. The customer can no longer change their part.",
    "cancel": "Cancelled. Everything that was entered stays readable.",
    "close": "Closed.",
}


@require_POST
def request_move(request: DeskRequest, number: int) -> HttpResponse:
    """POST `move`, `version` and `reason`. A refusal is a sentence on the page that the person came from."""
    req = staff_req(request.user, number)
    name, version = request.POST.get("move", ""), request.POST.get("version", "")
    if name not in BY_NAME or name == "send_to_customer":  # that one needs an address: request_invite
        raise Http404
    reason = request.POST.get("reason", "").replace("\x00", "")
    expected = int(version) if version.isascii() and version.isdecimal() else None
    try:
        with transaction.atomic():
            req = make_move(req, name, by=request.user, expected_version=expected, reason=reason)
            tell(req, name, by=request.user, reason=reason.strip())
    except Incomplete:
        return redirect(f"{_page(number)}?missing=1")  # that page lists what is missing, each with its place
    except MoveRefused as error:
        refused = messages.info if error.code == "already_done" else messages.warning
        refused(request, error.sentence)
        if error.code in ("four_eyes", "changed", "needs_reason", "connection", "ticket"):
            return redirect(_back(request) or _page(number))
    else:
        messages.success(request, DONE.get(name, "Done.").format(owner=req.owner))
    return redirect(_page(number))


@require_POST
def request_retry(request: DeskRequest, number: int) -> HttpResponse:
    """POST `what`: "jira", "connection", or "link" with the `key` of an issue. Twice is one try."""
    req = staff_req(request.user, number)
    again = {"jira": _try_ticket, "link": _link_ticket, "connection": _try_connection}.get(
        request.POST.get("what", "")
    )
    if again is None:
        raise Http404
    try:
        messages.success(request, again(req, request))
    except NeedsPerson as error:
        messages.warning(request, error.sentence)
    except RetryLater as error:
        messages.warning(request, error.reason)
    return redirect(_page(number))


def _try_ticket(req: Request, request: DeskRequest) -> str:
    effect = issue_effect(req)
    if effect is None or req.jira_key:
        raise NeedsPerson("There is nothing left to try again.")
    with transaction.atomic():
        if not effect.is_open:
            # A person has looked at the board: the tries that stayed unclear count no more.
            Effect.objects.filter(pk=effect.pk).update(result={})
        queue.retry_now(effect, DELIVER)
    return "Trying again to create the ticket."


def _link_ticket(req: Request, request: DeskRequest) -> str:
    key = request.POST.get("key", "").replace("\x00", "")
    link_existing_issue(req, key, by=request.user)
    return f"Linked to {key.strip().upper()}."


def _try_connection(req: Request, request: DeskRequest) -> str:
    if req.connection is None:
        raise NeedsPerson("There is no connection yet.")
    if req.connection.kind == Kind.SSO:
        check_now(req.connection)
    else:
        sync_now(req.connection, request.user)
    return "Trying the connection again."


def _back(request: DeskRequest) -> str:
    """The page of ours that the button was on."""
    url = request.POST.get("next", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""


def _page(number: int) -> str:
    return reverse("request_detail", args=[number])
