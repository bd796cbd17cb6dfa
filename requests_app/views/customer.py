"""The customer's part: their own items and nothing else. MRR and the desk's answers are never read here."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.provider import Owner, Topic
from portal.accounts.models import AccessLink, User
from portal.accounts.services import scope_of
from requests_app.forms import MessageForm
from requests_app.lifecycle import Stage
from requests_app.models import AnswerState, Request
from requests_app.queries import Line, checklist_for
from requests_app.services.delegation import held_by_colleagues
from requests_app.services.guides import guide_of
from requests_app.services.moves import MoveRefused, make_move
from requests_app.services.news import tell
from requests_app.services.setting_up import may_set_up, set_up_of
from requests_app.services.wishes import unheard
from requests_app.views.customer_talk import talk_of
from requests_app.views.customer_words import reads_of, steps_of, story_of
from requests_app.views.links import note_visit
from requests_app.views.shared import DeskRequest, customer_req
from requests_app.views.tasklist import TopicRow, next_topic, progress_of, task_list
from requests_app.views.topics import FieldRow, answered, autosave, page, topic_or_404

_MINUTES_PER_ITEM = 1.5
CHECK = "check"


@require_safe
def customer_request(request: DeskRequest, public_id: UUID) -> HttpResponse:
    req, user = customer_req(request.user, public_id), request.user
    note_visit(req, user)
    topics = _topics(req, user)
    open_lines, setup = _open_lines(topics), set_up_of(req)
    context = {
        "req": req,
        "company": req.company,
        "topics": topics,
        "progress": progress_of(topics),
        "open_items": [line.item for line in open_lines],
        "next": next((row for row in topics if not row.state.is_done), None),
        "minutes": max(5, 5 * round(len(open_lines) * _MINUTES_PER_ITEM / 5)),
        "theirs": req.current_stage == Stage.WAITING_ON_CUSTOMER,
        "steps": steps_of(req, must_set_up=may_set_up(req) and not setup.is_confirmed),
        "reads": reads_of(req.provider, setup),
        "timeline": story_of(req),
        "talk": talk_of(req),
        "form": MessageForm(),
        "held": held_by_colleagues(req),
        "setup": setup,
        "can_set_up": may_set_up(req),
        "unheard": unheard(req),
        **_part(req, user, topics),
    }
    return render(request, "customer/request.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def customer_topic(request: DeskRequest, public_id: UUID, topic: str) -> HttpResponse:
    """`?next=check` comes from the check page and leads back there."""
    req, wanted = customer_req(request.user, public_id), topic_or_404(topic)
    if request.method == "POST" and request.htmx:
        return autosave(request, req, wanted)
    form, saved = answered(request, req, wanted)
    rows = _topics(req, request.user)
    if saved:
        return redirect(_onward(request, req, rows, wanted))
    context = {
        "req": req,
        "company": req.company,
        "guide": guide_of(req.provider) if wanted == Topic.DETAILS else (),
        "to_check": request.GET.get("next") == CHECK,
        **page(request, req, wanted, form, rows),
    }
    return render(request, "customer/topic.html", context, status=422 if form.errors else 200)


@require_safe
def customer_check(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Every answer once more, each with a way to change it, before the part is handed back."""
    req, user = customer_req(request.user, public_id), request.user
    if req.current_stage != Stage.WAITING_ON_CUSTOMER:
        return redirect("customer_request", public_id)
    topics = _topics(req, user)
    sections = [
        {"topic": row, "rows": [FieldRow(line, None, user) for line in row.state.lines]} for row in topics
    ]
    open_lines = _open_lines(topics)
    promised = [line for line in open_lines if line.answer.state == AnswerState.POSTPONED]
    context = {
        "req": req,
        "company": req.company,
        "sections": sections,
        "promised": promised,
        "missing": [line for line in open_lines if line not in promised],
        **_part(req, user, topics),
    }
    return render(request, "customer/check.html", context)


@require_POST
def customer_hand_back(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Handing back what is not complete is allowed: both sides see what is open.

    Whoever was asked for some answers only does not hand back what others still work on.
    """
    req = customer_req(request.user, public_id)
    if scope_of(request.user, req.public_id) is not None:
        messages.info(request, _("Your answers are saved. Whoever asked you hands the whole part back."))
        return redirect("customer_request", public_id)
    try:
        with transaction.atomic():
            req = make_move(req, "hand_back", by=request.user)
            tell(req, "hand_back", by=request.user)
    except MoveRefused as error:
        messages.info(request, error.sentence)
    return redirect("customer_request", public_id)


def _topics(req: Request, user: User) -> tuple[TopicRow, ...]:
    def url(topic: Topic) -> str:
        return reverse("customer_topic", args=[req.public_id, topic.value])

    return task_list(checklist_for(req, user), url)


def _open_lines(topics: tuple[TopicRow, ...]) -> list[Line]:
    return [line for row in topics for line in row.state.lines if line.is_open]


def _part(req: Request, user: User, topics: tuple[TopicRow, ...]) -> dict[str, Any]:
    """Whether this person has the whole part; of a smaller one, who asked them and for how many answers."""
    if scope_of(user, req.public_id) is None:
        return {"is_whole": True}
    links = AccessLink.objects.filter(request_id=req.public_id, used_by=user, revoked_at=None)
    asked = links.exclude(delegated_by=None).select_related("delegated_by").order_by("-pk").first()
    return {
        "is_whole": False,
        "asked_by": asked.delegated_by if asked else None,
        "asked_for": sum(len(row.state.lines) for row in topics),
    }


def _onward(request: DeskRequest, req: Request, rows: tuple[TopicRow, ...], now: Topic) -> str:
    """To the check page when everything is there, or when one came from it; else to what is open next."""
    if request.GET.get("next") == CHECK or not _open_lines(rows):
        return reverse("customer_check", args=[req.public_id])
    following = next_topic(rows, now, Owner.CUSTOMER)
    return following.url if following else reverse("customer_request", args=[req.public_id])
