"""Reassigning and reminding for many requests: a preview that names each one, then the deed."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from portal.accounts.models import User
from portal.accounts.policy import DESK
from portal.kit.errors import NeedsPerson
from requests_app.services import bulk
from requests_app.services.saved_views import query_of
from requests_app.views.shared import DeskRequest

DEEDS = {"reassign": "Reassign requests", "remind": "Remind customers"}
_MOST_SENTENCES = 5


@require_http_methods(["GET", "HEAD", "POST"])
def request_bulk(request: DeskRequest) -> HttpResponse:
    """First the preview, and with `plan` (the digest of what was shown) the deed. Nothing chosen leads back."""
    if request.method != "POST":
        return _back(request)
    deed, numbers = request.POST.get("do", ""), _numbers(request)
    try:
        if deed not in DEEDS:
            raise NeedsPerson("Choose requests, then what to do with them.")
        if request.POST.get("plan"):
            return _apply(request, deed, numbers)
        return _preview(request, deed, numbers)
    except NeedsPerson as error:
        messages.error(request, error.sentence)
        return _back(request)


def _numbers(request: DeskRequest) -> list[int]:
    given = [text for text in request.POST.getlist("pick") if text.isascii() and text.isdecimal()]
    return sorted({int(text) for text in given if len(text) < 10})


def _owner(request: DeskRequest) -> User | None:
    text = request.POST.get("owner", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return User.objects.filter(pk=int(text), is_active=True, role__in=DESK).first()


def _plan(request: DeskRequest, deed: str, numbers: list[int]) -> bulk.Plan:
    """Until an owner is chosen the requests stand under their own name, so that one sees what was picked."""
    if deed == "remind":
        return bulk.plan_remind(numbers, by=request.user)
    owner = _owner(request)
    return bulk.plan_reassign(numbers, owner or request.user, by=request.user)


def _preview(request: DeskRequest, deed: str, numbers: list[int]) -> HttpResponse:
    return _show(request, deed, _plan(request, deed, numbers))


def _show(request: DeskRequest, deed: str, plan: bulk.Plan, *, changed: bool = False) -> HttpResponse:
    owners = User.objects.filter(role__in=DESK, is_active=True).order_by("name")
    context: dict[str, Any] = {
        "deed": deed,
        "title": DEEDS[deed],
        "plan": plan,
        "changed": changed,
        "owner": _owner(request) if deed == "reassign" else None,
        "owners": owners if deed == "reassign" else (),
        "back": _query(request),
        "numbers": [step.req.number for step in plan.steps] + list(plan.missing),
    }
    context["is_ready"] = deed == "remind" or context["owner"] is not None
    template = "requests_app/bulk_plan.html" if request.htmx else "requests_app/bulk.html"
    return render(request, template, context, status=409 if changed else 200)


def _apply(request: DeskRequest, deed: str, numbers: list[int]) -> HttpResponse:
    digest = request.POST["plan"]
    try:
        if deed == "remind":
            plan = bulk.apply_remind(numbers, by=request.user, digest=digest)
            words = "reminder{s} on the way"
        elif owner := _owner(request):
            plan = bulk.apply_reassign(numbers, owner, by=request.user, digest=digest)
            words = f"request{{s}} given to {owner}"
        else:
            return _preview(request, deed, numbers)
    except bulk.PlanChanged as error:
        return _show(request, deed, error.plan, changed=True)
    done, left = len(plan.doable), len(plan.steps) - len(plan.doable) + len(plan.missing)
    rest = f" {left} left out." if left else ""
    messages.success(request, f"{done} {words.format(s='' if done == 1 else 's')}.{rest}")
    for step in [step for step in plan.steps if step.has_failed][:_MOST_SENTENCES]:
        messages.warning(request, f"{step.req} {step.req.company}: {step.refusal}")
    return _back(request)


def _query(request: DeskRequest) -> str:
    """The filters to return to, read anew: only what the queue itself understands is put into an address."""
    given = dict(parse_qsl(request.POST.get("back", "")[:1000]))
    return query_of(given, given.get("tab", "")[:20])


def _back(request: DeskRequest) -> HttpResponse:
    return redirect(f"{reverse('request_list')}?{_query(request)}")
