"""What pages read of connections, runs and people. Every list is scoped by whoever asks, or by its owner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import or_
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, F, Func, Model, OuterRef, Q, QuerySet, Subquery, TextField, Window
from django.db.models.functions import Coalesce, JSONObject, Lower, RowNumber

from integrations.engine.filtering import Filter
from integrations.models import (
    Change,
    Connection,
    DirectoryPerson,
    Draft,
    DraftState,
    Group,
    Held,
    HeldState,
    Invitation,
    InvitationState,
    Match,
    Membership,
    PersonState,
    Planned,
    Problem,
    Receipt,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.people import MANAGER, REMOVED_DOMAIN
from integrations.provider import Kind
from portal.accounts.models import Company, User
from portal.kit.folding import fold, folded_sql, words_of

Row = TypeVar("Row", bound=Model)


class Folded(Func):
    """A column of text without case and accents, to be compared with what `fold` makes of a word."""

    template = folded_sql("%(expressions)s")
    output_field = TextField()


def managers_named(connection: Connection, *filters: Filter) -> dict[str, str]:
    """What the managers whom these rules ask about are called in the directory. No query where they ask about none."""
    keys = frozenset[str]().union(*(found.values_of(MANAGER) for found in filters))
    if not keys:
        return {}
    people = DirectoryPerson.objects.filter(connection=connection, source_id__in=keys)
    people = people.exclude(email__endswith=REMOVED_DOMAIN)
    return {person.source_id: str(person) for person in people}


# What somebody types of a person begins one of these; neither an address nor a number has accents.
_NAMED_BY = {"first_name": Folded, "last_name": Folded, "email": Lower, "employee_number": Lower}


def connections_for(user: User) -> QuerySet[Connection]:
    """Connections that the user may see, each with its latest run as `last_run_at`, `_state`, `_outcome`,
    `_phase` and `_public_id`."""
    latest = Run.objects.filter(connection=OuterRef("pk")).order_by("-pk")
    found: QuerySet[Connection] = Connection.objects.for_actor(user)
    return found.select_related("company").annotate(
        last_run_at=Subquery(latest.values("created_at")[:1]),
        last_run_state=Subquery(latest.values("job_state")[:1]),
        last_run_outcome=Subquery(latest.values("outcome")[:1]),
        last_run_phase=Subquery(latest.values("phase")[:1]),
        last_run_public_id=Subquery(latest.values("public_id")[:1]),
    )


def people_of(
    owner: Company | Connection, *, user: User | None = None, text: str = "", state: str = ""
) -> QuerySet[DirectoryPerson]:
    """People of a company or of one connection, by name. With `user`, only if that user may see them.

    Every word of `text` must begin a name, the e-mail address or the employee number.
    """
    people: QuerySet[DirectoryPerson] = DirectoryPerson.objects.all()
    if user is not None:
        people = DirectoryPerson.objects.for_actor(user)
    people = people.filter(company=owner) if isinstance(owner, Company) else people.filter(connection=owner)
    if state:
        people = people.filter(state=state)
    people = begins_with(people, text)
    return people.select_related("connection").order_by("last_name", "first_name", "pk")


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """What the staff list shows. `text` as in `people_of`; `state` is that of a person, KEPT or PROTECTED; department,
    location and group are whole values, without case; `manager` is words of a name or an address; `since` is the first
    day of the hire dates."""

    text: str = ""
    state: str = ""
    department: str = ""
    location: str = ""
    group: str = ""
    connection: UUID | None = None
    manager: str = ""
    since: date | None = None

    @property
    def more(self) -> int:
        """How many of those are set that the page keeps folded away."""
        folded = (self.department, self.location, self.group, self.connection, self.manager, self.since)
        return sum(map(bool, folded))


# What the staff list may ask for besides a state: whom a decision of a person keeps here.
KEPT, PROTECTED = "kept", "protected"
_DECIDED = {KEPT: ~Q(kept=""), PROTECTED: Q(protected=True)}
# The index person_list has the beginning of both; people of one state are read in its order.
PEOPLE_ORDER = ("state", "last_name", "first_name", "pk")


def staff_of(company: Company, chosen: PeopleFilter) -> QuerySet[DirectoryPerson]:
    """People of a company as the staff list filters them, in no order."""
    people: QuerySet[DirectoryPerson] = DirectoryPerson.objects.filter(company=company).order_by()
    people = begins_with(people, chosen.text)
    if chosen.state:
        people = people.filter(_DECIDED.get(chosen.state, Q(state=chosen.state)))
    if chosen.department:
        people = people.filter(department__iexact=chosen.department)
    if chosen.location:
        people = people.filter(location__iexact=chosen.location)
    if chosen.group:
        inside = Membership.objects.filter(person=OuterRef("pk"), group__name__iexact=chosen.group)
        people = people.filter(Exists(inside))
    if chosen.connection:
        people = people.filter(connection__public_id=chosen.connection)
    if chosen.manager:
        managers = begins_with(DirectoryPerson.objects.filter(company=company), chosen.manager)
        people = people.filter(
            Exists(
                managers.filter(
                    connection=OuterRef("connection"), source_id=OuterRef("manager_id")
                ).order_by()
            )
        )
    if chosen.since:
        people = people.filter(hired_on__gte=chosen.since.isoformat())
    return people


def companies_with_systems(user: User) -> QuerySet[Any]:
    """Companies that the user may see, each with its HR connections as `systems`: public_id, provider_slug, state."""
    told = JSONObject(public_id="public_id", provider_slug="provider_slug", state="state")
    connections = Connection.objects.filter(company=OuterRef("pk"), kind=Kind.HRIS).order_by("provider_slug")
    return Company.objects.for_actor(user).annotate(systems=ArraySubquery(connections.values(told=told)))


def values_in(company: Company, field: str, *, most: int = 300) -> list[tuple[str, int]]:
    """The departments, locations or groups of a company's active people, the largest first, with their numbers."""
    people = DirectoryPerson.objects.filter(company=company, state=PersonState.ACTIVE)
    name = "memberships__group__name" if field == "group" else field
    found = people.exclude(**{name: ""}).exclude(**{name: None}).order_by().values_list(name)
    return list(found.annotate(number=Count("pk")).order_by("-number", name)[:most])


