"""The directory: whom the LMS sees, per company, searched and filtered, however many they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from integrations import catalog, queries
from integrations.models import ConnectionState, DirectoryPerson, PersonState
from integrations.views import people_filter
from integrations.views.keyset import keyset_page
from integrations.views.shared import DeskRequest, address_for, company_of, page_of, text_of
from integrations.views.words import PERSON_TONES
from portal.accounts.models import Company
from portal.kit.folding import fold

COMPANIES_PER_PAGE = 50
PEOPLE_PER_PAGE = 50
_SHOWN = ("first_name", "last_name", "email", "job_title", "department", "location")


@require_safe
def directory(request: DeskRequest) -> HttpResponse:
    """The people of one company. Without one in the address: of the only one, or a list to choose from."""
    companies = queries.companies_with_systems(request.user)
    if chosen := request.GET.get("company"):
        return _people(request, company_of(request.user, chosen, companies), alone=False)
    first = list(companies.order_by("name")[:2])
    return _people(request, first[0], alone=True) if len(first) == 1 else _companies(request)


@require_safe
def directory_options(request: DeskRequest) -> HttpResponse:
    """Departments, locations or groups that the company has, asked for when somebody begins to type."""
    company = company_of(request.user, request.GET.get("company", ""))
    field = request.GET.get("field", "")
    if field not in people_filter.SUGGESTED:
        raise Http404
    return render(
        request, "integrations/_directory_options.html", {"options": queries.values_in(company, field)}
    )


def _companies(request: DeskRequest) -> HttpResponse:
    """Companies that have people, the others left out: they have nothing to look at yet."""
    text = text_of(request)
    rows = Company.objects.for_actor(request.user).alias(folded=queries.Folded("name"))
    rows = (
        rows.filter(folded__contains=fold(text))
        .annotate(
            active=Count("people", filter=Q(people__state=PersonState.ACTIVE)), everybody=Count("people")
        )
        .filter(everybody__gt=0)
    )
    page = page_of(request, rows.order_by("name"), COMPANIES_PER_PAGE)
    return _answer(request, "companies", {"page": page, "text": text})


@dataclass(frozen=True, slots=True)
class System:
    """An HR system of the company, with its connection's public id."""

    public_id: str
    name: str
    is_over: bool

    @classmethod
    def of(cls, told: Mapping[str, str]) -> System:
        name = catalog.get(told["provider_slug"]).name
        return cls(told["public_id"], name, told["state"] == ConnectionState.DISCONNECTED)


def _people(request: DeskRequest, company: Any, *, alone: bool) -> HttpResponse:
    chosen = people_filter.chosen_by(request)
    found = queries.staff_of(company, chosen)
    total = found.count()
    page = keyset_page(
        found.only("public_id", "state", *_SHOWN),
        request.GET,
        order=queries.PEOPLE_ORDER,
        size=PEOPLE_PER_PAGE,
        total=total,
        within=DirectoryPerson.objects.filter(company=company),
    )
    context = {
        "company": company,
        "alone": alone,
        "page": page,
        "rows": [(person, PERSON_TONES[PersonState(person.state)]) for person in page.rows],
        "chosen": chosen,
        "filtered": bool(chosen.text or chosen.more or request.GET.get("state")),
        "export_url": address_for(request.user, "directory_export") if total else "",
        "query": _query(request, company),
    }
    if not request.htmx or request.htmx.boosted:
        context |= {
            "systems": [System.of(each) for each in company.systems],
            "states": people_filter.states(),
            "recently": people_filter.recently(),
        }
    return _answer(request, "people", context)


def _query(request: DeskRequest, company: Any) -> str:
    """The filters of the address, for the export of exactly what is shown."""
    query = request.GET.copy()
    for name in ("after", "before", "from"):
        query.pop(name, None)
    query["company"] = str(company.public_id)
    return query.urlencode()


def _answer(request: DeskRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """The rows alone for htmx; without scripts the same address is the whole page."""
    if request.htmx and not request.htmx.boosted:
        return render(request, f"integrations/_directory_{name}.html", context | {"fragment": True})
    return render(request, f"integrations/directory_{name}.html", context)
