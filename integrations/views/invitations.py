"""Invitations: the list of a connection's, issuing one again, and the page behind the address in the mail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations import queries
from integrations.models import Connection, Invitation, InvitationState
from integrations.permissions import SETTERS
from integrations.services import invitations
from integrations.views.shared import DeskRequest, connection_of, do_and_say, page_of, text_of

PER_PAGE = 25
TONES = {
    InvitationState.PENDING: "busy",
    InvitationState.ACCEPTED: "good",
    InvitationState.EXPIRED: "warn",
    InvitationState.REMOVED: "neutral",
}
_AGAIN = (InvitationState.PENDING, InvitationState.EXPIRED)


@require_safe
def invitation_list(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """By state and by words of a name or an address."""
    connection = connection_of(request.user, public_id)
    state, text = request.GET.get("state", ""), text_of(request)
    page = page_of(request, _filtered(connection, state, text), PER_PAGE)
    counts = _counts(connection)
    context = {
        "connection": connection,
        "page": page,
        "rows": [_row(one) for one in page],
        "text": text,
        "state": state if state in InvitationState.values else "",
        "states": [(value, _(str(label)), counts.get(value, 0)) for value, label in InvitationState.choices],
        "may_invite": request.user.role in SETTERS and invitations.may_invite(connection),
    }
    return render(request, "integrations/invitations.html", context)


def _filtered(connection: Connection, state: str, text: str) -> QuerySet[Invitation]:
    found = Invitation.objects.filter(person__connection=connection).select_related("person")
    if state in InvitationState.values:
        found = found.filter(state=state)
    return queries.begins_with(found, text, "person__").order_by("-pk")


def _counts(connection: Connection) -> dict[str, int]:
    rows = Invitation.objects.filter(person__connection=connection).order_by().values_list("state")
    return dict(rows.annotate(number=Count("pk")))


def _row(invitation: Invitation) -> dict[str, Any]:
    state = InvitationState(invitation.state)
    return {
        "invitation": invitation,
        "person": invitation.person,
        "label": _(str(state.label)),
        "tone": TONES[state],
        "again": state in _AGAIN,
    }


@require_POST
def invitation_reissue(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Back to the list of its connection, with what happened."""
    rows = Invitation.objects.filter(person__connection__in=Connection.objects.for_actor(request.user))
    invitation = get_object_or_404(rows.select_related("person__connection"), public_id=public_id)
    done = _("A new invitation is on its way. The earlier address no longer works.")
    do_and_say(request, lambda: invitations.reissue(invitation, by=request.user), done)
    return redirect("invitation_list", invitation.person.connection.public_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    """For anybody who has the address. Unknown, expired, replaced and removed answer alike; a look changes nothing."""
    take = invitations.accept if request.method == "POST" else invitations.invitation_by
    found = take(token)
    if found is None:
        return render(request, "integrations/invitation_gone.html", status=410)
    if request.method == "POST":
        return redirect("invitation_accept", token)
    context = {
        "name": found.person.first_name,
        "company_name": found.person.company.name,
        "email": found.person.email,
        "is_accepted": found.state == InvitationState.ACCEPTED,
    }
    return render(request, "integrations/invitation.html", context)
