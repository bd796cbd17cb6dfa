"""A new request: the company, the system, and what will be asked before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_http_methods, require_safe

from integrations import catalog
from integrations.provider import Item, Kind, Provider, Topic
from portal.accounts.models import Company
from portal.templatetags.desk import money
from requests_app.clients.salesforce import Account
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.services import companies, filing
from requests_app.views.new_form import NewRequestForm
from requests_app.views.new_questions import QuestionsForm
from requests_app.views.shared import DeskRequest
from requests_app.views.tasklist import OWNER_WORDS

# Where Salesforce has one currency, it does not say which (companies.adopt_salesforce_account).
_CURRENCY = getattr(settings, "SALESFORCE_CURRENCY", "USD")


@dataclass(frozen=True, slots=True)
class Choice:
    """One system of the picker; `logo` is empty where we have none."""

    card: Provider
    logo: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Asked:
    topic: Topic
    items: tuple[tuple[Item, str], ...]


@require_http_methods(["GET", "HEAD", "POST"])
def request_new(request: DeskRequest) -> HttpResponse:
    """An htmx call answers with the part that it targets: the systems, the customer, or what was chosen.

    The last comes by POST, since it carries what was typed so far, and files nothing.
    """
    typed = request.POST if request.method == "POST" else request.GET
    if request.method == "POST" and request.htmx.target != "asked":
        return _file(request, NewRequestForm(request.POST))
    form = NewRequestForm(initial=typed.dict())
    if request.htmx.target == "systems":
        return render(request, "requests_app/_systems.html", _systems(form, request.GET.get("find", "")))
    if request.htmx.target == "asked":
        context = {**_asked(form), "questions": _questions(form, bound=False), "oob": True}
        return render(request, "requests_app/_chosen.html", context)
    if request.htmx.target == "customer":
        return render(request, "requests_app/_customer.html", {"form": form})
    return render(request, "requests_app/request_new.html", _page(form, _questions(form, bound=False)))


@require_safe
def company_search(request: DeskRequest) -> HttpResponse:
    """The lines of the combobox. Salesforce away is a sentence in the list, never an error page."""
    found = companies.look_up_companies(request.GET.get("company", ""))
    options = [_option(account) for account in found.accounts]
    return render(request, "_partials/_company_options.html", {"options": options, "message": found.trouble})


def _option(account: Account) -> dict[str, Any]:
    """One line of the combobox, and what picking it fills in."""
    mrr = "" if account.mrr is None else money(account.mrr, account.currency or _CURRENCY)
    words = (f"LMS ID {account.lms_id}" if account.lms_id else "", f"MRR {mrr}" if mrr else "", account.owner)
    return {
        "value": account.name,
        "detail": " · ".join(filter(None, words)),
        "fill": {"salesforce_id": account.id, "lms_id": account.lms_id, "mrr": mrr},
    }


def _file(request: DeskRequest, form: NewRequestForm) -> HttpResponse:
    """Makes the request and goes there. On any trouble the page comes back with everything that was entered."""
    questions = _questions(form, bound=True)
    fine = form.is_valid() and (questions is None or questions.is_valid())
    if fine and questions is not None and (req := form.save(request.user, questions)):
        sent = req.current_stage == Stage.WAITING_ON_CUSTOMER
        words = f"{req} is made, and the link is on its way to {form.cleaned_data['invite']}."
        draft = f"{req} is a draft now. Answer your own questions, then send the customer a link."
        messages.success(request, words if sent else draft)
        return redirect("request_detail", req.number)
    return render(request, "requests_app/request_new.html", _page(form, questions), status=422)


def _page(form: NewRequestForm, questions: QuestionsForm | None) -> dict[str, Any]:
    return {"form": form, "questions": questions, **_systems(form, ""), **_asked(form)}


def _questions(form: NewRequestForm, *, bound: bool) -> QuestionsForm | None:
    """Those of the chosen system, with what was typed before it was chosen, or another one was."""
    card = catalog.load().get(form["provider"].value() or "")
    typed = form.data if form.is_bound else form.initial
    return QuestionsForm(card, typed, bound=bound) if card else None


def _systems(form: NewRequestForm, find: str) -> dict[str, Any]:
    """The systems by kind; the chosen one stays in the list whatever is looked for."""
    chosen = form["provider"].value() or ""
    found = catalog.search(find)
    shown = [card for card in catalog.providers() if card.slug == chosen or card in found]
    shown.sort(key=lambda card: (card.kind != Kind.HRIS, card.name.lower()))
    groups = [
        (kind, [Choice(card, _logo(card), card.slug == chosen) for card in cards])
        for kind, cards in groupby(shown, key=lambda card: card.kind)
    ]
    return {"form": form, "groups": groups, "find": find}


def _logo(card: Provider) -> str:
    path = f"img/providers/{card.slug}.svg"
    return static(path) if finders.find(path) else ""


def _asked(form: NewRequestForm) -> dict[str, Any]:
    """The checklist of the chosen system, and the requests that this company already has for it."""
    card = catalog.load().get(form["provider"].value() or "")
    if card is None:
        return {"form": form, "card": None}
    topics = [
        Asked(topic, tuple((item, OWNER_WORDS[item.owner]) for item in items))
        for topic, items in groupby(card.checklist, key=lambda item: item.topic)
    ]
    company = _company(form)
    return {
        "form": form,
        "card": card,
        "asked": topics,
        "duplicates": _beside(company, card.slug) if company else [],
        "closed": list(filing.find_recently_closed(company, card.slug)) if company else [],
        "beside": form["beside"].value() or "",
    }


def _beside(company: Company, slug: str) -> list[tuple[Request, str]]:
    """The requests that this company already has, and the value of the choice to link to each."""
    return [(req, f"link-{req.number}") for req in filing.find_duplicates(company, slug)]


def _company(form: NewRequestForm) -> Company | None:
    salesforce_id, name = _plain(form, "salesforce_id"), _plain(form, "company")
    if salesforce_id and not form.is_by_hand:
        return Company.objects.filter(salesforce_id=salesforce_id).first()
    return Company.objects.filter(name__iexact=name).first() if name else None


def _plain(form: NewRequestForm, name: str) -> str:
    """What was typed, before it is valid: without the character that PostgreSQL refuses."""
    return str(form[name].value() or "").replace("\x00", "").strip()
