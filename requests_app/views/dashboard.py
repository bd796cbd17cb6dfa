"""The team lead's dashboard: how much is open, how old, whose turn it is, how fast, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from integrations.provider import Kind
from portal.accounts.models import Role, User
from portal.templatetags.desk_charts import Column, Legend, Measure, Part, Stack
from requests_app import queries
from requests_app.business_time import words_of
from requests_app.services import figures, queue
from requests_app.services.calendar import business_calendar
from requests_app.services.queue import Filters
from requests_app.views.shared import DeskRequest
from requests_app.views.tiles import Tile

_AGE_CSS = ("ch-age-0", "ch-age-1", "ch-age-2", "ch-age-3", "ch-age-4")
_TURN_CSS = {"customer": "ch-sky", "csm": "ch-blue", "tl": "ch-amber", "connection": "ch-purple"}
_TURN_QUERY = {
    "customer": {"tab": "customer"},
    "tl": {"tab": "approval"},
    "connection": {"stage": "approved"},
}


@require_safe
def dashboard(request: DeskRequest) -> HttpResponse:
    """Filtered by kind and owner; each drawing leads to its requests where the queue can show just those."""
    given = Filters.of(request.GET.dict())
    filters = Filters(kind=given.kind, owner=given.owner)
    rows = filters.apply(queries.requests_for(request.user))
    ages = figures.open_by_stage_and_age(rows)
    finished, decisions = figures.finished_lately(rows), figures.decisions_by_week(rows)
    late_count, late = figures.most_overdue(rows)
    live, stakes = figures.live_by_week(rows), figures.mrr_at_stake(rows)
    kept = filters.as_query()
    context: dict[str, Any] = {
        "filters": filters,
        "kinds": tuple(Kind),
        "owners": User.objects.filter(role__in=(Role.CSM, Role.TL)).order_by("name"),
        "tiles": _tiles(ages, late_count, finished, decisions),
        "open_count": sum(sum(line.counts) for line in ages),
        "ages": [Stack(line.stage.label, line.counts, _url(kept, stage=line.stage.value)) for line in ages],
        "age_legend": [Legend(band.label, css) for band, css in zip(queue.BANDS, _AGE_CSS, strict=True)],
        "turns": [
            Part(
                turn.label,
                turn.count,
                _TURN_CSS[turn.key],
                _url(kept, **_TURN_QUERY[turn.key]) if turn.key in _TURN_QUERY else "",
            )
            for turn in figures.whose_turn(ages)
        ],
        "finished": finished,
        "stage_times": _measures(finished),
        "decided": decisions.count,
        "weeks": _week_columns(decisions.weeks),
        "live_count": sum(count for _, count in live),
        "live": [Column(_day(start), float(count), str(count) if count else "") for start, count in live],
        "stakes": stakes,
        "late": late,
        "late_count": late_count,
        "late_url": _url(kept, late="1", order="due"),
        "business_day": words_of(business_calendar().day),
    }
    return render(request, "requests_app/dashboard.html", context)


def _url(kept: dict[str, str], **more: str) -> str:
    return f"{reverse('request_list')}?{urlencode({**kept, **more})}"


def _words(duration: timedelta | None) -> str:
    return "—" if duration is None else words_of(duration, day=business_calendar().day)


def _hours(duration: timedelta | None) -> float:
    return duration / timedelta(hours=1) if duration else 0.0


def _day(start: Any) -> str:
    local = timezone.localtime(start)
    return f"{local.day} {local:%b}"


def _tiles(
    ages: Sequence[figures.StageAges],
    late_count: int,
    finished: figures.Finished,
    decisions: figures.Decisions,
) -> tuple[Tile, ...]:
    total = sum(sum(line.counts) for line in ages)
    oldest = sum(line.counts[-1] for line in ages)
    line = tuple(round(_hours(week.median)) for week in decisions.weeks)
    return (
        Tile("Open requests", str(total), f"{oldest} older than four weeks"),
        Tile(
            "Over their target",
            str(late_count),
            "Nothing is late" if not late_count else "See the list below",
        ),
        Tile(
            "Our time to live",
            _words(finished.ours),
            f"Median; {words_of(finished.total)} in all" if finished.total else "None went live yet",
        ),
        Tile(
            "Time to a decision",
            _words(decisions.median),
            f"{decisions.count} decision{'' if decisions.count == 1 else 's'}",
            line=line if decisions.count else (),
        ),
    )


def _measures(finished: figures.Finished) -> list[Measure]:
    return [
        Measure(
            time.stage.label,
            _hours(time.median),
            _words(time.median),
            _hours(time.target),
            _words(time.target) if time.target else "",
        )
        for time in finished.stages
    ]


def _week_columns(weeks: Sequence[figures.Week]) -> list[Column]:
    return [
        Column(
            _day(week.start),
            _hours(week.median),
            f"{_hours(week.median):.0f} h" if week.decided else "",
            _hours(week.most),
            f"{_hours(week.most):.0f} h" if week.decided else "",
        )
        for week in weeks
    ]
