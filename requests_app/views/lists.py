"""The desk's two lists: what waits for me, and every request that I may see."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from integrations import catalog
from integrations.provider import Kind
from portal.accounts.models import Role, User
from requests_app import queries
from requests_app.lifecycle import Stage
from requests_app.models import RequestQuerySet
from requests_app.views.shared import DeskRequest
from requests_app.views.tiles import OPEN_STAGES, tiles

PER_PAGE = 25
_TABS: tuple[tuple[str, str, frozenset[Stage], str], ...] = (
    ("open", "All open", OPEN_STAGES, "neutral"),
    ("approval", "Needs approval", frozenset({Stage.SUBMITTED}), "warn"),
    ("customer", "Waiting on customer", frozenset({Stage.WAITING_ON_CUSTOMER}), "info"),
    ("approved", "Approved", frozenset({Stage.APPROVED, Stage.FAILED}), "purple"),
    ("live", "Live", frozenset({Stage.LIVE}), "good"),
    ("all", "All", frozenset(Stage), "neutral"),
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
class Filters:
    """What the address asks for. An unknown value filters nothing away but itself."""

    text: str
    kind: str
    provider: str
    owner: str

    @classmethod
    def of(cls, request: DeskRequest) -> Filters:
        given = {name: value.replace("\x00", "").strip()[:80] for name, value in request.GET.dict().items()}
        return cls(*(given.get(name, "") for name in ("q", "kind", "provider", "owner")))

    @property
    def any(self) -> bool:
        return bool(self.text or self.kind or self.provider or self.owner)

    def as_query(self) -> dict[str, str]:
        named = {"q": self.text, "kind": self.kind, "provider": self.provider, "owner": self.owner}
        return {name: value for name, value in named.items() if value}

    def apply(self, rows: RequestQuerySet) -> RequestQuerySet:
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.provider:
            rows = rows.filter(provider_slug=self.provider)
        if self.owner.isdecimal():
            rows = rows.filter(owner_id=int(self.owner))
        return queries.matching(rows, self.text)


@require_safe
def request_list(request: DeskRequest) -> HttpResponse:
    """An htmx request gets the table alone; without scripts the same address is the whole page."""
    rows, filters = queries.requests_for(request.user), Filters.of(request)
    chosen = next((tab for tab in _TABS if tab[0] == request.GET.get("tab")), _TABS[0])
    found = filters.apply(rows)
    counts = dict(found.order_by().values_list("stage").annotate(n=Count("pk")))
    page = Paginator(found.filter(stage__in=chosen[2]), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": queries.rows(page),
        "tabs": [_tab(tab, chosen[0], counts, filters) for tab in _TABS],
        "tab": chosen[0],
        "filters": filters,
        "jira_url": settings.JIRA_BROWSE_URL,
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "requests_app/_results.html", context)
    everything = dict(rows.order_by().values_list("stage").annotate(n=Count("pk"))) if filters.any else counts
    context |= {"tiles": tiles(rows, everything), **_choices(request.user)}
    return render(request, "requests_app/request_list.html", context)


@require_safe
def my_work_page(request: DeskRequest) -> HttpResponse:
    """What waits for this person, the longest wait first."""
    return render(
        request,
        "requests_app/my_work.html",
        {"groups": queries.my_work(request.user), "jira_url": settings.JIRA_BROWSE_URL},
    )


def _tab(
    tab: tuple[str, str, frozenset[Stage], str], active: str, counts: dict[str, int], filters: Filters
) -> Tab:
    key, label, stages, tone = tab
    url = f"{reverse('request_list')}?{urlencode({**filters.as_query(), 'tab': key})}"
    return Tab(key, label, sum(counts.get(stage, 0) for stage in stages), tone, key == active, url)


def _choices(user: User) -> dict[str, object]:
    """What the filter bar offers. A CSM sees only their own requests, so there is no owner to choose."""
    owners = User.objects.filter(role__in=(Role.CSM, Role.TL)).order_by("name")
    return {
        "kinds": tuple(Kind),
        "providers": catalog.providers(),
        "owners": () if user.role == Role.CSM else owners,
    }
