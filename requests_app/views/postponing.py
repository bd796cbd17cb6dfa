""" "I don't have this yet": the same small form for the customer and, about any open item, for the desk."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from requests_app.forms import PostponeForm
from requests_app.models import Request
from requests_app.services.answers import EditRefused, InvalidAnswer, postpone_answer
from requests_app.views.shared import DeskRequest, customer_req, staff_req
from requests_app.views.topics import item_of


@require_http_methods(["GET", "HEAD", "POST"])
def customer_postpone(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """`?item=` is the item's number. A good answer leads back to the topic's page."""
    req = customer_req(request.user, public_id)
    return _postpone(request, req, "customer_topic", str(public_id))


@require_http_methods(["GET", "HEAD", "POST"])
def request_postpone(request: DeskRequest, number: int) -> HttpResponse:
    """As above, by the desk."""
    req = staff_req(request.user, number)
    return _postpone(request, req, "request_topic", str(number))


def _postpone(request: DeskRequest, req: Request, topic_page: str, own: str) -> HttpResponse:
    item = item_of(req, request.user, request.GET.get("item", ""))
    back = f"{reverse(topic_page, args=[own, item.topic])}#item-{item.pk}"
    # The controls bear the item's number, because a page has this form once for every item.
    form = PostponeForm(request.POST if request.method == "POST" else None, prefix=str(item.pk))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            postpone_answer(req, item, reason=given["reason"], due_on=given["due_on"], by=request.user)
        except InvalidAnswer as invalid:
            form.add_error("due_on", invalid.message)
        except EditRefused as refused:
            messages.info(request, str(refused))
            return redirect(back)
        else:
            day = date_format(given["due_on"], _("j F"))
            messages.success(request, _("Noted: promised for %(day)s.") % {"day": day})
            return redirect(back)
    context = {"req": req, "company": req.company, "item": item, "form": form, "back": back}
    frame = "base.html" if request.user.is_desk_staff else "base_plain.html"
    context["frame"] = frame
    return render(request, "customer/postpone.html", context, status=422 if form.errors else 200)
