"""Somebody new who may be one of several people who were there before: a person decides, and the next run obeys."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from integrations.engine.problems import AMBIGUOUS_MATCH
from integrations.models import Connection, DirectoryPerson, Match
from integrations.services.issues import PROBLEM, resolve
from integrations.services.locks import locked_connection
from integrations.services.records import record_of
from integrations.services.standing import look_again
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson


def undecided(connection: Connection) -> QuerySet[Match]:
    return Match.objects.filter(connection=connection, decided_at=None).order_by("pk")


def open_matches(connection: Connection) -> QuerySet[Match]:
    """Those that no run has obeyed yet, the undecided first: what is decided can still be changed."""
    rows = Match.objects.filter(connection=connection).filter(~Exists(_obeyed()))
    return rows.select_related("decided_by").order_by(F("decided_at").asc(nulls_first=True), "pk")


def candidates(match: Match) -> list[DirectoryPerson]:
    """Those of them who are still there, in the company of the connection."""
    people = DirectoryPerson.objects.filter(
        company=match.connection.company_id, public_id__in=match.candidates
    )
    return list(people.select_related("connection").order_by("last_name", "first_name", "pk"))


def decide(match: Match, *, person: DirectoryPerson | None, by: User) -> None:
    """`person` None: it is somebody new. Until a run has obeyed, the decision can be changed.

    Raises NeedsPerson: the person is none of the candidates, somebody else is decided to be them, or a run has
    obeyed already.
    """
    with transaction.atomic():
        connection = locked_connection(match.connection)  # before the match, as runs lock them
        fresh = Match.objects.select_for_update().get(pk=match.pk)
        if DirectoryPerson.objects.filter(connection=connection, source_id=fresh.source_id).exists():
            raise NeedsPerson(_("A run has carried this decision out already."), code="carried_out")
        if person is not None:
            _must_be_possible(fresh, person)
        rows = Match.objects.filter(pk=fresh.pk)
        rows.update(chosen=person, decided_by=by, decided_at=Now())
        look_again(connection)
        if not undecided(connection).exists():
            resolve(connection, f"{PROBLEM}{AMBIGUOUS_MATCH}")
        chosen = str(person.public_id) if person else "somebody new"
        record_of(connection, "match.decide", by=by, source_id=fresh.source_id, person=chosen)
    match.refresh_from_db()


def _must_be_possible(match: Match, person: DirectoryPerson) -> None:
    if str(person.public_id) not in match.candidates or person.company_id != match.connection.company_id:
        raise NeedsPerson(_("This person is none of those who could be meant."), code="no_candidate")
    others = Match.objects.filter(connection=match.connection, chosen=person).exclude(pk=match.pk)
    if others.filter(~Exists(_obeyed())).exists():
        raise NeedsPerson(_("Somebody else was decided to be this person already."), code="taken")


def _obeyed() -> QuerySet[DirectoryPerson]:
    return DirectoryPerson.objects.filter(connection=OuterRef("connection"), source_id=OuterRef("source_id"))
