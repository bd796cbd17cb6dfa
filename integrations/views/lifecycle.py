"""Managing one connection: its state and what it means, pausing, resuming, ending it, and what the plan allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.models import Connection, ConnectionState
from integrations.permissions import SETTERS
from integrations.provider import Kind
from integrations.queries import unfinished_draft
from integrations.services import issues, lifecycle
from integrations.services.connections import replaced_with_plan
from integrations.services.departing import UNDONE
from integrations.services.entitlement import NOT_ENTITLED
from integrations.services.states import tile
from integrations.views.rule_words import filter_words, policy_lines
from integrations.views.schedule import schedule_words, upcoming
from integrations.views.shared import DeskRequest, connection_of, do_and_say
from integrations.views.standing_words import ended_means
from portal.accounts.models import Company, Role
from portal.kit import clock
from portal.kit.errors import NeedsPerson

_STOPPED = (ConnectionState.PAUSED, ConnectionState.DISCONNECTED)


@require_safe
def connection_manage(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Everything that can be done with a connection, each with what it means."""
    connection = connection_of(request.user, public_id)
    context = _frame(connection) | {
        "meaning": _meaning(connection),
        "issues": issues.issues_of(connection),
        "upcoming": upcoming(connection) if connection.state not in _STOPPED else [],
        "schedule": schedule_words(connection),
        "must_set_up": connection.state == ConnectionState.SETTING_UP
        and (connection.confirmed_at is None or unfinished_draft(connection) is not None),
        "can_pause": connection.state not in (*_STOPPED, ConnectionState.SETTING_UP),
        "replaced_with_plan": replaced_with_plan(connection),
        "is_over": connection.state == ConnectionState.DISCONNECTED,
        "may_set": request.user.role in SETTERS,
        "may_entitle": request.user.role in (Role.TL, Role.OPERATOR),
        **_rules(connection),
    }
    return render(request, "integrations/lifecycle_manage.html", context)


def _frame(connection: Connection) -> dict[str, Any]:
    return {
        "connection": connection,
        "company": connection.company,
        "hris": connection.kind == Kind.HRIS,
        "tile": tile(connection),
        "personal_days": settings.PERSON_RETENTION_DAYS,
        "disconnect_days": settings.DISCONNECT_RETENTION_DAYS,
    }


def _rules(connection: Connection) -> dict[str, Any]:
    if connection.kind != Kind.HRIS:
        return {}
    rules = connection.rules
    return {"filter": filter_words(rules.filter, connection), "policy": policy_lines(rules)}


def _meaning(connection: Connection) -> str:
    """What the state means for the people, and what happens next."""
    if connection.state == ConnectionState.DISCONNECTED:
        return ended_means(connection)
    return {
        ConnectionState.SETTING_UP: _("Nothing runs before the set-up is confirmed and approved."),
        ConnectionState.CONNECTING: _("The credentials are being tried, or the first run is going on."),
        ConnectionState.CONNECTED: _("Runs happen by schedule, and the people are kept in step."),
        ConnectionState.DEGRADED: _("Runs happen by schedule. What needs a look is named here."),
        ConnectionState.QUARANTINED: _(
            "Nobody is changed while it does not work. It is tried again by itself, with longer and longer pauses "
            "up to a day, and leaves this state as soon as a run succeeds."
        ),
        ConnectionState.PAUSED: _pause_means(connection.reason_code),
    }[ConnectionState(connection.state)]


def _pause_means(code: str) -> str:
    if code == NOT_ENTITLED:
        return _("Nothing is read and nobody is changed while the plan does not include HR connections.")
    if code in ("", UNDONE):
        return _("Somebody paused it. Nothing is read and nobody is changed until it is resumed.")
    return _(
        "We stopped by ourselves, because the same trouble lasted for days. Resume it when it is put right."
    )


@require_POST
def connection_pause(request: DeskRequest, public_id: UUID) -> HttpResponse:
    connection = connection_of(request.user, public_id)
    done = _("Paused. Nothing is read and nobody is changed until it is resumed.")
    do_and_say(request, lambda: lifecycle.pause(connection, by=request.user), done)
    return redirect("connection_manage", connection.public_id)


@require_POST
def connection_resume(request: DeskRequest, public_id: UUID) -> HttpResponse:
    connection = connection_of(request.user, public_id)
    done = _("Resumed. It is being tried now.")
    do_and_say(request, lambda: lifecycle.resume(connection, by=request.user), done)
    return redirect("connection_manage", connection.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
def connection_disconnect(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """What an end means, with numbers and the day, before anything ends."""
    connection = connection_of(request.user, public_id)
    if request.method == "POST":
        try:
            lifecycle.disconnect(connection, by=request.user)
        except NeedsPerson as error:
            messages.info(request, _(error.sentence))
        else:
            messages.success(request, _("Disconnected. The people stay as they are."))
        return redirect("connection_manage", connection.public_id)
    if connection.state == ConnectionState.DISCONNECTED:
        return redirect("connection_manage", connection.public_id)
    context = _frame(connection) | {
        "people": lifecycle.people_of(connection),
        "gone_on": clock.now() + timedelta(days=settings.DISCONNECT_RETENTION_DAYS),
    }
    return render(request, "integrations/lifecycle_disconnect.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def company_entitlement(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """What the company's plan allows; for those of us who may say so."""
    company: Company = get_object_or_404(Company.objects.for_actor(request.user), public_id=public_id)
    if request.method == "POST":
        said = {name: bool(request.POST.get(name)) for name in ("hris", "several")}
        do_and_say(request, lambda: lifecycle.set_entitlement(company, **said, by=request.user), "Saved.")
        return redirect("company_detail", company.public_id)
    context = {"company": company, "syncing": lifecycle.syncing_of(company)}
    return render(request, "integrations/lifecycle_entitlement.html", context)
