"""What a connection needs to get in: what was given, told without secrets, and the form that replaces it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from integrations.forms import CredentialsForm
from integrations.models import Connection, ConnectionState, Credential
from integrations.permissions import POLICY
from integrations.provider import ItemKind
from integrations.services import connections as services
from integrations.views.shared import DeskRequest, connection_of
from portal.accounts.models import User
from portal.accounts.policy import POST
from portal.kit.errors import NeedsPerson


@dataclass(frozen=True, slots=True)
class Given:
    """What the page tells about one credential: never the value of a secret, only how it ends."""

    label: str
    words: str
    credential: Credential | None
    is_missing: bool = False


def given_credentials(connection: Connection) -> list[Given]:
    """The credentials of the card, in its order, with what was given for each."""
    rows = {row.key: row for row in connection.credentials.filter(draft=None).select_related("given_by")}
    ended = connection.state == ConnectionState.DISCONNECTED
    found = []
    for item in connection.provider.credentials:
        row = rows.get(item.key)
        is_missing = row is None and not ended and item.required.holds({})
        if row is None and ended:
            said = _("Deleted")
        elif row is None:
            said = _("Missing") if is_missing else _("Not given")
        elif item.kind is ItemKind.SECRET:
            said = _("Held, ends in %(hint)s") % {"hint": row.hint} if row.hint else _("Held")
        else:
            said = row.value
        found.append(Given(_(item.label), said, row, is_missing))
    return found


def may_replace(user: User, connection: Connection) -> bool:
    """Where it works, other credentials are a change of its settings: a developer enters secrets, but changes none."""
    name = "settings_change" if services.replaced_with_plan(connection) else "connection_credentials"
    return user.may_enter_secrets and POLICY[name].allows(POST, user)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def connection_credentials(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """New credentials are tested at once by a run or a check. What is wrong stands beside its field."""
    connection = connection_of(request.user, public_id)
    if connection.state == ConnectionState.DISCONNECTED:
        messages.info(request, _("This connection was ended. A new request connects the system again."))
        return redirect("connection_detail", connection.public_id)
    if services.replaced_with_plan(connection):
        return _leads_to_the_change(request, connection)
    given = list(connection.credentials.filter(draft=None))
    form = CredentialsForm(
        connection.provider,
        shown={row.key: row.value for row in given},
        held={row.key for row in given if row.sealed},
        data=request.POST if request.method == "POST" else None,
    )
    if request.method == "POST" and form.is_valid() and _replaced(connection, form, request.user):
        messages.success(request, _("The new credentials are saved and are being checked."))
        return redirect("connection_detail", connection.public_id)
    return render(
        request,
        "integrations/connection_credentials.html",
        {"connection": connection, "form": form},
        status=422 if form.is_bound else 200,
    )


def _leads_to_the_change(request: DeskRequest, connection: Connection) -> HttpResponse:
    """A page from before it worked may still send some: they are not kept, and asked for again there."""
    return render(
        request,
        "integrations/connection_credentials.html",
        {
            "connection": connection,
            "replaced_with_plan": True,
            "may_replace": may_replace(request.user, connection),
        },
        status=422 if request.method == "POST" else 200,
    )


def _replaced(connection: Connection, form: CredentialsForm, by: User) -> bool:
    """False, with the sentence on the form, when the service refuses."""
    try:
        services.replace_credentials(connection, form.settings, by)
    except NeedsPerson as error:
        form.add_error(None, _(error.sentence))
        return False
    return True
