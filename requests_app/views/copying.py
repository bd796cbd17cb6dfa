"""The same company, another system: a new request that starts with what was answered already."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from integrations import catalog
from portal.kit.errors import NeedsPerson
from requests_app.models import Request
from requests_app.services.copying import copy_request, copyable
from requests_app.services.filing import find_duplicates
from requests_app.views.shared import DeskRequest, staff_req


class CopyForm(forms.Form):
    """Every system but the one that the request is for."""

    field_order = ("provider",)
    beside = forms.CharField(required=False, max_length=20)
    duplicate_reason = forms.CharField(label="Why another one is needed", max_length=300, required=False)

    def __init__(self, req: Request, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cards = [card for card in catalog.providers() if card.slug != req.provider_slug]
        cards.sort(key=lambda card: (card.kind != req.kind, card.name.lower()))
        choices = [(card.slug, f"{card.name} ({card.kind.label})") for card in cards]
        self.fields["provider"] = forms.ChoiceField(
            label="System to connect",
            choices=[("", "Choose"), *choices],
            error_messages={"required": "Choose the system to connect."},
        )


@require_http_methods(["GET", "HEAD", "POST"])
def request_copy(request: DeskRequest, number: int) -> HttpResponse:
    req = staff_req(request.user, number)
    form = CopyForm(req, request.POST or None)
    if request.method == "POST" and form.is_valid() and (made := _copied(request, req, form)):
        messages.success(request, f"{made} is a draft now, with what was answered in {req}.")
        return redirect("request_detail", made.number)
    slug = str(form["provider"].value() or "")
    duplicates = find_duplicates(req.company, slug) if form.errors and slug in catalog.load() else ()
    context = {
        "req": req,
        "form": form,
        "duplicates": [(each, f"link-{each.number}") for each in duplicates],
        "beside": form["beside"].value() or "",
        "answers": copyable(req, {item.key: item.kind for item in req.items.all()}),
    }
    return render(request, "requests_app/copy.html", context, status=422 if form.errors else 200)


def _copied(request: DeskRequest, req: Request, form: CopyForm) -> Request | None:
    data = form.cleaned_data
    number = data["beside"].removeprefix("link-")
    related = None
    if number.isascii() and number.isdecimal():
        related = find_duplicates(req.company, data["provider"]).filter(number=int(number[:9])).first()
    try:
        return copy_request(
            req,
            data["provider"],
            by=request.user,
            duplicate_reason=data["duplicate_reason"],
            related_to=related,
        )
    except NeedsPerson as error:
        form.add_error("duplicate_reason" if error.code == "duplicate" else "provider", error.sentence)
    return None