def groups_of(company: Company) -> QuerySet[Group]:
    """Groups by name, each with its active members as `members`."""
    members = Membership.objects.filter(group=OuterRef("pk"), person__state=PersonState.ACTIVE)
    groups: QuerySet[Group] = Group.objects.filter(company=company)
    return (
        groups.select_related("connection").annotate(members=_number(members, "group")).order_by("name", "pk")
    )


def members_of(group: Group) -> QuerySet[DirectoryPerson]:
    """People of a group by name, each with whether somebody put them there `by_hand`."""
    by_hand = Membership.objects.filter(group=group, person=OuterRef("pk")).values("by_hand")[:1]
    people: QuerySet[DirectoryPerson] = DirectoryPerson.objects.filter(memberships__group=group)
    return people.annotate(by_hand=Subquery(by_hand)).order_by("last_name", "first_name", "pk")


def figures_of(connection: Connection) -> Mapping[str, int]:
    """How many people, groups, invitations, held removals and undecided matches a connection has. One query."""
    owned = {"connection": OuterRef("pk")}
    pending = Invitation.objects.filter(person__connection=OuterRef("pk"), state=InvitationState.PENDING)
    waiting = Held.objects.filter(person__connection=OuterRef("pk"), state=HeldState.WAITING)
    counted = {
        "people": _number(DirectoryPerson.objects.filter(**owned, state=PersonState.ACTIVE), "connection"),
        "groups": _number(Group.objects.filter(**owned), "connection"),
        "invitations": _number(pending, "person__connection"),
        "held": _number(waiting, "person__connection"),
        "matches": _number(Match.objects.filter(**owned, decided_at=None), "connection"),
    }
    rows: Any = Connection.objects.filter(pk=connection.pk).order_by()
    return dict(zip(counted, rows.values_list(*counted.values()).get(), strict=True))


