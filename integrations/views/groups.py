"""The groups of the directory: what there is, who is in it, and where it comes from."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from integrations import queries
from integrations.engine.policy import BY_EVENT
from integrations.models import Group, PersonState
from integrations.people import ATTRIBUTES
from integrations.views.keyset import keyset_page
from integrations.views.shared import DeskRequest, address_for, company_of, group_of, page_of, text_of
from integrations.views.words import PERSON_TONES

PER_PAGE = 50
_ORDER = ("last_name", "first_name", "pk")


@require_safe
def group_list(request: DeskRequest) -> HttpResponse:
    """The groups of the company in the address."""
    company = company_of(request.user, request.GET.get("company", ""))
    text = text_of(request)
    page = page_of(request, queries.groups_of(company).filter(name__icontains=text), PER_PAGE)
    context = {
        "company": company,
        "page": page,
        "text": text,
        "rows": [(each, origin(each)) for each in page],
    }
    fragment = request.htmx and not request.htmx.boosted
    return render(request, f"integrations/{'_group_rows' if fragment else 'group_list'}.html", context)


@require_safe
def group_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    group = group_of(request.user, public_id)
    members = queries.members_of(group)
    total = members.count()
    page = keyset_page(members, request.GET, order=_ORDER, size=PER_PAGE, total=total)
    context = {
        "group": group,
        "company": group.company,
        "connection": group.connection,
        "origin": origin(group),
        "page": page,
        "rows": [(person, PERSON_TONES[PersonState(person.state)]) for person in page.rows],
        "join_url": address_for(request.user, "group_join", group.public_id),
    }
    return render(request, "integrations/group_detail.html", context)


def origin(group: Group) -> str:
    """Where a group comes from, in a few words."""
    if group.source == BY_EVENT:
        return _("An event in %(system)s") % {"system": group.connection.provider.name}
    label = _(ATTRIBUTES[group.source]) if group.source in ATTRIBUTES else group.source
    return _("%(attribute)s in %(system)s") % {
        "attribute": label,
        "system": group.connection.provider.name,
    }
