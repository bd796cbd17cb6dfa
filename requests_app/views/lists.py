"""The desk's two lists: what waits for me, and every request that I may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from integrations import catalog
from integrations.provider import Kind
from portal.accounts.models import Role, User
from portal.kit import clock
from requests_app import queries
from requests_app.lifecycle import Stage
from requests_app.models import Message, Request, RequestQuerySet
from requests_app.services import clocks, queue
from requests_app.services.queue import Filters
from requests_app.services.saved_views import query_of, views_for
from requests_app.views.shared import DeskRequest
from requests_app.views.tiles import OPEN_STAGES, mrr_by_currency, tiles

PER_PAGE = 25
MOST_STUCK = 20
_EVERY = ("all", "All", frozenset(Stage), "neutral")
_TABS: tuple[tuple[str, str, frozenset[Stage], str], ...] = (
    ("open", "All open", OPEN_STAGES, "neutral"),
    ("approval", "Needs approval", frozenset({Stage.SUBMITTED}), "warn"),
    ("customer", "Waiting on customer", frozenset({Stage.WAITING_ON_CUSTOMER}), "info"),
    ("approved", "Approved", frozenset({Stage.APPROVED, Stage.FAILED}), "purple"),
    ("live", "Live", frozenset({Stage.LIVE}), "good"),
    _EVERY,
)


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    label: str
    count: int
    tone: str
    active: bool
    url: str


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A request in a list: whom it waits for, when it is due, and whether its customer is stuck."""

    req: Request
    waiting_words: str
    due: clocks.Due | None
    is_stuck: bool

    @property
    def due_words(self) -> str:
        """ "2 d late", "Today 16:00", "Tomorrow", "25 Nov"; "" where nothing was promised."""
        if self.due is None:
            return ""
        if self.due.is_late:
            return f"{self.due.late_words} late"
        at, today = timezone.localtime(self.due.at), timezone.localtime(clock.now()).date()
        if at.date() == today:
            return f"Today {at:%H:%M}"
        return "Tomorrow" if at.date() == today + timedelta(days=1) else f"{at.day} {at:%b}"

    @property
    def chip_words(self) -> str:
        """ "2 d late", "Due today 16:00", "Due 25 Nov"."""
        words = self.due_words
        return words if not words or (self.due and self.due.is_late) else f"Due {words[0].lower()}{words[1:]}"

    @property
    def is_soon(self) -> bool:
        """Most of the time that was promised is gone."""
        return self.due is not None and not self.due.is_late and self.due.used >= 75

    @property
    def snoozed_until(self) -> datetime | None:
        until = self.req.reminders_snoozed_until
        return until if until and until > clock.now() else None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an address chooses: the requests of its filters, its tab, and how many there are per stage."""

    filters: Filters
    tab: str
    rows: RequestQuerySet
    found: RequestQuerySet
    counts: dict[str, int]
    is_cut: bool

    @property
    def query(self) -> str:
        return query_of(self.filters.as_query(), self.tab)

    @property
    def total(self) -> int:
        stages = {self.filters.stage} if self.filters.stage else _stages_of(self.tab)
        return sum(self.counts.get(stage, 0) for stage in stages)


def chosen_by(user: User, given: Mapping[str, str]) -> Chosen:
    """The list, the export and its count choose alike. A stage that is asked for is looked for in every tab."""
    filters = Filters.of(given)
    rows = found = queries.requests_for(user)
    found = filters.apply(rows)
    waits = queue.waits_for(found, filters.waiting) if filters.waiting else None
    if waits:
        found = found.filter(waits.condition)
    tab = next((each for each in _TABS if each[0] == given.get("tab")), _TABS[0])
    tab = _EVERY if filters.stage else tab
    counts = dict(found.order_by().values_list("stage").annotate(n=Count("pk")))
    stages = {Stage(filters.stage)} if filters.stage else tab[2]
    return Chosen(filters, tab[0], rows, found.filter(stage__in=stages), counts, bool(waits and waits.is_cut))


@require_safe
def request_list(request: DeskRequest) -> HttpResponse:
    """An htmx request gets the table alone; without scripts the same address is the whole page."""
    chosen = chosen_by(request.user, request.GET.dict())
    paginator: Paginator[Any] = Paginator(queue.in_order(chosen.found, chosen.filters.order), PER_PAGE)
    paginator.count = chosen.total  # the tabs have counted already
    page = paginator.get_page(request.GET.get("page"))
    requests = queue.page_of(page.object_list, chosen.rows)
    views = list(views_for(request.user))
    context = {
        "page": page,
        "rows": queue_rows(requests),
        "tabs": [_tab(tab, chosen) for tab in _TABS],
        "tab": chosen.tab,
        "filters": chosen.filters,
        "is_cut": chosen.is_cut,
        "most_computed": queue.MOST_COMPUTED,
        "currency": settings.SALESFORCE_CURRENCY,
        "query": chosen.query,
        "views": views,
        "view": next((view for view in views if view.query == chosen.query), None),
        "jira_url": settings.JIRA_BROWSE_URL,
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "requests_app/_results.html", context)
    rows, money = chosen.rows, mrr_by_currency(chosen.rows)
    is_all = not chosen.filters.any
    counts = chosen.counts if is_all else dict(rows.order_by().values_list("stage").annotate(n=Count("pk")))
    context |= {"tiles": tiles(rows, counts, money), **_choices(request.user, money)}
    return render(request, "requests_app/request_list.html", context)


@require_safe
def my_work_page(request: DeskRequest) -> HttpResponse:
    """What waits for this person: where a customer is stuck first, then the longest wait."""
    mine = queries.requests_for(request.user).filter(owner=request.user, stage__in=OPEN_STAGES)
    stuck = queue_rows(mine.filter(pk__in=_blockers().values("req")).order_by("stage_since")[:MOST_STUCK])
    shown = {row.req.pk for row in stuck}
    groups = queries.my_work(request.user)
    known = {row.req.pk: row for row in _decorated([row for group in groups for row in group.rows])}
    lists = [("Customer is stuck", stuck)]
    lists += [
        (group.title, [known[row.req.pk] for row in group.rows if row.req.pk not in shown])
        for group in groups
    ]
    context = {"groups": [{"title": title, "rows": rows} for title, rows in lists if rows]}
    return render(request, "requests_app/my_work.html", context)


def queue_rows(requests: Iterable[Request]) -> list[QueueRow]:
    """Rows with all that a list shows, in two further queries however many there are."""
    return _decorated(queries.rows(requests))


def _decorated(rows: list[queries.Row]) -> list[QueueRow]:
    keys = [row.req.pk for row in rows]
    stuck, now = set(_blockers().filter(req__in=keys).values_list("req_id", flat=True)), clock.now()
    return [
        QueueRow(
            row.req,
            row.waiting_words,
            clocks.due_of(row.req.current_stage, row.req.stage_since, now=now),
            row.req.pk in stuck,
        )
        for row in rows
    ]


def _blockers() -> QuerySet[Message]:
    return Message.objects.filter(is_stuck=True, resolved_at=None).order_by()


def _stages_of(tab: str) -> frozenset[Stage]:
    return next(stages for key, _, stages, _ in _TABS if key == tab)


def _tab(tab: tuple[str, str, frozenset[Stage], str], chosen: Chosen) -> Tab:
    key, label, stages, tone = tab
    kept = {name: value for name, value in chosen.filters.as_query().items() if name != "stage"}
    url = f"{reverse('request_list')}?{urlencode({**kept, 'tab': key})}"
    count = sum(chosen.counts.get(stage, 0) for stage in stages)
    return Tab(key, label, count, tone, key == chosen.tab, url)


def _choices(user: User, money: Mapping[str, Decimal]) -> dict[str, object]:
    """What the filter bar offers. A CSM sees only their own requests, so there is no owner to choose."""
    owners = User.objects.filter(role__in=(Role.CSM, Role.TL)).order_by("name")
    return {
        "kinds": tuple(Kind),
        "providers": catalog.providers(),
        "owners": () if user.role == Role.CSM else owners,
        "stages": tuple(Stage),
        "bands": queue.BANDS,
        "waiting": queue.WAITING,
        "orders": queue.ORDERS,
        "currencies": sorted({settings.SALESFORCE_CURRENCY, *money}),
    }
