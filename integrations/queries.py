"""What pages read of connections, runs and people. Every list is scoped by whoever asks, or by its owner."""

from __future__ import annotations

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower

from integrations.models import Change, Connection, DirectoryPerson, Problem, Run
from portal.accounts.models import Company, User


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
    if words := text.split():
        people = people.alias(email_lower=Lower("email"))
        for word in words:
            people = people.filter(_begins_with(word))
    return people.select_related("connection").order_by("last_name", "first_name", "pk")


def run_history(connection: Connection) -> QuerySet[Run]:
    """Runs of a connection, the newest first."""
    return Run.objects.filter(connection=connection).select_related("asked_by").order_by("-pk")


def changes_of(run: Run, *, kind: str = "") -> QuerySet[Change]:
    """What a run did, in the order in which it did it."""
    changes = Change.objects.filter(run=run).order_by("pk")
    return changes.filter(kind=kind) if kind else changes


def problems_of(run: Run) -> QuerySet[Problem]:
    """What a run could not handle, grouped by code; `engine.problems.words` explains a code."""
    return Problem.objects.filter(run=run).order_by("code", "pk")


def _begins_with(word: str) -> Q:
    return (
        Q(first_name__istartswith=word)
        | Q(last_name__istartswith=word)
        | Q(email_lower__startswith=word.lower())
        | Q(employee_number__istartswith=word)
    )
