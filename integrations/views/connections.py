"""The page of a connection: its state, what waits for somebody, its runs and its settings, and "Sync now"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations import queries
from integrations.models import (
    Check,
    Connection,
    ConnectionState,
    Run,
    RunKind,
)
from integrations.permissions import POLICY
from integrations.provider import Kind
from integrations.services import connections as services
from integrations.views import words
from integrations.views.charts import LEGEND, run_chart
from integrations.views.credentials import given_credentials, may_replace
from integrations.views.overview import overview
from integrations.views.schedule import schedule_words
from integrations.views.shared import DeskRequest, address_for, connection_of
from integrations.views.standing_words import advice
from portal.accounts.models import User
from portal.accounts.policy import POST
from portal.kit.errors import NeedsPerson
from portal.kit.leases import OPEN_STATES

RUNS_SHOWN = 15
_RUNNING = (ConnectionState.CONNECTED, ConnectionState.DEGRADED, ConnectionState.QUARANTINED)
_WORKING = (ConnectionState.CONNECTING, *_RUNNING)


@require_safe
def connection_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    connection = connection_of(request.user, public_id)
    runs = list(queries.run_history(connection)[:RUNS_SHOWN])
    check = connection.checks.order_by("-pk").first()
    figures = queries.figures_of(connection)
    context = _status(connection, runs[0] if runs else None, check, figures)
    context |= overview(connection, request.user, figures) | {
        "runs": [(run, words.run_badge(run), words.run_title(run)) for run in runs],
        "legend": LEGEND,
        "chart": run_chart([run for run in runs if not run.is_open and run.kind != RunKind.DRY]),
        "steps": words.steps(check),
        "given": given_credentials(connection),
        "replaced_with_plan": services.replaced_with_plan(connection),
        "may_replace": may_replace(request.user, connection),
        "why_url": address_for(request.user, "why", connection.public_id) if context["hris"] else "",
        "may_plan": _may_plan(request.user, connection),
        "manage_url": address_for(request.user, "connection_manage", connection.public_id),
    }
    return render(request, "integrations/connection_detail.html", context)


def _may_plan(user: User, connection: Connection) -> bool:
    """Where everything is set up, whoever sets it up may see what a run would do, and confirm that."""
    works = connection.kind == Kind.HRIS and connection.state in _RUNNING
    return works and connection.confirmed_at is not None and POLICY["connection_plan"].allows(POST, user)


@require_safe
def connection_status(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """The state alone, asked for every two seconds while something goes on; then the page loads afresh."""
    connection = connection_of(request.user, public_id)
    run, check = queries.run_history(connection).first(), connection.checks.order_by("-pk").first()
    context = _status(connection, run, check, queries.figures_of(connection))
    response = render(request, "integrations/_connection_status.html", context)
    if request.htmx and not context["busy"]:
        response["HX-Refresh"] = "true"
    return response


def _status(
    connection: Connection, run: Run | None, check: Check | None, figures: Mapping[str, int]
) -> dict[str, Any]:
    open_run = run if run and run.is_open else None
    checking = bool(check and check.is_open)
    hris = connection.kind == Kind.HRIS
    return {
        "connection": connection,
        "badge": words.state_badge(connection),
        "advice": advice(connection),
        "hris": hris,
        "figures": figures,
        "schedule": schedule_words(connection) if hris else "",
        "open_run": open_run,
        "run_phase": open_run.get_phase_display() if open_run else "",
        "pace": words.pace(open_run) if open_run else "",
        "check": check,
        "checking": checking,
        # Still "connecting" without a run: it ended between our two looks, and the next one shows it.
        "busy": bool(open_run or checking or connection.state == ConnectionState.CONNECTING),
        "can_sync": connection.state in _WORKING,
    }


@require_POST
def connection_sync(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Starts a run, or a check of a sign-in connection. A second click finds what the first one started."""
    connection = connection_of(request.user, public_id)
    if connection.kind == Kind.SSO:
        _check_again(connection)
        return redirect("connection_detail", connection.public_id)
    try:
        run = services.sync_now(connection, request.user)
    except NeedsPerson as error:
        tell = messages.info if error.code == "already_running" else messages.error
        tell(request, _(error.sentence))
        return redirect("connection_detail", connection.public_id)
    return redirect("run_detail", run.public_id)


def _check_again(connection: Connection) -> None:
    """The row's lock lets one of two clicks start the check; the other one finds it."""
    with transaction.atomic():
        locked = Connection.objects.select_for_update().get(pk=connection.pk)
        if locked.state in _WORKING and not locked.checks.filter(job_state__in=OPEN_STATES).exists():
            services.check_now(locked)
