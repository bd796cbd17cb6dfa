"""Held removals: who waits and why, and the decision to release them or to keep the people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations import queries
from integrations.engine.policy import Leaving
from integrations.forms_decisions import NumberForm, ReasonForm
from integrations.models import Connection, Held, HeldState
from integrations.permissions import POLICY
from integrations.services import holds
from integrations.services.starts import open_run
from integrations.views.shared import DeskRequest, connection_of, do_and_say, one_line, page_of, person_of
from portal.accounts.policy import POST
from portal.kit.errors import NeedsPerson

PER_PAGE = 50
NAMED = 20
DECIDED_SHOWN = 5
WHYS = {
    Leaving.TERMINATED.value: gettext_lazy("The HR system says that they have left"),
    Leaving.ABSENT.value: gettext_lazy("The HR system no longer lists them"),
    Leaving.OUTSIDE.value: gettext_lazy("The filter no longer lets them in"),
}


@require_safe
def holds_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """The rows alone for htmx, else the page around them."""
    connection = connection_of(request.user, public_id)
    if request.htmx and not request.htmx.boosted:
        return render(request, "integrations/_held_rows.html", _rows(request, connection))
    return _page(request, connection, ReasonForm())


@require_http_methods(["GET", "HEAD", "POST"])
def holds_decide(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Rejecting needs a reason; releasing is shown once more, with the names, and confirmed by their number.

    Another page of the list (`?page=`) or another filter is asked for here too, so that whoever was chosen stays so.
    """
    connection = connection_of(request.user, public_id)
    if request.method != "POST":
        return redirect(reverse("holds_detail", args=[connection.public_id], query=request.GET))
    if request.POST.get("do") == "look" and request.htmx and not request.htmx.boosted:
        return _found(request, connection)
    if request.POST.get("do") == "look":
        return _page(request, connection, ReasonForm(initial={"reason": request.POST.get("reason", "")}))
    form = ReasonForm(request.POST)
    chosen = _chosen(request, connection)
    if not chosen:
        form.add_error(None, _("Choose the people first, or everybody who waits."))
    if not form.is_valid():
        return _page(request, connection, form, status=422)
    reason = form.cleaned_data["reason"]
    try:
        if request.POST.get("do") == "reject":
            number = holds.reject(connection, chosen, reason=reason, by=request.user)
            messages.success(request, _kept(number))
            return redirect("holds_detail", connection.public_id)
        return _release(request, connection, chosen, reason)
    except NeedsPerson as error:
        form.add_error(None, _(error.sentence))
        return _page(request, connection, form, status=422)


@require_POST
def person_take_back(request: DeskRequest, public_id: UUID) -> HttpResponse:
    person = person_of(request.user, public_id)
    done = _("Taken back. The next run decides afresh whether they stay.")
    do_and_say(request, lambda: holds.take_back(person, by=request.user), done)
    return redirect("person_detail", person.public_id)


def _release(request: DeskRequest, connection: Connection, chosen: list[UUID], reason: str) -> HttpResponse:
    """Without a number the confirmation is shown; with the right one it is done."""
    typed = NumberForm(request.POST if "typed" in request.POST else None)
    typed.name_number(len(chosen))
    if typed.is_bound and typed.is_valid():
        if typed.cleaned_data["typed"] == len(chosen):
            run = holds.release(connection, chosen, reason=reason, by=request.user)
            messages.success(request, _("They are being deactivated. You can follow it here."))
            return redirect("run_detail", run.public_id)
        typed.add_error("typed", _("That is not the number of people that this is about."))
    people = holds.waiting(connection).filter(person__public_id__in=chosen).select_related("person")
    context = {
        "connection": connection,
        "form": typed,
        "number": len(chosen),
        "people": [(held.person, _why(held.why)) for held in people[:NAMED]],
        "more": max(len(chosen) - NAMED, 0),
        "reason": reason,
        "everybody": request.POST.get("which") == "all",
        "picked": chosen,
    }
    return render(request, "integrations/holds_confirm.html", context, status=422 if typed.is_bound else 200)


def _chosen(request: DeskRequest, connection: Connection) -> list[UUID]:
    """Public ids of people of this connection who wait: those picked, or everybody."""
    waiting = holds.waiting(connection)
    if request.POST.get("which") != "all":
        waiting = waiting.filter(person__public_id__in=_picked(request))
    return list(waiting.values_list("person__public_id", flat=True))


def _picked(request: DeskRequest) -> set[UUID]:
    found = set()
    for text in request.POST.getlist("pick"):
        try:
            found.add(UUID(text))
        except ValueError:
            continue
    return found


def _page(
    request: DeskRequest, connection: Connection, form: ReasonForm, *, status: int = 200
) -> HttpResponse:
    context = _rows(request, connection) | {
        "form": form,
        "everybody": request.POST.get("which") == "all",
        "total": holds.waiting(connection).count(),
        "decided": _decided(connection),
        "whys": WHYS.items(),
    }
    context["may_decide"] &= bool(context["total"])
    return render(request, "integrations/holds_detail.html", context, status=status)


def _found(request: DeskRequest, connection: Connection) -> HttpResponse:
    """The rows alone for another filter, with its address for the browser."""
    rows = _rows(request, connection)
    answer = render(request, "integrations/_held_rows.html", rows)
    answer["HX-Push-Url"] = reverse("holds_detail", args=[connection.public_id], query=rows["asked"])
    return answer


def _rows(request: DeskRequest, connection: Connection) -> dict[str, Any]:
    sent = request.POST if "q" in request.POST else request.GET  # htmx sends the filter with who was chosen
    run = open_run(connection)
    text, why = one_line(sent.get("q", "")), sent.get("why", "")
    page = page_of(request, _filtered(connection, text, why), PER_PAGE)
    picked = {str(one) for one in _picked(request)}
    return {
        "connection": connection,
        "page": page,
        "rows": [(held, _why(held.why)) for held in page],
        "text": text,
        "why": why,
        "asked": QueryDict(urlencode({name: said for name, said in (("q", text), ("why", why)) if said})),
        "picked": picked,
        "elsewhere": sorted(picked - {str(held.person.public_id) for held in page}),
        "open_run": run,
        "may_decide": run is None and POLICY["holds_decide"].allows(POST, request.user),
    }


def _filtered(connection: Connection, text: str, why: str) -> QuerySet[Held]:
    people = queries.people_of(connection, text=text)
    rows = holds.waiting(connection).select_related("person", "run")
    if text:
        rows = rows.filter(person__in=people.order_by().values("pk"))
    return rows.filter(why=why) if why in WHYS else rows


def _decided(connection: Connection) -> list[Mapping[str, Any]]:
    """The last decisions, each with how many people it was about."""
    rows = Held.objects.filter(
        person__connection=connection, state__in=(HeldState.RELEASED, HeldState.REJECTED)
    ).order_by()
    groups = rows.values("state", "decided_at", "decided_by__name", "words").annotate(number=Count("pk"))
    return [*groups.order_by("-decided_at")[:DECIDED_SHOWN]]


def _why(why: str) -> str:
    return str(WHYS.get(why, why))


def _kept(number: int) -> str:
    said = ngettext(
        "%(number)s person is kept. Nobody asks again until the HR system lists them as before.",
        "%(number)s people are kept. Nobody asks again until the HR system lists them as before.",
        number,
    )
    return said % {"number": number}
