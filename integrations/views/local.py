"""What somebody changes by hand: a person's attributes, their protection and their groups. The next run overwrites it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from integrations import queries
from integrations.forms_decisions import PersonForm
from integrations.models import ConnectionState, DirectoryPerson, Group, Membership, PersonState
from integrations.permissions import POLICY
from integrations.services import local
from integrations.services.starts import open_run
from integrations.views.shared import DeskRequest, do_and_say, group_of, page_of, person_of, text_of
from portal.accounts.policy import POST
from portal.kit.errors import NeedsPerson

PER_PAGE = 25
_FIELD_OF = {"email": "email", "duplicate_email": "email"}


@require_http_methods(["GET", "HEAD", "POST"])
def person_edit(request: DeskRequest, public_id: UUID) -> HttpResponse:
    person = person_of(request.user, public_id)
    run = open_run(person.connection)
    may = POLICY["person_edit"].allows(POST, request.user)
    active = person.state == PersonState.ACTIVE
    form = PersonForm(
        person, request.POST if request.method == "POST" else None, readonly=not (may and active and not run)
    )
    if form.is_bound and form.is_valid():
        try:
            changed = local.edit_person(person, form.cleaned_data, by=request.user)
        except NeedsPerson as error:
            form.add_error(_FIELD_OF.get(error.code), _(error.sentence))
        else:
            messages.success(
                request, _("Saved.") if changed else _("Nothing was different, so nothing changed.")
            )
            return redirect("person_detail", person.public_id)
    context = {
        "person": person,
        "connection": person.connection,
        "form": form,
        "active": active,
        "open_run": run,
        "ended": person.connection.state == ConnectionState.DISCONNECTED,
        "may_edit": may and run is None,
        "groups": list(
            Membership.objects.filter(person=person).select_related("group").order_by("group__name")
        ),
    }
    return render(request, "integrations/person_edit.html", context, status=422 if form.is_bound else 200)


@require_POST
def person_protect(request: DeskRequest, public_id: UUID) -> HttpResponse:
    person = person_of(request.user, public_id)
    on = request.POST.get("on") == "1"
    done = _("Protected: no run deactivates them.") if on else _("No longer protected.")
    do_and_say(request, lambda: local.protect(person, on=on, by=request.user), done)
    return redirect("person_edit", person.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
def group_join(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """People of the connection who are not in the group; a click adds one of them."""
    group = group_of(request.user, public_id)
    if request.method == "POST":
        return _join(request, group)
    text = text_of(request)
    members = Membership.objects.filter(group=group).order_by().values("person")
    people = queries.people_of(group.connection, text=text, state=PersonState.ACTIVE)
    context = {
        "group": group,
        "connection": group.connection,
        "page": page_of(request, people.exclude(pk__in=members), PER_PAGE),
        "text": text,
        "open_run": open_run(group.connection),
        "may_join": POLICY["group_join"].allows(POST, request.user),
    }
    fragment = request.htmx and not request.htmx.boosted
    name = "_group_join_rows" if fragment else "group_join"
    return render(request, f"integrations/{name}.html", context)


def _join(request: DeskRequest, group: Group) -> HttpResponse:
    try:
        person = _person(request, group)
        local.join(group, person, by=request.user)
    except NeedsPerson as error:
        messages.error(request, _(error.sentence))
        return redirect("group_join", group.public_id)
    said = _("%(name)s is in %(group)s, until the next run works it out anew.")
    messages.success(request, said % {"name": person, "group": group.name})
    return redirect("group_detail", group.public_id)


@require_POST
def group_leave(request: DeskRequest, public_id: UUID) -> HttpResponse:
    group = group_of(request.user, public_id)
    try:
        person = _person(request, group)
        local.leave(group, person, by=request.user)
    except NeedsPerson as error:
        messages.error(request, _(error.sentence))
        return redirect("group_detail", group.public_id)
    said = _("%(name)s is no longer in %(group)s, until the next run works it out anew.")
    messages.success(request, said % {"name": person, "group": group.name})
    return redirect("person_edit", person.public_id)


def _person(request: DeskRequest, group: Group) -> DirectoryPerson:
    """Raises NeedsPerson alike for nonsense and for people of others."""
    ours = DirectoryPerson.objects.filter(connection=group.connection)
    try:
        found = ours.filter(public_id=UUID(request.POST.get("person", ""))).first()
    except ValueError:
        found = None
    if found is None:
        raise NeedsPerson(_("Choose somebody of this connection."), code="nobody")
    return found
