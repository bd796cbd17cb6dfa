"""The queue as a file for spreadsheets: what the filters choose, streamed, recorded, and safe to open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import islice

from django.db import transaction
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.accounts.limits import RateLimited, take
from portal.audit.services import record
from portal.kit import clock
from portal.kit.spreadsheet import Cell, csv_of
from requests_app.business_time import Clocks
from requests_app.models import Request, RequestQuerySet
from requests_app.services.clocks import times_of
from requests_app.views.lists import QueueRow, chosen_by, queue_rows
from requests_app.views.shared import DeskRequest

MOST_AN_HOUR = 5
_AT_A_TIME = 500
_COLUMNS = (
    *("Request", "Company", "LMS ID", "Type", "System", "Stage", "Waiting on", "Owner", "Filed by"),
    *("MRR", "Currency", "Filed", "In this stage since", "Due", "Our time (business hours)"),
    *("Total time (days)", "Jira", "Jira status"),
)


@require_safe
def request_export(request: DeskRequest) -> HttpResponseBase:
    """The filters of the address; a HEAD is not counted. Five exports an hour for each person (429 says when)."""
    if request.method == "HEAD":
        return StreamingHttpResponse((), content_type="text/csv; charset=utf-8")
    try:
        take("export", str(request.user.pk), most=MOST_AN_HOUR, per=timedelta(hours=1))
    except RateLimited as error:
        context = {"wait": error.wait, "most": MOST_AN_HOUR, "query": request.GET.urlencode()}
        return render(request, "requests_app/export_limited.html", context, status=429)
    chosen = chosen_by(request.user, request.GET.dict())
    with transaction.atomic():
        record(
            "requests.exported",
            by=request.user,
            details={"filter": chosen.query, "count": chosen.total},
        )
    # The zone is read now: while the file streams, the middleware that sets it has ended.
    lines = csv_of(_rows(chosen.found.order_by("-number"), timezone.get_current_timezone()))
    name = f"requests-{timezone.localtime(clock.now()):%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _rows(found: RequestQuerySet, zone: tzinfo) -> Iterator[tuple[Cell, ...]]:
    """The heading, then one row per request: three queries for every 500, whatever the number."""
    yield _COLUMNS
    stream = found.iterator(chunk_size=_AT_A_TIME)
    while requests := list(islice(stream, _AT_A_TIME)):
        times = times_of(requests)
        for row in queue_rows(requests):
            yield _cells(row, times[row.req.pk], zone)


def _cells(row: QueueRow, times: Clocks, zone: tzinfo) -> tuple[Cell, ...]:
    req: Request = row.req
    return (
        *(str(req), req.company.name, req.company.lms_id, req.get_kind_display(), req.provider.name),
        *(req.current_stage.label, row.waiting_words, str(req.owner), str(req.filed_by)),
        *(req.company.mrr, req.company.mrr_currency),
        *(_local(req.created_at, zone), _local(req.stage_since, zone)),
        _local(row.due.at if row.due else None, zone),
        _number(times.ours / timedelta(hours=1)),
        _number(times.total / timedelta(days=1)),
        *(req.jira_key, req.jira_status),
    )


def _local(instant: datetime | None, zone: tzinfo) -> datetime | None:
    return instant.astimezone(zone).replace(tzinfo=None) if instant else None


def _number(value: float) -> Decimal:
    return Decimal(f"{value:.1f}")
