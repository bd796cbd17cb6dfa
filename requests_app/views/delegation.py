"""Handing on: the customer asks a colleague for an item, a topic or everything, and takes it back."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from integrations.services.drafts import DraftRefused
from portal.accounts.limits import RateLimited, take
from portal.accounts.services import scope_of
from portal.kit.errors import NeedsPerson
from requests_app.forms import SET_UP, DelegateForm
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.queries import Line, checklist_for
from requests_app.services.delegation import (
    delegate,
    held_by_colleagues,
    may_hand_set_up_on,
    open_links,
    take_back,
)
from requests_app.views.shared import DeskRequest, customer_req

_MOST_A_DAY = 30


@require_http_methods(["GET", "HEAD", "POST"])
def customer_delegate(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """`?item=`, `?topic=` or `?set_up=1` says what is chosen at first; without any it is everything that is open."""
    req = customer_req(request.user, public_id)
    lines = [line for state in checklist_for(req, request.user) for line in state.lines]
    offers_set_up = may_hand_set_up_on(req, request.user)
    if offers_set_up and req.current_stage != Stage.WAITING_ON_CUSTOMER:
        lines = []
    form = DelegateForm(
        request.POST if request.method == "POST" else None,
        lines=lines,
        offers_set_up=offers_set_up,
        initial={"items": _chosen(request, lines)},
    )
    if request.method == "POST" and form.is_valid() and _delegate(request, req, form, lines):
        messages.success(request, _("A link is on its way to %(email)s.") % form.cleaned_data)
        return redirect("customer_request", public_id)
    context = {
        "req": req,
        "company": req.company,
        "form": form,
        "held": held_by_colleagues(req),
        "back": reverse("customer_request", args=[public_id]),
    }
    return render(request, "customer/delegate.html", context, status=422 if form.errors else 200)


@require_POST
def customer_take_back(request: DeskRequest, public_id: UUID, pk: int) -> HttpResponse:
    req = customer_req(request.user, public_id)
    link = get_object_or_404(open_links(req), pk=pk)
    try:
        take_back(req, link, by=request.user)
    except NeedsPerson as error:
        messages.info(request, error.sentence)
    else:
        messages.success(
            request, _("%(email)s can no longer see this. What they answered stays.") % {"email": link.email}
        )
    return redirect("customer_request", public_id)


def _chosen(request: DeskRequest, lines: list[Line]) -> list[str]:
    item, topic = request.GET.get("item"), request.GET.get("topic")
    if request.GET.get("set_up"):
        return [SET_UP]
    if item:
        return [line.item.key for line in lines if str(line.item.pk) == item]
    return [line.item.key for line in lines if line.is_open and topic in (None, line.item.topic)]


def _delegate(request: DeskRequest, req: Request, form: DelegateForm, lines: list[Line]) -> bool:
    given, user = form.cleaned_data, request.user
    # Whoever holds everything and chooses everything hands on the whole part, with what is added to it later.
    whole = len(given["items"]) == len(lines) and scope_of(user, req.public_id) is None
    keys = () if whole or form.sets_up else given["items"]
    try:
        take("delegate", str(req.public_id), most=_MOST_A_DAY, per=timedelta(days=1))
        delegate(req, given["email"], by=user, item_keys=keys, note=given["note"], sets_up=form.sets_up)
    except NeedsPerson as error:
        form.add_error(error.code if error.code in form.fields else "email", error.sentence)
    except (RateLimited, DraftRefused) as error:
        form.add_error(None, error.sentence)
    return not form.errors
