"""People who may be here already: what is known of each side, and the decision who somebody is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations.models import Connection, DirectoryPerson, Match, PersonState
from integrations.permissions import POLICY
from integrations.services import matches as services
from integrations.views.shared import DeskRequest, connection_of, do_and_say, page_of
from integrations.views.words import PERSON_TONES
from portal.accounts.policy import POST
from portal.kit.errors import NeedsPerson

PER_PAGE = 20
NEW = "new"
Candidate = tuple[DirectoryPerson, str]


@require_safe
def matches_list(request: DeskRequest, public_id: UUID) -> HttpResponse:
    connection = connection_of(request.user, public_id)
    page = page_of(request, services.open_matches(connection), PER_PAGE)
    found = _candidates(connection, list(page))
    context = {
        "connection": connection,
        "page": page,
        "rows": [(match, _of(match, found)) for match in page],
        "new": NEW,
        "may_decide": POLICY["match_decide"].allows(POST, request.user),
    }
    return render(request, "integrations/matches_list.html", context)


@require_POST
def match_decide(request: DeskRequest, public_id: UUID, pk: int) -> HttpResponse:
    connection = connection_of(request.user, public_id)
    match = Match.objects.filter(connection=connection, pk=pk).select_related("connection").first()
    if match is None:
        raise Http404
    done = _("Decided: the next run carries it out for %(name)s.") % {"name": match.person_name}
    do_and_say(request, lambda: services.decide(match, person=_person(request, match), by=request.user), done)
    return redirect("matches_list", connection.public_id)


def _person(request: DeskRequest, match: Match) -> DirectoryPerson | None:
    """The chosen candidate, None for somebody new. Raises NeedsPerson for nobody and for nonsense."""
    said = request.POST.get("person", "")
    if said == NEW:
        return None
    found = next((one for one in services.candidates(match) if str(one.public_id) == said), None)
    if found is None:
        raise NeedsPerson(_("Choose who it is, or that it is somebody new."), code="nobody")
    return found


def _candidates(connection: Connection, shown: Sequence[Match]) -> Mapping[str, DirectoryPerson]:
    """Everybody who could be meant on this page, in one query."""
    keys = {key for match in shown for key in match.candidates}
    people = DirectoryPerson.objects.filter(company=connection.company_id, public_id__in=keys)
    return {str(person.public_id): person for person in people.select_related("connection")}


def _of(match: Match, found: Mapping[str, DirectoryPerson]) -> list[Candidate]:
    return [
        (found[key], PERSON_TONES[PersonState(found[key].state)]) for key in match.candidates if key in found
    ]