def unfinished_draft(connection: Connection) -> Draft | None:
    """What somebody has begun to set up or change, and not confirmed."""
    return (
        Draft.objects.filter(connection=connection, state=DraftState.OPEN)
        .select_related("created_by")
        .first()
    )


def receipts_of(connection: Connection) -> QuerySet[Receipt]:
    """What was confirmed, the newest first."""
    return Receipt.objects.filter(connection=connection).select_related("confirmed_by").order_by("-pk")


def run_history(connection: Connection) -> QuerySet[Run]:
    """Runs of a connection, the newest first."""
    return Run.objects.filter(connection=connection).select_related("asked_by").order_by("-pk")


def latest_reading(connection: Connection) -> Run | None:
    """The last run that read the HR system's list and ended well."""
    runs = Run.objects.filter(connection=connection, outcome__in=(RunOutcome.APPLIED, RunOutcome.HELD))
    kinds = (RunKind.FIRST, RunKind.SCHEDULED, RunKind.MANUAL, RunKind.INCREMENTAL)
    return runs.filter(kind__in=kinds).order_by("-pk").first()


def problems_named(run: Run, text: str) -> QuerySet[Problem]:
    """Records that a run could not handle whose name has every word of `text`, or whose key it is."""
    named = Q()
    for word in words_of(text):
        named &= Q(folded__contains=fold(word))
    problems = Problem.objects.filter(run=run).alias(folded=Folded("person_name"))
    return problems.filter(named | Q(source_id=text)).order_by("code", "pk")


def changes_of(run: Run, *, kind: str = "") -> QuerySet[Change] | QuerySet[Planned]:
    """What a run did, in the order in which it did it; of a dry one what it would do."""
    rows: Any = Planned if run.kind == RunKind.DRY else Change
    changes: QuerySet[Change] | QuerySet[Planned] = rows.objects.filter(run=run).order_by("pk")
    return changes.filter(kind=kind) if kind else changes


def problems_of(run: Run) -> QuerySet[Problem]:
    """What a run could not handle, grouped by code; `engine.problems.words` explains a code."""
    return Problem.objects.filter(run=run).order_by("code", "pk")


def problems_by_code(run: Run, most: int) -> tuple[dict[str, int], dict[str, list[Problem]]]:
    """How many there are of each code, and the first `most` of each. Two queries, one where there are none."""
    counts = dict(run.problems.order_by().values_list("code").annotate(number=Count("pk")))
    shown: dict[str, list[Problem]] = defaultdict(list)
    if counts:
        rank = Window(RowNumber(), partition_by=[F("code")], order_by="pk")
        for problem in problems_of(run).annotate(rank=rank).filter(rank__lte=most):
            shown[problem.code].append(problem)
    return counts, shown


def begins_with(rows: QuerySet[Row], text: str, person: str = "") -> QuerySet[Row]:
    """Rows of whose person each word of `text` begins a name, the address or the number, however accented.

    `person` is the way from a row to its person, such as "person__".
    """
    looked = {f"looked_{name}": as_(f"{person}{name}") for name, as_ in _NAMED_BY.items()}
    for word in words_of(text):
        begins = (
            Q(**{f"looked_{name}__startswith": fold(word) if as_ is Folded else word.lower()})
            for name, as_ in _NAMED_BY.items()
        )
        rows = rows.alias(**looked).filter(reduce(or_, begins))
    return rows


def _number(rows: QuerySet[Any], by: str) -> Coalesce:
    """How many rows belong to the outer one, counted within its query."""
    counted = rows.order_by().values(by).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
