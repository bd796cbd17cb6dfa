"""See the plan, confirm it by the number of people, and what is said afterwards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from integrations.forms_setup import ConfirmForm
from integrations.models import (
    Connection,
    Draft,
    Purpose,
    Receipt,
    Run,
    RunKind,
    RunOutcome,
    SetupStep,
)
from integrations.services import drafts, receipts, rehearsal
from integrations.services.adopting import plan_had_changed, refused_before
from integrations.services.drafts import DraftRefused
from integrations.views import words
from integrations.views.rule_words import no_groups_line
from integrations.views.runs import progress
from integrations.views.setup_frame import (
    current_step,
    goes_to,
    may_change,
    open_draft_of,
    page,
    refused,
    step_behind,
)
from integrations.views.setup_keys import forget_key, sight_of
from integrations.views.setup_plan_words import in_memory, stored
from integrations.views.setup_words import consequences, follows
from integrations.views.shared import DeskRequest, connection_of
from portal.accounts.limits import RateLimited
from portal.kit.errors import NeedsPerson


def plan_step(request: DeskRequest, draft: Draft) -> HttpResponse:
    return _start(request, draft) if request.method == "POST" else _page(request, draft)


def _page(
    request: DeskRequest, draft: Draft, form: ConfirmForm | None = None, *, status: int = 200
) -> HttpResponse:
    told = {"no_groups": no_groups_line(draft.rules.groups_from_nothing)}
    if draft.rehearses:
        return page(request, draft, SetupStep.PLAN, told | _rehearsed(request, draft))
    run = draft.plan or _latest(draft)
    refused = refused_before(draft)
    context: dict[str, Any] = {"run": run, **_progress(run), "again": refused and plan_had_changed(refused)}
    if run is not None and run.outcome == RunOutcome.PLANNED:
        context |= {
            "plan": stored(run, draft, chosen=_chosen(request), page=request.GET.get("page")),
            "is_current": drafts.plan_is_current(draft),
            "changes": receipts.pending(draft) if draft.purpose == Purpose.CHANGE else (),
            "form": form or ConfirmForm(initial={"plan_digest": run.plan_digest}),
        }
    return page(request, draft, SetupStep.PLAN, told | context, status=status)


def _latest(draft: Draft) -> Run | None:
    return Run.objects.filter(draft=draft, kind=RunKind.DRY).order_by("-pk").first()


def _progress(run: Run | None) -> dict[str, Any]:
    """The last phase of a run changes people; a plan has none of it."""
    return {"phases": words.phases(run)[:2]} if run is not None else {}


def _rehearsed(request: DeskRequest, draft: Draft) -> dict[str, Any]:
    """The plan of the file that was dropped, worked out here and now; nothing of it is kept."""
    sight = sight_of(request, draft)
    if sight is None or not sight.is_ready:
        return {"sight": sight, "needs_file": True}
    made = rehearsal.plan(sight.preview, sight.keys, draft)
    plan = in_memory(made, chosen=_chosen(request), page=request.GET.get("page"))
    return {"sight": sight, "plan": plan}


def _chosen(request: DeskRequest) -> str:
    kind = request.GET.get("kind", "")
    return kind if kind in words.KINDS else ""


def _start(request: DeskRequest, draft: Draft) -> HttpResponse:
    try:
        drafts.start_plan(draft, by=request.user)
    except (DraftRefused, NeedsPerson, RateLimited) as error:
        messages.error(request, error.sentence)
    return goes_to(draft, SetupStep.PLAN)


@require_POST
def connection_plan(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """A plan by the settings as they are, to be looked at and confirmed: also where a run did not dare."""
    connection = connection_of(request.user, public_id)
    try:
        draft = drafts.begin_change(connection, by=request.user)
    except NeedsPerson as error:
        messages.error(request, _(error.sentence))
        return redirect("connection_detail", connection.public_id)
    return _start(request, draft)


@require_http_methods(["GET", "HEAD", "POST"])
def setup_plan(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """POST works the plan out; GET is its progress, asked for every two seconds."""
    connection, draft = open_draft_of(request, public_id)
    if draft is None:
        return redirect("setup", connection.public_id)
    if request.method == "POST":
        return _start(request, draft)
    run = draft.plan or _latest(draft)
    context = {"connection": connection, "draft": draft, "run": run, **_progress(run)}
    response = render(request, "integrations/setup/_plan_progress.html", context)
    if request.htmx and (run is None or not run.is_open or run.outcome == RunOutcome.PLANNED):
        response["HX-Refresh"] = "true"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def setup_confirm(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """The number that was typed, against the very plan that was looked at."""
    connection, draft = open_draft_of(request, public_id)
    if request.method != "POST":
        return step_behind(request, connection, SetupStep.PLAN)
    if draft is None:
        return redirect("setup", connection.public_id)
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        return _page(request, draft, form, status=422)
    given = form.cleaned_data
    try:
        drafts.confirm(draft, typed=given["typed"], plan_digest=given["plan_digest"], by=request.user)
    except NeedsPerson as error:
        form.add_error(None, error.sentence)
        return _page(request, draft, form, status=422)
    except DraftRefused as error:
        if error.code == "wrong_number":
            form.add_error("typed", error.sentence)
            return _page(request, draft, form, status=422)
        refused(request, error)
        return goes_to(draft, current_step(draft))
    return forget_key(goes_to(draft, SetupStep.DONE), connection)


def done(request: DeskRequest, connection: Connection) -> HttpResponse:
    """What happens now: the first run, or whom it waits for."""
    receipt = Receipt.objects.filter(connection=connection).select_related("confirmed_by").first()
    run = Run.objects.filter(connection=connection, receipt=receipt).first() if receipt else None
    context = {
        **(progress(run) if run and run.is_open else {}),
        "connection": connection,
        "company": connection.company,
        "card": connection.provider,
        "receipt": receipt,
        "run": run,
        "sentence": consequences(receipt.counts) if receipt else "",
        "following": follows(receipt.counts) if receipt else [],
        "can_change": may_change(request.user),
    }
    return render(request, "integrations/setup/done.html", context)
