"""The staff list as a file for spreadsheets: exactly what the filters choose, streamed, recorded, and safe to open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from integrations import queries
from integrations.models import DirectoryPerson, Membership, PersonState
from integrations.people import ATTRIBUTES
from integrations.views.people_filter import as_recorded, chosen_by
from integrations.views.shared import DeskRequest, company_of
from portal.accounts.limits import RateLimited, take
from portal.audit.services import record
from portal.kit import clock
from portal.kit.spreadsheet import Cell, csv_of

MOST_AN_HOUR = 5
_AT_A_TIME = 1_000
_TYPE = "text/csv; charset=utf-8"


@require_safe
def directory_export(request: DeskRequest) -> HttpResponseBase:
    """The filters of the address; a HEAD is not counted. Five exports an hour for each person (429 says when)."""
    company = company_of(request.user, request.GET.get("company", ""))
    if request.method == "HEAD":
        return StreamingHttpResponse((), content_type=_TYPE)
    try:
        take("people_export", str(request.user.pk), most=MOST_AN_HOUR, per=timedelta(hours=1))
    except RateLimited as error:
        context = {"wait": error.wait, "most": MOST_AN_HOUR, "query": request.GET.urlencode()}
        return render(request, "integrations/directory_export_limited.html", context, status=429)
    chosen = chosen_by(request)
    found = queries.staff_of(company, chosen)
    with transaction.atomic():
        record(
            "people.exported",
            by=request.user,
            company_id=company.pk,
            subject=company.name,
            details={"filter": as_recorded(chosen), "count": found.count()},
        )
    name = f"people-{timezone.localtime(clock.now()):%Y-%m-%d}.csv"
    # The words are chosen now: while the file streams, the reader's language is no longer set.
    return StreamingHttpResponse(
        csv_of(_lines(found, _heading(), _states())),
        content_type=_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _heading() -> tuple[str, ...]:
    return (*(_(label) for label in ATTRIBUTES.values()), _("State"), _("Groups"), _("HR system"))


def _states() -> dict[str, str]:
    return {state.value: _(str(state.label)) for state in PersonState}


def _lines(
    found: QuerySet[DirectoryPerson], heading: Sequence[str], states: Mapping[str, str]
) -> Iterator[tuple[Cell, ...]]:
    """The heading, then one row per person: three queries for every thousand, whatever the number."""
    yield tuple(heading)
    groups = Prefetch("memberships", Membership.objects.select_related("group").order_by("group__name"))
    rows = found.select_related("connection").prefetch_related(groups).order_by(*queries.PEOPLE_ORDER)
    stream = rows.iterator(chunk_size=_AT_A_TIME)
    while people := list(islice(stream, _AT_A_TIME)):
        managers = _managers(people)
        for person in people:
            manager = managers.get((person.connection_id, person.manager_id), "")
            yield _cells(person, manager, states[person.state])


def _managers(people: Sequence[DirectoryPerson]) -> dict[tuple[int, str], str]:
    """Names of managers by connection and key."""
    keys = {person.manager_id for person in people if person.manager_id}
    rows = DirectoryPerson.objects.filter(
        connection__in={person.connection_id for person in people}, source_id__in=keys
    )
    return {(each.connection_id, each.source_id): str(each) for each in rows}


def _cells(person: DirectoryPerson, manager: str, state: str) -> tuple[Cell, ...]:
    values = (manager if name == "manager_id" else getattr(person, name) for name in ATTRIBUTES)
    groups = "; ".join(each.group.name for each in person.memberships.all())
    return (*values, state, groups, person.connection.provider.name)
