"""The customer's side of the conversation: write, say that one is stuck, and say that it is solved."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.limits import RateLimited, take
from portal.kit.errors import NeedsPerson
from requests_app.forms import MessageForm
from requests_app.models import Item, Message, Reach, Request
from requests_app.services.talk import resolve_stuck, write_message
from requests_app.views.shared import DeskRequest, customer_req
from requests_app.views.topics import item_of

_MOST_AN_HOUR = 30


@require_http_methods(["GET", "HEAD", "POST"])
def customer_message(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """`?stuck` makes it a blocker, `?item=` says about which item. A good one leads back to where it was asked."""
    req = customer_req(request.user, public_id)
    item, is_stuck = _about(request, req), "stuck" in request.GET
    prefix = f"stuck{item.pk}" if item else None
    form = MessageForm(request.POST if request.method == "POST" else None, prefix=prefix)
    if is_stuck:
        form.fields["text"].label = _("Where are you stuck?")
    if request.method == "POST" and form.is_valid() and _write(request, req, form, item, is_stuck):
        sent = (
            _("%(owner)s knows that you are stuck, and answers here and by mail.") if is_stuck else _("Sent.")
        )
        messages.success(request, sent % {"owner": req.owner})
        return redirect(_back(req, item))
    context = {
        "req": req,
        "company": req.company,
        "item": item,
        "form": form,
        "is_stuck": is_stuck,
        "talk": talk_of(req),
        "back": _back(req, item),
    }
    return render(request, "customer/message.html", context, status=422 if form.errors else 200)


@require_POST
def customer_solved(request: DeskRequest, public_id: UUID, pk: int) -> HttpResponse:
    """Whoever was stuck says that it is solved."""
    req = customer_req(request.user, public_id)
    message = get_object_or_404(talk_of(req), pk=pk, is_stuck=True)
    try:
        resolve_stuck(message, by=request.user)
    except NeedsPerson as error:
        messages.info(request, error.sentence)
    return redirect(f"{reverse('customer_request', args=[public_id])}#talk")


def talk_of(req: Request) -> QuerySet[Message]:
    """What was said between the desk and the customer; never a note among ourselves."""
    found = Message.objects.filter(req=req, reach=Reach.CUSTOMER)
    return found.select_related("by", "item", "resolved_by").prefetch_related("files")


def _write(request: DeskRequest, req: Request, form: MessageForm, item: Item | None, is_stuck: bool) -> bool:
    try:
        take("customer-message", str(request.user.pk), most=_MOST_AN_HOUR, per=timedelta(hours=1))
        write_message(
            req,
            form.cleaned_data["text"],
            by=request.user,
            reach=Reach.CUSTOMER,
            item=item,
            is_stuck=is_stuck,
        )
    except (NeedsPerson, RateLimited) as error:
        form.add_error("text", error.sentence)
        return False
    return True


def _about(request: DeskRequest, req: Request) -> Item | None:
    return item_of(req, request.user, request.GET["item"]) if "item" in request.GET else None


def _back(req: Request, item: Item | None) -> str:
    if item is None:
        return f"{reverse('customer_request', args=[req.public_id])}#talk"
    return f"{reverse('customer_topic', args=[req.public_id, item.topic])}#item-{item.pk}"
