"""The numbers above the list of requests: a few aggregates, none of them per row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Min
from django.db.models.functions import TruncWeek
from django.utils import timezone

from portal.kit import clock
from portal.templatetags.desk import money
from requests_app.lifecycle import Stage
from requests_app.models import RequestQuerySet

WEEKS = 8
OPEN_STAGES = frozenset(stage for stage in Stage if stage.is_open)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number. `since` is an instant shown after the note, `line` a sparkline of one value per week."""

    label: str
    value: str
    note: str = ""
    since: datetime | None = None
    line: tuple[int, ...] = ()


def tiles(
    rows: RequestQuerySet, counts: Mapping[str, int], money_by_currency: Mapping[str, Decimal]
) -> tuple[Tile, ...]:
    """Four numbers about what this person may see. Money is never added across currencies."""
    weeks = _new_per_week(rows)
    oldest = rows.filter(stage__in=(Stage.SUBMITTED, Stage.WAITING_ON_CUSTOMER)).values_list("stage")
    since = dict(oldest.annotate(first=Min("stage_since")).order_by())
    submitted, waiting = counts.get(Stage.SUBMITTED, 0), counts.get(Stage.WAITING_ON_CUSTOMER, 0)
    return (
        Tile(
            "Open requests",
            str(sum(counts.get(stage, 0) for stage in OPEN_STAGES)),
            f"{weeks[-1]} new this week",
            line=weeks,
        ),
        _waiting("Waiting for approval", submitted, since.get(Stage.SUBMITTED), "Nobody waits for you"),
        _waiting("Waiting on customers", waiting, since.get(Stage.WAITING_ON_CUSTOMER), "No open links"),
        _mrr(money_by_currency),
    )


def _waiting(label: str, count: int, first: datetime | None, none: str) -> Tile:
    return Tile(label, str(count), "Oldest:" if first else none, since=first)


def mrr_by_currency(rows: RequestQuerySet) -> dict[str, Decimal]:
    """What the companies with an open request pay a month, the largest sum first. A company counts once."""
    companies = rows.filter(stage__in=OPEN_STAGES).exclude(company__mrr=None).order_by()
    unique = companies.values("company_id", "company__mrr_currency", "company__mrr").distinct()
    sums: dict[str, Decimal] = {}
    for row in unique:
        code = row["company__mrr_currency"]
        sums[code] = sums.get(code, Decimal()) + (row["company__mrr"] or 0)
    return dict(sorted(sums.items(), key=lambda each: -each[1]))


def _mrr(sums: Mapping[str, Decimal]) -> Tile:
    words = [money(total, code) for code, total in sums.items()]
    if not words:
        return Tile("MRR waiting", "—", "No open request has one")
    return Tile("MRR waiting", words[0], " · ".join(words[1:]) or "per month, in open requests")


def _new_per_week(rows: RequestQuerySet) -> tuple[int, ...]:
    now = timezone.localtime(clock.now())  # weeks begin where the reader is, as TruncWeek has it
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    first = monday - timedelta(weeks=WEEKS - 1)
    found = rows.filter(created_at__gte=first).annotate(week=TruncWeek("created_at")).values_list("week")
    made = dict(found.annotate(n=Count("pk")).order_by())
    starts = [first + timedelta(weeks=i) for i in range(WEEKS)]
    return tuple(made.get(start, 0) for start in starts)
