"""The desk's page of a company: its facts, requests, connections and people, and the colour of its own pages."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from integrations.models import Connection
from integrations.permissions import POLICY
from integrations.services.states import tile
from portal.accounts.models import AccessLink, Company, Membership
from portal.accounts.policy import DESK, GET
from portal.kit.errors import NeedsPerson
from requests_app.models import Request
from requests_app.services.companies import set_company_colour
from requests_app.views.shared import DeskRequest
from requests_app.views.style import contrast, ink_on


@dataclass(frozen=True, slots=True)
class Swatch:
    """A colour with the ink that reads better on it."""

    color: str
    ink: str
    ratio: float


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    connection: Connection

    @property
    def tone(self) -> str:
        return tile(self.connection).tone


class ColourForm(forms.Form):
    color = forms.CharField(
        label="Colour of their pages",
        required=False,
        max_length=7,
        help_text="As on their website, such as #0054a6. Empty: our own blue.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "data-colour-text": ""}),
    )


def swatch(color: str) -> Swatch | None:
    """None while no colour is chosen. Contrast as WCAG 2.2 defines it."""
    if not color:
        return None
    ink = ink_on(color)
    return Swatch(color, ink, round(contrast(color, ink), 1))


@require_safe
def company_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    company = _company(request, public_id)
    return _page(request, company, ColourForm(initial={"color": company.color}))


@require_http_methods(["GET", "HEAD", "POST"])
def company_edit(request: DeskRequest, public_id: UUID) -> HttpResponse:
    company = _company(request, public_id)
    if request.method != "POST":
        return redirect("company_detail", public_id)
    form = ColourForm(request.POST)
    if form.is_valid():
        try:
            set_company_colour(company, form.cleaned_data["color"], by=request.user)
        except NeedsPerson as error:
            form.add_error("color", error.sentence)
        else:
            messages.success(request, "Saved. The customer’s pages have the colour from now on.")
            return redirect("company_detail", public_id)
    return _page(request, company, form)


def _page(request: DeskRequest, company: Company, form: ColourForm) -> HttpResponse:
    """Six queries, however much there is. A CSM sees their own requests, and how many others there are."""
    own = Request.objects.for_actor(request.user).filter(company=company).select_related("owner")
    requests = list(own)
    connections = Connection.objects.filter(company=company).order_by("pk")
    context = {
        "company": company,
        "requests": requests,
        "of_others": Request.objects.filter(company=company).count() - len(requests),
        "connections": [ConnectionRow(each) for each in connections],
        "people": Membership.objects.live()
        .filter(company=company)
        .select_related("user")
        .order_by("user__name"),
        "invited": _not_yet_in(company),
        "form": form,
        "swatch": swatch(company.color),
        "is_desk": request.user.role in DESK,
        "may_entitle": POLICY["company_entitlement"].allows(GET, request.user),
    }
    return render(request, "requests_app/company.html", context, status=422 if form.errors else 200)


def _not_yet_in(company: Company) -> list[str]:
    """Addresses with a link that nobody has opened."""
    links = AccessLink.objects.filter(company=company, used_by=None, revoked_at=None)
    return sorted(set(links.values_list("email", flat=True)))


def _company(request: DeskRequest, public_id: UUID) -> Company:
    company: Company = get_object_or_404(Company.objects.for_actor(request.user), public_id=public_id)
    return company
