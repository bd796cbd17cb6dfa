"""The portal's own pages: where home is, search, health for machines, and the error pages."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Case, Min, QuerySet, When
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from integrations.queries import connections_for
from portal.accounts.models import Membership, User
from portal.kit import clock, queue
from portal.kit.leases import JobState
from portal.searching import Asked, search_all
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.views.shared import DeskRequest

log = logging.getLogger(__name__)

CANARY_SECONDS = 300
OVERDUE_SECONDS = 900
_OPEN = [stage.value for stage in Stage if stage.is_open]


@require_safe
def home(request: DeskRequest) -> HttpResponse:
    """Staff to their work; a customer admin to what is open for them, else to what runs for them or what they gave."""
    user = request.user
    if user.is_desk_staff:
        return redirect("my_work")
    if open_request := open_request_of(user):
        return redirect("customer_request", open_request.public_id)
    connections = list(connections_for(user)[:2])
    if len(connections) == 1:
        return redirect("connection_detail", connections[0].public_id)
    if not connections and Membership.objects.is_guest(user):
        last = Request.objects.for_actor(user).order_by("-number").first()
        return redirect("customer_request", last.public_id) if last else redirect("search")
    return redirect("connection_list")


def open_request_of(user: User) -> Request | None:
    """The newest request that waits on this customer admin, else the newest open one. One query."""
    found: QuerySet[Request] = Request.objects.for_actor(user).filter(stage__in=_OPEN)
    waits = Case(When(stage=Stage.WAITING_ON_CUSTOMER.value, then=0), default=1)
    return found.order_by(waits, "-number").first()


@require_safe
def search(request: DeskRequest) -> HttpResponse:
    """The page, or its results alone while somebody types."""
    asked = Asked.of(request.GET.get("q", ""))
    results = search_all(request.user, asked) if asked.is_enough else None
    fragment = request.htmx and not request.htmx.boosted
    template = "portal/_search_results.html" if fragment else "portal/search.html"
    return render(request, template, {"text": asked.text, "results": results})


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nothing else, so that a database away does not restart the web."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """503 with the names of what is not ready: database, migrations, workers, oldest due job."""
    try:
        checks = _readiness()
    except DatabaseError:
        log.exception("not ready: the database does not answer")
        checks = {"database": {"ok": False}}
    ready = all(check["ok"] for check in checks.values())
    return JsonResponse(
        {"status": "ok" if ready else "not ready", "checks": checks}, status=200 if ready else 503
    )


def _readiness() -> dict[str, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    checks: dict[str, dict[str, Any]] = {
        "database": {"ok": True},
        "migrations": {"ok": missing == 0, "missing": missing},
    }
    if missing:
        return checks
    for cluster in sorted({known.cluster for known in queue.JOBS.values()}):
        age = queue.canary_age(cluster)
        checks[f"worker {cluster}"] = {
            "ok": age is not None and age <= CANARY_SECONDS,
            "seconds_since_canary": None if age is None else round(age),
        }
    overdue = _oldest_due_seconds()
    checks["jobs"] = {"ok": overdue <= OVERDUE_SECONDS, "oldest_due_seconds": round(overdue)}
    return checks


def _oldest_due_seconds() -> float:
    """How long the job that has waited most has been due, over every kind of row; 0 when nothing waits."""
    now = clock.now()
    waits = [0.0]
    for model in {known.model for known in queue.JOBS.values()}:
        due = model._default_manager.filter(job_state=JobState.QUEUED, due_at__lte=now)
        oldest = due.order_by().aggregate(at=Min("due_at"))["at"]
        if oldest:
            waits.append((now - oldest).total_seconds())
    return max(waits)


def _failure(request: HttpRequest, template: str, status: int, words: str) -> HttpResponse:
    """The same answer in JSON for the API and as a page for people. Never says what was looked for."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": words}, status=status)
    return render(request, template, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _failure(request, "400.html", 400, "That request made no sense.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _failure(request, "403.html", 403, "This is not for your role.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _failure(request, "404.html", 404, "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Without the frame: what broke may be the database that the frame would ask."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": "That is our own error. It was recorded."}, status=500)
    return HttpResponse(render_to_string("500.html"), status=500)
