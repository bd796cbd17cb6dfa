"""The pages of connections: the list, one connection with its state, its credentials, and "Sync now"."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations import catalog, queries
from integrations.models import (
    Check,
    Connection,
    ConnectionState,
    DirectoryPerson,
    PersonState,
    Run,
)
from integrations.provider import Kind
from integrations.services import connections as services
from integrations.views import words
from integrations.views.charts import LEGEND, run_chart
from integrations.views.credentials import given_credentials
from integrations.views.shared import DeskRequest, connection_of, page_of, text_of
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson
from portal.kit.leases import OPEN_STATES

PER_PAGE = 25
RUNS_SHOWN = 15
_WORKING = (ConnectionState.CONNECTING, ConnectionState.CONNECTED, ConnectionState.QUARANTINED)


@require_safe
def connection_list(request: DeskRequest) -> HttpResponse:
    """An htmx request gets the rows alone; without scripts the same address is the whole page."""
    text, state = text_of(request), request.GET.get("state", "")
    page = page_of(request, _filtered(queries.connections_for(request.user), text, state), PER_PAGE)
    context = {
        "page": page,
        "rows": _rows(list(page)),
        "text": text,
        "state": state,
        "filtered": bool(text or state),
        "many_companies": request.user.is_desk_staff,
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "integrations/_connection_rows.html", context)
    counts = _state_counts(request.user)
    context |= {
        "states": [(value, _(str(label))) for value, label in ConnectionState.choices],
        "tiles": [
            (_(str(label)), counts.get(value, 0), value)
            for value, label in ConnectionState.choices
            if value in (ConnectionState.CONNECTED, ConnectionState.QUARANTINED, ConnectionState.SETTING_UP)
        ],
    }
    return render(request, "integrations/connection_list.html", context)


def _rows(page: list[Connection]) -> list[tuple[Connection, words.Badge, int]]:
    """Each connection of the page with its badge and its active people, counted in one query."""
    people = DirectoryPerson.objects.filter(connection__in=page, state=PersonState.ACTIVE).order_by()
    counts = dict(people.values_list("connection").annotate(number=Count("pk")))
    return [(each, words.state_badge(each), counts.get(each.pk, 0)) for each in page]


def _state_counts(user: User) -> dict[str, int]:
    rows = Connection.objects.for_actor(user).order_by()
    return dict(rows.values_list("state").annotate(number=Count("pk")))


def _filtered(rows: QuerySet[Connection], text: str, state: str) -> QuerySet[Connection]:
    """By state, and by words of the company's or the system's name."""
    if state in ConnectionState.values:
        rows = rows.filter(state=state)
    for word in text.split():
        slugs = [card.slug for card in catalog.search(word)]
        rows = rows.filter(Q(company__name__icontains=word) | Q(provider_slug__in=slugs))
    return rows


@require_safe
def connection_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    connection = connection_of(request.user, public_id)
    runs = list(queries.run_history(connection)[:RUNS_SHOWN])
    check = connection.checks.order_by("-pk").first()
    context = _status(connection, runs[0] if runs else None, check) | {
        "runs": [(run, words.run_badge(run), words.run_title(run)) for run in runs],
        "legend": LEGEND,
        "chart": run_chart([run for run in runs if not run.is_open]),
        "steps": words.steps(check),
        "given": given_credentials(connection),
        "mapping": words.mapping_rows(connection),
    }
    return render(request, "integrations/connection_detail.html", context)


@require_safe
def connection_status(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """The state alone, asked for every two seconds while something goes on; then the page loads afresh."""
    connection = connection_of(request.user, public_id)
    context = _status(
        connection, queries.run_history(connection).first(), connection.checks.order_by("-pk").first()
    )
    response = render(request, "integrations/_connection_status.html", context)
    if request.htmx and not context["busy"]:
        response["HX-Refresh"] = "true"
    return response


def _status(connection: Connection, run: Run | None, check: Check | None) -> dict[str, Any]:
    people = DirectoryPerson.objects.filter(connection=connection, state=PersonState.ACTIVE)
    open_run = run if run and run.is_open else None
    checking = bool(check and check.is_open)
    hris = connection.kind == Kind.HRIS
    return {
        "connection": connection,
        "badge": words.state_badge(connection),
        "advice": words.advice(connection),
        "hris": hris,
        "people_count": people.count() if hris else None,
        "open_run": open_run,
        "run_phase": open_run.get_phase_display() if open_run else "",
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
