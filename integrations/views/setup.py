"""The set-up of a connection, and later changes of its settings: where it begins, which step is next, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from integrations.models import Connection, ConnectionState, Draft, DraftState, Purpose, SetupStep
from integrations.provider import Kind
from integrations.services import drafts
from integrations.services.connections import leave_set_up
from integrations.services.drafts import DraftRefused
from integrations.views import setup_begin, setup_connect, setup_filter, setup_map, setup_plan
from integrations.views.setup_frame import (
    current_step,
    goes_to,
    may_change,
    may_enter,
    open_draft_of,
    refused,
    step_of,
    step_url,
)
from integrations.views.setup_keys import forget_key, reads_and_goes_to
from integrations.views.shared import DeskRequest, connection_of
from portal.kit.errors import NeedsPerson

_PAGES: dict[SetupStep, Callable[[DeskRequest, Draft], HttpResponse]] = {
    SetupStep.PREREQUISITES: setup_begin.prerequisites,
    SetupStep.ADMIN: setup_begin.administrator,
    SetupStep.CONSENT: setup_begin.consent,
    SetupStep.AUTHENTICATE: setup_connect.authenticate,
    SetupStep.FILTER: setup_filter.filter_step,
    SetupStep.MAP: setup_map.map_step,
    SetupStep.PLAN: setup_plan.plan_step,
}
# Steps of a change that may alter what is read, and so come before it.
_BEFORE_READING = (SetupStep.CONSENT, SetupStep.AUTHENTICATE)


@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """To where the draft goes on; POST begins one for a connection that is being set up."""
    connection, draft = open_draft_of(request, public_id)
    if draft is not None:
        return goes_to(draft, current_step(draft))
    if _latest(connection) == DraftState.CONFIRMED:
        return redirect(step_url(connection, SetupStep.DONE))
    if connection.state != ConnectionState.SETTING_UP or connection.kind != Kind.HRIS:
        return redirect("connection_detail", connection.public_id)
    if request.method == "POST":
        return _begin(request, connection)
    context = {"connection": connection, "company": connection.company, "card": connection.provider}
    context["can_change"] = may_change(request.user)
    return render(request, "integrations/setup/start.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def setup_step(request: DeskRequest, public_id: UUID, step: str) -> HttpResponse:
    """One step. Entered too early it leads to the one that comes first."""
    wanted = step_of(step)
    connection, draft = open_draft_of(request, public_id)
    if draft is None:
        if wanted == SetupStep.DONE and _latest(connection) in (DraftState.CONFIRMED, DraftState.APPLIED):
            return setup_plan.done(request, connection)
        return redirect("setup", connection.public_id)
    if not may_enter(draft, wanted):
        if request.method != "POST" and wanted != SetupStep.DONE:
            messages.info(request, _("This comes first. What you have done so far is kept."))
        return goes_to(draft, current_step(draft))
    return _PAGES[wanted](request, draft)


@require_POST
def setup_withdraw(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Nothing of it has touched the connection, and nothing will."""
    connection, draft = open_draft_of(request, public_id)
    if draft is not None:
        try:
            starts = leave_set_up(draft, by=request.user)
        except (DraftRefused, NeedsPerson) as error:
            refused(request, error)
            return goes_to(draft, current_step(draft))
        begins = _("The plan that was confirmed before holds, and its sync begins.")
        messages.success(request, begins if starts else _("Everything stays as it was."))
    return forget_key(redirect("connection_detail", connection.public_id), connection)


@require_POST
def settings_change(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Opens the settings that are in use, or were confirmed, as a draft beside them; reads people for its lists."""
    connection = connection_of(request.user, public_id)
    wanted = request.POST.get("step", "")
    step = step_of(wanted) if wanted in (*_BEFORE_READING, SetupStep.MAP) else SetupStep.FILTER
    try:
        draft = drafts.begin_change(connection, by=request.user)
    except (DraftRefused, NeedsPerson) as error:
        messages.error(request, _(error.sentence))
        return redirect("connection_detail", connection.public_id)
    if step in _BEFORE_READING or draft.purpose == Purpose.SETUP:
        return goes_to(draft, step if may_enter(draft, step) else current_step(draft))
    return reads_and_goes_to(draft, step)


def _begin(request: DeskRequest, connection: Connection) -> HttpResponse:
    try:
        draft = drafts.begin_setup(
            connection.company,
            connection.provider_slug,
            settings={},
            mapping=connection.mapping,
            by=request.user,
            request_number=connection.started_by_request,
        )
    except (DraftRefused, NeedsPerson) as error:
        messages.error(request, _(error.sentence))
        return redirect("setup", connection.public_id)
    return goes_to(draft, current_step(draft))


def _latest(connection: Connection) -> str:
    """The state of the latest draft: CONFIRMED waits to be carried out, APPLIED was."""
    latest = connection.drafts.exclude(state=DraftState.WITHDRAWN).order_by("-pk").first()
    return latest.state if latest else ""
