"""The directory: whom the LMS sees, per company, and everything that is known about one person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from integrations import queries
from integrations.models import Change, ChangeKind, DirectoryPerson, PersonState
from integrations.people import ATTRIBUTES
from integrations.views import words
from integrations.views.shared import DeskRequest, company_of, page_of, person_of, text_of
from portal.accounts.models import Company

COMPANIES_PER_PAGE = 50
PEOPLE_PER_PAGE = 50
HISTORY_SHOWN = 50
STATE_TONES = {PersonState.ACTIVE: "good", PersonState.DEACTIVATED: "neutral"}


@require_safe
def directory(request: DeskRequest) -> HttpResponse:
    """The people of one company. Without one in the address: of the only one, or a list to choose from."""
    if chosen := request.GET.get("company"):
        return _people(request, company_of(request.user, chosen), alone=False)
    companies = Company.objects.for_actor(request.user)
    first = list(companies.order_by("name")[:2])
    if len(first) == 1:
        return _people(request, first[0], alone=True)
    return _companies(request)


def _companies(request: DeskRequest) -> HttpResponse:
    """Companies that have people, the others left out: they have nothing to look at yet."""
    text = text_of(request)
    rows = Company.objects.for_actor(request.user).filter(name__icontains=text)
    rows = rows.annotate(
        active=Count("people", filter=Q(people__state=PersonState.ACTIVE)), everybody=Count("people")
    ).filter(everybody__gt=0)
    page = page_of(request, rows.order_by("name"), COMPANIES_PER_PAGE)
    return _answer(request, "companies", {"page": page, "text": text})


def _people(request: DeskRequest, company: Company, *, alone: bool) -> HttpResponse:
    text, state = text_of(request), request.GET.get("state", PersonState.ACTIVE.value)
    state = state if state in PersonState.values else ""
    page = page_of(
        request, queries.people_of(company, user=request.user, text=text, state=state), PEOPLE_PER_PAGE
    )
    context = {
        "company": company,
        "alone": alone,
        "page": page,
        "rows": [(person, STATE_TONES[PersonState(person.state)]) for person in page],
        "text": text,
        "state": state,
        "states": [(value, _(str(label))) for value, label in PersonState.choices],
        "anybody": bool(page.paginator.count) or DirectoryPerson.objects.filter(company=company).exists(),
    }
    return _answer(request, "people", context)


def _answer(request: DeskRequest, what: str, context: dict[str, Any]) -> HttpResponse:
    """The rows alone for htmx, else the page around them."""
    fragment = request.htmx and not request.htmx.boosted
    name = f"_directory_{what}.html" if fragment else f"directory_{what}.html"
    return render(request, f"integrations/{name}", context)


@require_safe
def person_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    person = person_of(request.user, public_id)
    origins = dict(words.mapping_rows(person.connection))
    context = {
        "person": person,
        "connection": person.connection,
        "tone": STATE_TONES[PersonState(person.state)],
        "manager": _manager(person),
        "attributes": [
            (name, _(label), getattr(person, name), origins.get(_(label), ""))
            for name, label in ATTRIBUTES.items()
        ],
        "history": [
            (change, words.KIND_TONES[ChangeKind(change.kind)], words.lines(change))
            for change in _history(person)
        ],
    }
    return render(request, "integrations/person_detail.html", context)


def _manager(person: DirectoryPerson) -> DirectoryPerson | None:
    if not person.manager_id:
        return None
    return DirectoryPerson.objects.filter(connection=person.connection, source_id=person.manager_id).first()


def _history(person: DirectoryPerson) -> list[Change]:
    """What runs did to this person, the newest first."""
    found = Change.objects.filter(run__connection=person.connection, source_id=person.source_id)
    return list(found.select_related("run").order_by("-pk")[:HISTORY_SHOWN])
