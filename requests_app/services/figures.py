"""The dashboard's figures: each a value, from a constant number of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Case, Count, Max, Q, Value, When
from django.db.models.functions import TruncWeek
from django.utils import timezone

from portal.kit import clock
from requests_app.business_time import Clocks, median_of, share_of
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request, RequestQuerySet
from requests_app.services import clocks, queue
from requests_app.services.calendar import business_calendar, service_targets

WEEKS = 8
FINISHED_DAYS = 90
MOST_FINISHED = 2_000  # how many lives at most are measured for the medians, the latest first
TOP = 10
_DONE = (Stage.LIVE, Stage.CLOSED)
_DECISIONS = ("approve", "send_back", "reject")
_TURNS: tuple[tuple[str, str, frozenset[Stage]], ...] = (
    ("customer", "Customer", frozenset({Stage.WAITING_ON_CUSTOMER})),
    ("csm", "CSM", frozenset({Stage.DRAFT, Stage.CHANGES_REQUESTED, Stage.FAILED})),
    ("tl", "Team lead", frozenset({Stage.SUBMITTED})),
    ("connection", "Connection", frozenset({Stage.APPROVED})),
)
OPEN_IN_ORDER = (
    *(Stage.DRAFT, Stage.WAITING_ON_CUSTOMER, Stage.CHANGES_REQUESTED),
    *(Stage.SUBMITTED, Stage.APPROVED, Stage.FAILED),
)


@dataclass(frozen=True, slots=True)
class StageAges:
    """How many open requests of a stage there are per age band, in the order of queue.BANDS."""

    stage: Stage
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    key: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class StageTime:
    """The median business time that a stage took, and what was promised for it."""

    stage: Stage
    median: timedelta
    target: timedelta | None


@dataclass(frozen=True, slots=True)
class Week:
    """What was decided in the week that begins at `start`; None where nothing was."""

    start: datetime
    decided: int
    median: timedelta | None
    most: timedelta | None


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of the last weeks, and the median over all of them."""

    weeks: tuple[Week, ...]
    count: int
    median: timedelta | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The lives that ended lately: how many, the median of both clocks, and of each stage."""

    count: int
    ours: timedelta | None
    total: timedelta | None
    stages: tuple[StageTime, ...]


@dataclass(frozen=True, slots=True)
class Stake:
    """Monthly revenue of one currency; `late` is that of companies with a request over its target."""

    currency: str
    total: Decimal
    late: Decimal
    companies: int


@dataclass(frozen=True, slots=True)
class Late:
    req: Request
    due: clocks.Due


def open_by_stage_and_age(rows: RequestQuerySet) -> tuple[StageAges, ...]:
    """One query. Every open stage is there, with zeros if need be."""
    bands = [When(band.condition(), then=Value(index)) for index, band in enumerate(queue.BANDS)]
    open_rows = rows.filter(stage__in=OPEN_IN_ORDER).order_by()
    found = open_rows.annotate(band=Case(*bands, default=Value(0))).values_list("stage", "band")
    counts = {(stage, band): n for stage, band, n in found.annotate(n=Count("pk"))}
    places = range(len(queue.BANDS))
    return tuple(StageAges(s, tuple(counts.get((s.value, i), 0) for i in places)) for s in OPEN_IN_ORDER)


def whose_turn(ages: Sequence[StageAges]) -> tuple[Turn, ...]:
    """Who has to move next, from what was counted per stage; together these are all open requests."""
    counts = {line.stage: sum(line.counts) for line in ages}
    return tuple(
        Turn(key, label, sum(counts.get(stage, 0) for stage in stages)) for key, label, stages in _TURNS
    )


def finished_lately(rows: RequestQuerySet) -> Finished:
    """Two queries over what went live or was closed in the last 90 days."""
    since = clock.now() - timedelta(days=FINISHED_DAYS)
    done = rows.filter(stage__in=_DONE, stage_since__gte=since).order_by("-stage_since")
    lives = list(clocks.times_by_key(list(done.values_list("pk", flat=True)[:MOST_FINISHED])).values())
    lives = [life for life in lives if life.ended_at]
    stages = tuple(_stage_time(stage, lives) for stage in OPEN_IN_ORDER if stage != Stage.FAILED)
    return Finished(
        len(lives),
        median_of(life.ours for life in lives),
        median_of(life.total for life in lives),
        tuple(time for time in stages if time is not None),
    )


def _stage_time(stage: Stage, lives: Sequence[Clocks]) -> StageTime | None:
    """Of those lives that were in the stage at all."""
    median = median_of(life.by_stage[stage] for life in lives if stage in life.by_stage)
    return None if median is None else StageTime(stage, median, service_targets().get(stage))


def weeks_before(now: datetime) -> list[datetime]:
    """The starts of the last weeks where the reader is, the present one last."""
    local = timezone.localtime(now)
    monday = (local - timedelta(days=local.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    return [monday - timedelta(weeks=WEEKS - 1 - back) for back in range(WEEKS)]


def decisions_by_week(rows: RequestQuerySet) -> Decisions:
    """From each submission to its decision in business time, by the week of the decision. One query."""
    starts, calendar = weeks_before(clock.now()), business_calendar()
    decided = Event.objects.filter(
        move__in=_DECISIONS, at__gte=starts[0], req__in=rows.order_by().values("pk")
    )
    turns = Q(stage_after=Stage.SUBMITTED) | Q(move__in=_DECISIONS)
    moves = Event.objects.filter(turns, req__in=decided.order_by().values("req"))
    found = moves.order_by("req_id", "at", "pk").values_list("req_id", "move", "at")
    taken: dict[datetime, list[timedelta]] = {start: [] for start in starts}
    submitted: dict[int, datetime] = {}
    for req, move, at in found:
        if move not in _DECISIONS:
            submitted[req] = at
        elif (began := submitted.pop(req, None)) and at >= starts[0]:
            start = max(start for start in starts if start <= at)
            taken[start].append(calendar.between(began, at))
    weeks = tuple(
        Week(start, len(spans), median_of(spans), share_of(spans, 90)) for start, spans in taken.items()
    )
    every = [span for spans in taken.values() for span in spans]
    return Decisions(weeks, len(every), median_of(every))


def live_by_week(rows: RequestQuerySet) -> tuple[tuple[datetime, int], ...]:
    """How many connections went live per week. One query."""
    starts = weeks_before(clock.now())
    events = Event.objects.filter(req__in=rows.order_by().values("pk"), move="go_live", at__gte=starts[0])
    counts = Counter(
        dict(events.order_by().annotate(week=TruncWeek("at")).values_list("week").annotate(n=Count("pk")))
    )
    return tuple((start, counts[start]) for start in starts)


def most_overdue(rows: RequestQuerySet) -> tuple[int, tuple[Late, ...]]:
    """How many are over the target of their stage, and those whose target passed first. Two queries."""
    now = clock.now()
    keys = clocks.in_order_of_due(rows.filter(clocks.overdue(now)))
    page = queue.page_of(keys[:TOP], rows)
    dues = [(req, clocks.due_of(req.current_stage, req.stage_since, now=now)) for req in page]
    return len(keys), tuple(Late(req, due) for req, due in dues if due)


def mrr_at_stake(rows: RequestQuerySet) -> tuple[Stake, ...]:
    """Per currency what the companies with an open request pay a month, each once; the largest sum first. One query."""
    is_late = Max(Case(When(clocks.overdue(), then=Value(1)), default=Value(0)))
    open_rows = rows.filter(stage__in=OPEN_IN_ORDER).exclude(company__mrr=None).order_by()
    found = open_rows.values_list("company_id", "company__mrr_currency", "company__mrr").annotate(
        late=is_late
    )
    sums: dict[str, list[tuple[Decimal, bool]]] = {}
    for _, currency, amount, late in found:
        sums.setdefault(currency, []).append((amount, bool(late)))
    stakes = [
        Stake(
            code,
            sum((n for n, _ in paid), Decimal()),
            sum((n for n, late in paid if late), Decimal()),
            len(paid),
        )
        for code, paid in sums.items()
    ]
    return tuple(sorted(stakes, key=lambda stake: -stake.total))
