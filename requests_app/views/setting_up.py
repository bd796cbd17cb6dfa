"""From a request into the set-up of its connection: by the customer, or by the desk beside them."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations.services.drafts import DraftRefused
from portal.accounts.models import Role
from portal.accounts.services import scope_of
from portal.kit.errors import NeedsPerson
from requests_app.models import Request
from requests_app.services.setting_up import begin_set_up
from requests_app.views.shared import DeskRequest, customer_req, staff_req


@require_POST
def customer_set_up(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Whoever was asked for some answers only does not set the connection up."""
    req = customer_req(request.user, public_id)
    if scope_of(request.user, req.public_id) is not None:
        messages.info(request, _("Whoever asked you sets the connection up, or hands the whole part on."))
        return redirect("customer_request", public_id)
    return _begun(request, req, back=redirect("customer_request", public_id))


@require_POST
def request_set_up(request: DeskRequest, number: int) -> HttpResponse:
    req = staff_req(request.user, number)
    return _begun(request, req, back=redirect("request_detail", number))


@require_safe
def setup_forward(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """ "Somebody else is the admin": to the page that sends them a link of their own, which leads to these steps."""
    rows = Request.objects.for_actor(request.user).filter(connection__public_id=public_id)
    req: Request = get_object_or_404(rows.order_by("-pk")[:1])
    if request.user.role == Role.CUSTOMER_ADMIN:
        if scope_of(request.user, req.public_id) is not None:
            raise Http404
        page = reverse("customer_delegate", args=[req.public_id])
    else:
        page = reverse("request_invite", args=[req.number])
    return redirect(f"{page}?set_up=1")


def _begun(request: DeskRequest, req: Request, *, back: HttpResponse) -> HttpResponse:
    try:
        connection = begin_set_up(req, by=request.user)
    except (NeedsPerson, DraftRefused) as error:
        messages.warning(request, error.sentence)
        return back
    return redirect("setup", connection.public_id)
