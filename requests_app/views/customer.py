"""The customer's part: their own items and nothing else. MRR and the desk's answers are never read here."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.people import ATTRIBUTES, FIELDS
from integrations.provider import Audience, Kind, Owner, Provider, Topic
from requests_app import queries
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.services.moves import MoveRefused, make_move
from requests_app.views.links import note_visit
from requests_app.views.mails import tell_owner
from requests_app.views.shared import DeskRequest, customer_req
from requests_app.views.tasklist import TopicRow, next_topic, progress_of, task_list
from requests_app.views.topics import answered, autosave, page, topic_or_404

_MINUTES_PER_ITEM = 1.5


@require_safe
def customer_request(request: DeskRequest, public_id: UUID) -> HttpResponse:
    req = customer_req(request.user, public_id)
    note_visit(req, request.user)
    topics = _topics(req)
    open_items = [line.item for row in topics for line in row.state.lines if line.is_open]
    context = {
        "req": req,
        "company": req.company,
        "topics": topics,
        "progress": progress_of(topics),
        "open_items": open_items,
        "minutes": max(5, 5 * round(len(open_items) * _MINUTES_PER_ITEM / 5)),
        "theirs": req.current_stage == Stage.WAITING_ON_CUSTOMER,
        "steps": _steps(req),
        "reads": _reads(req.provider),
        "timeline": queries.timeline(req, Audience.CUSTOMER),
    }
    return render(request, "customer/request.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def customer_topic(request: DeskRequest, public_id: UUID, topic: str) -> HttpResponse:
    req, wanted = customer_req(request.user, public_id), topic_or_404(topic)
    if request.method == "POST" and request.htmx:
        return autosave(request, req, wanted)
    form, saved = answered(request, req, wanted)
    rows = _topics(req)
    if saved:
        following = next_topic(rows, wanted, Owner.CUSTOMER)
        return redirect(following.url if following else reverse("customer_request", args=[public_id]))
    context = {"req": req, "company": req.company, **page(request, req, wanted, form, rows)}
    return render(request, "customer/topic.html", context, status=422 if form.errors else 200)


@require_POST
def customer_hand_back(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Handing back what is not complete is allowed: both sides see what is open."""
    req = customer_req(request.user, public_id)
    try:
        with transaction.atomic():
            req = make_move(req, "hand_back", by=request.user)
            tell_owner(req, "hand_back", by=request.user)
    except MoveRefused as error:
        messages.info(request, error.sentence)
    return redirect("customer_request", public_id)


def _topics(req: Request) -> tuple[TopicRow, ...]:
    def url(topic: Topic) -> str:
        return reverse("customer_topic", args=[req.public_id, topic.value])

    return task_list(queries.checklist(req, Audience.CUSTOMER), url)


def _steps(req: Request) -> list[dict[str, str]]:
    """Where the request is, in the customer's words."""
    stage = req.current_stage
    at = {Stage.WAITING_ON_CUSTOMER: 0, Stage.LIVE: 4, Stage.CLOSED: 4}.get(stage, 1)
    at = 2 if stage in (Stage.APPROVED, Stage.FAILED) else at
    words = (
        ("You answer", "Only what we cannot know."),
        ("We check", f"{req.owner} looks at it, and a colleague approves it."),
        ("We connect", "By ourselves; nothing for you to do."),
        ("It runs", "You see the connection and everything it does."),
    )
    states = ["done" if index < at else "now" if index == at else "next" for index in range(len(words))]
    return [
        {"title": title, "text": text, "state": state}
        for (title, text), state in zip(words, states, strict=True)
    ]


def _reads(card: Provider) -> dict[str, object]:
    """What will be read, in words, from what the card's mapping names."""
    if card.kind == Kind.SSO:
        return {"people": False, "fields": ()}
    labels = [ATTRIBUTES.get(name, FIELDS.get(source, name)) for name, source in card.mapping.items()]
    return {"people": True, "fields": tuple(labels)}
