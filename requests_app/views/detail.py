"""The page of one request, the part of it that follows what happens outside, and its ticket."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from integrations.provider import Owner, Topic
from portal.accounts.models import User
from portal.accounts.policy import DESK
from portal.kit.errors import NeedsPerson
from requests_app import queries
from requests_app.clients.ticket import Ticket
from requests_app.models import Request
from requests_app.services.clocks import times_of
from requests_app.services.reminders import state_of
from requests_app.services.setting_up import has_set_up, may_set_up, set_up_of, whom_it_waits_for
from requests_app.services.tickets import render_ticket
from requests_app.services.wishes import unheard
from requests_app.views.buttons import buttons
from requests_app.views.conversation import MessageForm, conversation_of
from requests_app.views.detail_parts import exceptions, expiring, lines_in, relatives, still_open
from requests_app.views.links import invited_to
from requests_app.views.outside import outside_of
from requests_app.views.shared import DeskRequest, staff_req
from requests_app.views.tasklist import TopicRow, progress_of, task_list


@require_safe
def request_detail(request: DeskRequest, number: int) -> HttpResponse:
    return show(request, staff_req(request.user, number))


def show(request: DeskRequest, req: Request, *, refused: MessageForm | None = None) -> HttpResponse:
    """The page; with `refused`, a note or message that was not taken, what was typed stands in its form again."""
    topics = topics_of(req, request.user)
    lines = lines_in(topics)
    waiting = queries.waiting_on(req)
    ticket, trouble = preview(req)
    context = {
        "req": req,
        "topics": topics,
        "missing": queries.missing_items(req) if "missing" in request.GET else [],
        "progress": progress_of(topics),
        "waiting_words": queries.waiting_words(req.current_stage, waiting),
        "clocks": times_of([req])[req.pk],
        "buttons": buttons(req, request.user, bool(waiting.get(Owner.CUSTOMER)), bool(waiting)),
        "is_desk": _is_desk(request),
        "reminders": state_of(req),
        "invited": invited_to(req, {line.item.key: line.item.label for line in lines}),
        "still_open": still_open(lines),
        "exceptions": exceptions(lines),
        "expiring": expiring(lines),
        "relatives": relatives(req, request.user),
        "talk": conversation_of(req, request.user, refused),
        "ticket": ticket,
        "ticket_trouble": trouble,
        "evidence": queries.held_evidence(req).order_by("-pk"),
        "timeline": queries.timeline(req, queries.audience_of(request.user)),
        **_outside(req),
    }
    return render(request, "requests_app/request_detail.html", context, status=422 if refused else 200)


@require_safe
def request_status(request: DeskRequest, number: int) -> HttpResponse:
    """The live part. When the stage is no longer the one that the page shows, the whole page comes anew."""
    req = staff_req(request.user, number)
    answer = render(
        request, "requests_app/_outside.html", {"req": req, "is_desk": _is_desk(request), **_outside(req)}
    )
    if request.GET.get("stage", req.stage) != req.stage:
        answer["HX-Refresh"] = "true"
    return answer


@require_safe
def request_ticket(request: DeskRequest, number: int) -> HttpResponse:
    """Exactly the title and body that Jira gets, and what is still missing from it."""
    req = staff_req(request.user, number)
    ticket, trouble = preview(req)
    context = {
        "req": req,
        "ticket": ticket,
        "ticket_trouble": trouble,
        "missing": queries.missing_items(req),
        "jira_url": settings.JIRA_BROWSE_URL,
    }
    return render(request, "requests_app/request_ticket.html", context)


def preview(req: Request) -> tuple[Ticket | None, str]:
    """The ticket, or the sentence why there cannot be one."""
    try:
        return render_ticket(req), ""
    except NeedsPerson as error:
        return None, error.sentence


def topics_of(req: Request, user: User) -> tuple[TopicRow, ...]:
    """The task list with the addresses of the desk; who only reads gets none."""

    def url(topic: Topic) -> str:
        return reverse("request_topic", args=[req.number, topic.value]) if user.role in DESK else ""

    return task_list(queries.checklist(req, queries.audience_of(user)), url)


def _outside(req: Request) -> dict[str, Any]:
    setup = set_up_of(req)
    return {
        "outside": outside_of(req),
        "jira_url": settings.JIRA_BROWSE_URL,
        "setup": setup,
        "has_setup": has_set_up(req),
        "can_set_up": may_set_up(req),
        "setup_waits_for": whom_it_waits_for(req, setup),
        "unheard": unheard(req),
    }


def _is_desk(request: DeskRequest) -> bool:
    return request.user.role in DESK
