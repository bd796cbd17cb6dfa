"""The page on which a held secret is shown: asked for with a reason and a password, gone after a minute."""

from __future__ import annotations

import secrets

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from integrations.provider import ItemKind
from portal.accounts.confirming import confirm, is_confirmed
from portal.accounts.limits import RateLimited
from portal.kit.errors import NeedsPerson
from requests_app.models import Item, Request
from requests_app.services.reveals import SHORTEST_REASON, reveal_secret
from requests_app.views.shared import DeskRequest, staff_req

SHOWN_SECONDS = 60
_ASKED = "reveal_asked"


class RevealForm(forms.Form):
    """`asked` is good for one answer, so that loading the page again shows nothing again."""

    reason = forms.CharField(
        label="Why do you need it?",
        min_length=SHORTEST_REASON,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One sentence. Whoever gave the secret reads it.",
        error_messages={"min_length": "Say it in a few more words: at least 10 characters."},
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    asked = forms.CharField(widget=forms.HiddenInput, required=False)


@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def request_reveal(request: DeskRequest, number: int, item_pk: int) -> HttpResponse:
    """GET asks and never shows. POST `reason` and, unless it was entered within five minutes, `password`."""
    req = staff_req(request.user, number)
    rows = Item.objects.select_related("answer__provided_by").filter(req=req, kind=ItemKind.SECRET)
    item = get_object_or_404(rows, pk=item_pk)
    if request.method != "POST":
        return _asks(request, req, item, _form(request))
    form = _form(request, posted=True)
    asked = request.session.pop(_ASKED, "")
    if form.is_valid() and _is_fresh(form, asked) and _is_confirmed(request, form):
        try:
            secret = reveal_secret(item, by=request.user, reason=form.cleaned_data["reason"])
        except NeedsPerson as error:
            form.add_error("reason" if error.code == "reason" else None, error.sentence)
        except RateLimited as limited:
            form.add_error(None, f"You looked at many secrets within the hour. Try again {limited.wait}.")
        else:
            return _shows(request, req, item, secret)
    return _asks(request, req, item, form)


def _form(request: DeskRequest, *, posted: bool = False) -> RevealForm:
    form = RevealForm(request.POST if posted else None)
    if is_confirmed(request):
        del form.fields["password"]
    return form


def _is_fresh(form: RevealForm, asked: str) -> bool:
    if asked and secrets.compare_digest(asked, form.cleaned_data["asked"]):
        return True
    form.add_error(None, "This page was used already. Say once more why you need the secret.")
    form.data = {**form.data.dict(), "reason": ""} if isinstance(form.data, QueryDict) else {}
    return False


def _is_confirmed(request: DeskRequest, form: RevealForm) -> bool:
    if "password" not in form.fields:
        return True
    try:
        if confirm(request, form.cleaned_data["password"]):
            return True
        form.add_error("password", "This is not your password.")
    except RateLimited as limited:
        form.add_error("password", limited.sentence)
    return False


def _asks(request: DeskRequest, req: Request, item: Item, form: RevealForm) -> HttpResponse:
    asked = request.session[_ASKED] = secrets.token_urlsafe(16)
    context = {"req": req, "item": item, "form": form, "asked": asked, "held": bool(item.answer.sealed)}
    return render(request, "requests_app/reveal.html", context, status=422 if form.errors else 200)


def _shows(request: DeskRequest, req: Request, item: Item, secret: str) -> HttpResponse:
    context = {"req": req, "item": item, "secret": secret, "seconds": SHOWN_SECONDS}
    return render(request, "requests_app/reveal_shown.html", context)
