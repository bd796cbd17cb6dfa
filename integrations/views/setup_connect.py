"""Connect: the credentials, tried at once; or a CSV file instead of them, to rehearse with. And reading for the lists."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from integrations.forms import CredentialsForm
from integrations.forms_setup import RehearsalForm
from integrations.models import Credential, Draft, Purpose, SetupStep
from integrations.provider import Item, Method, Provider
from integrations.services import drafts, rehearsal
from integrations.services.csv_columns import repeated, understood
from integrations.services.csv_people import read_people
from integrations.services.drafts import DraftRefused
from integrations.views.setup_begin import guide_of
from integrations.views.setup_frame import goes_to, open_draft_of, page, step_behind
from integrations.views.setup_keys import give_key, reads_and_goes_to, sight_of
from integrations.views.shared import DeskRequest
from portal.accounts.limits import RateLimited
from portal.kit.errors import NeedsPerson, RetryLater


@dataclass(frozen=True, slots=True)
class Held:
    """What is there already: values in the clear, and the keys of secrets."""

    shown: dict[str, str]
    secrets: frozenset[str]

    @property
    def keys(self) -> frozenset[str]:
        return self.secrets | {key for key, value in self.shown.items() if value}


def authenticate(request: DeskRequest, draft: Draft) -> HttpResponse:
    """Stored and tried in one go: what the HR system answers stands beside the form."""
    card, held = draft.connection.provider, _held(draft)
    method = _method(card, request.POST.get("method") or request.GET.get("method", ""), held)
    sent = request.method == "POST" and request.user.may_enter_secrets
    form = CredentialsForm(card, shown=held.shown, held=held.secrets, data=request.POST if sent else None)
    _only(form, method)
    is_sent = request.method == "POST" and (not sent or form.is_valid())
    if is_sent and _tried(request, draft, form, method):
        return _on_to_the_filter(request, draft)
    return _page(request, draft, form, held, method)


def _tried(request: DeskRequest, draft: Draft, form: CredentialsForm, method: Method | None) -> bool:
    """False, with the sentence on the form, when the HR system does not let us in."""
    settings = form.settings if form.is_bound else {}
    try:
        drafts.authenticate(draft, settings, by=request.user, method=method)
    except (DraftRefused, NeedsPerson, RateLimited) as error:
        _say(request, form, error.sentence)
    except RetryLater as error:
        _say(request, form, str(error))
    else:
        return True
    return False


def _say(request: DeskRequest, form: CredentialsForm, sentence: str) -> None:
    if form.is_bound:
        form.add_error(None, sentence)
    else:
        messages.error(request, sentence)


def _on_to_the_filter(request: DeskRequest, draft: Draft) -> HttpResponse:
    messages.success(
        request,
        _("The test passed: %(system)s lets us read people.") % {"system": draft.connection.provider.name},
    )
    return reads_and_goes_to(draft, SetupStep.FILTER)


def _page(
    request: DeskRequest,
    draft: Draft,
    form: CredentialsForm,
    held: Held,
    method: Method | None,
    *,
    file_form: RehearsalForm | None = None,
) -> HttpResponse:
    card = draft.connection.provider
    wanted = [item for item in card.credentials if _is_wanted(item, method)]
    context: dict[str, Any] = {
        "form": form,
        "held": held,
        "methods": [] if len(card.methods) < 2 else card.methods,
        "method": method,
        "is_whole": all(item.key in held.keys for item in wanted),
        "missing": [_(item.label) for item in wanted if item.key not in held.keys],
        "file_form": file_form or RehearsalForm(),
        "can_rehearse": draft.purpose == Purpose.SETUP,
        "guide": guide_of(card),
        "was_tried": _was_tried(draft),
    }
    bad = bool(form.errors or (file_form and file_form.errors))
    return page(request, draft, SetupStep.AUTHENTICATE, context, status=422 if bad else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def setup_rehearse(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """A file instead of credentials. The rehearsal ends when real ones work."""
    connection, draft = open_draft_of(request, public_id)
    if request.method != "POST":
        return step_behind(request, connection, SetupStep.AUTHENTICATE)
    if draft is None:
        return redirect("setup", connection.public_id)
    form = RehearsalForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            found = read_people(form.cleaned_data["file"])
            _preview, keys = rehearsal.rehearse(draft, found, by=request.user)
        except (rehearsal.FileRefused, DraftRefused) as error:
            form.add_error("file", error.sentence)
        else:
            messages.info(request, " ".join((understood(found.columns), *repeated(found.columns))))
            return give_key(goes_to(draft, SetupStep.FILTER), connection, keys)
    held = _held(draft)
    method = _method(connection.provider, "", held)
    empty = CredentialsForm(connection.provider, shown=held.shown, held=held.secrets)
    _only(empty, method)
    return _page(request, draft, empty, held, method, file_form=form)


@require_http_methods(["GET", "HEAD", "POST"])
def setup_preview(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """POST begins to read people for the lists of this browser; GET is its progress, asked for while it goes on."""
    connection, draft = open_draft_of(request, public_id)
    if draft is None:
        return redirect("setup", connection.public_id)
    if request.method == "POST":
        back = SetupStep.MAP if request.POST.get("step") == SetupStep.MAP else SetupStep.FILTER
        return reads_and_goes_to(draft, back)
    sight = sight_of(request, draft)
    response = render(
        request,
        "integrations/setup/_preview.html",
        {"connection": connection, "draft": draft, "sight": sight, "card": connection.provider},
    )
    if request.htmx and (sight is None or not sight.preview.is_open):
        response["HX-Refresh"] = "true"
    return response


def _held(draft: Draft) -> Held:
    """What this draft tries counts more than what the connection has."""
    rows: dict[str, Credential] = {}
    given = Credential.objects.filter(connection=draft.connection)
    for row in sorted(given.filter(draft=None), key=lambda one: one.pk):
        rows[row.key] = row
    for row in given.filter(draft=draft):
        rows[row.key] = row
    return Held(
        {key: row.value for key, row in rows.items() if row.sealed is None},
        frozenset(key for key, row in rows.items() if row.sealed is not None),
    )


def _method(card: Provider, key: str, held: Held) -> Method | None:
    """The chosen way to authenticate, else the one that is there already, else the first; None where there is one."""
    chosen = (one for one in card.methods if one.key == key)
    whole = (one for one in card.methods if held.keys.issuperset(one.keys))
    return next(chain(chosen, whole, card.methods), None)


def _was_tried(draft: Draft) -> bool:
    """A change begins with credentials that work already; nothing of it was tried by that."""
    return draft.authenticated_at is not None and (
        draft.purpose == Purpose.SETUP or draft.authenticated_at > draft.created_at
    )


def _is_wanted(item: Item, method: Method | None) -> bool:
    return item.key in method.keys if method else item.required.holds({})


def _only(form: CredentialsForm, method: Method | None) -> None:
    """Asks for what this method needs, for all of it, and for nothing else."""
    if method is None:
        return
    for key in [key for key in form.fields if key not in method.keys]:
        del form.fields[key]
    for key, field in form.fields.items():
        field.required = key not in form.held
