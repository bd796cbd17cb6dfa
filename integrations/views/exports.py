"""The staff list as a file for spreadsheets: exactly what the filters choose, streamed, recorded, and safe to open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice

from django.contrib.postgres.aggregates import StringAgg
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
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
from portal.accounts.models import Company
from portal.audit.services import record
from portal.kit import clock
from portal.kit.spreadsheet import Cell, csv_of

MOST_AN_HOUR = 5
_AT_A_TIME = 1_000
_SHOWN = (*ATTRIBUTES, "state", "connection_id")  # a whole person has several columns more, some of them long
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
        csv_of(_lines(company, found, _heading(), _states())),
        content_type=_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _heading() -> tuple[str, ...]:
    return (*(_(label) for label in ATTRIBUTES.values()), _("State"), _("Groups"), _("HR system"))


def _states() -> dict[str, str]:
    return {state.value: _(str(state.label)) for state in PersonState}


def _lines(
    company: Company, found: QuerySet[DirectoryPerson], heading: Sequence[str], states: Mapping[str, str]
) -> Iterator[tuple[Cell, ...]]:
    """The heading, then one row per person: two queries in all, and one for the managers of every thousand."""
    yield tuple(heading)
    systems = {each.pk: each.provider.name for each in company.connections.only("provider_slug")}
    inside = Membership.objects.filter(person=OuterRef("pk")).order_by().values("person")
    names = StringAgg("group__name", delimiter="; ", order_by="group__name")
    rows = found.only(*_SHOWN).annotate(groups_told=Subquery(inside.annotate(told=names).values("told")))
    stream = rows.order_by(*queries.PEOPLE_ORDER).iterator(chunk_size=_AT_A_TIME)
    while people := list(islice(stream, _AT_A_TIME)):
        managers = _managers(people)
        for person in people:
            manager = managers.get((person.connection_id, person.manager_id), "")
            values = (manager if name == "manager_id" else getattr(person, name) for name in ATTRIBUTES)
            groups = person.groups_told or ""
            yield (*values, states[person.state], groups, systems[person.connection_id])


def _managers(people: Sequence[DirectoryPerson]) -> dict[tuple[int, str], str]:
    """Names of managers by connection and key."""
    keys = {person.manager_id for person in people if person.manager_id}
    rows = DirectoryPerson.objects.filter(
        connection__in={person.connection_id for person in people}, source_id__in=keys
    )
    named = rows.only("connection_id", "source_id", "first_name", "last_name", "email")
    return {(each.connection_id, each.source_id): str(each) for each in named}
