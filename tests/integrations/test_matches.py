"""Who somebody is: a person decides, the next run obeys, and until then the decision can be changed."""

from __future__ import annotations

import uuid

import pytest

from integrations.models import Connection, ConnectionState, DirectoryPerson, Issue, Match
from integrations.services import matches
from portal.accounts.models import Company, User
from portal.audit.models import Entry
from portal.kit.errors import NeedsPerson
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record

NEW = [record("new", work_email="ann@example.com")]


@pytest.fixture
def twins(company: Company) -> list[DirectoryPerson]:
    """Two accounts of an ended connection with the address that somebody new has."""
    former = Connection.objects.create(
        company=company, provider_slug="sage_hr", kind="hris", state=ConnectionState.DISCONNECTED
    )
    return [
        DirectoryPerson.objects.create(
            company=company,
            connection=former,
            source_id=key,
            first_name=key,
            email="ann@example.com",
            raw_digest=uuid.uuid4(),
        )
        for key in ("one", "two")
    ]


@pytest.fixture
def match(sync: Syncer, connection: Connection, twins: list[DirectoryPerson]) -> Match:
    run = sync(ListSource(NEW))
    assert (run.added, run.matched) == (0, 0)
    return Match.objects.get(connection=connection)


def test_the_chosen_account_is_taken_over_by_the_next_run(
    match: Match, twins: list[DirectoryPerson], sync: Syncer, connection: Connection, admin: User
) -> None:
    assert matches.candidates(match) == twins
    matches.decide(match, person=twins[1], by=admin)
    assert (match.chosen, match.decided_by) == (twins[1], admin)
    assert sync(ListSource(NEW)).matched == 1
    twins[1].refresh_from_db()
    assert (twins[1].connection, twins[1].source_id) == (connection, "new")
    assert list(matches.open_matches(connection)) == []
    with pytest.raises(NeedsPerson) as refused:
        matches.decide(match, person=None, by=admin)
    assert refused.value.code == "carried_out"


def test_somebody_new_gets_an_account_of_their_own(
    match: Match, twins: list[DirectoryPerson], sync: Syncer, connection: Connection, admin: User
) -> None:
    matches.decide(match, person=None, by=admin)
    assert sync(ListSource(NEW)).added == 1
    assert DirectoryPerson.objects.get(connection=connection).pk not in {one.pk for one in twins}


def test_a_decision_can_be_changed_until_a_run_has_obeyed(
    match: Match, twins: list[DirectoryPerson], sync: Syncer, connection: Connection, admin: User
) -> None:
    matches.decide(match, person=None, by=admin)
    assert list(matches.undecided(connection)) == []
    assert list(matches.open_matches(connection)) == [match]
    matches.decide(match, person=twins[0], by=admin)
    assert sync(ListSource(NEW)).matched == 1


def test_nobody_but_a_candidate_of_the_company_can_be_chosen(
    match: Match, connection: Connection, admin: User
) -> None:
    foreign_company = Company.objects.create(name="Elsewhere")
    foreign = Connection.objects.create(company=foreign_company, provider_slug="sage_hr", kind="hris")
    for company, owner in ((connection.company, connection), (foreign_company, foreign)):
        other = DirectoryPerson.objects.create(
            company=company, connection=owner, source_id="z", email="z@example.com", raw_digest=uuid.uuid4()
        )
        if owner is foreign:
            Match.objects.filter(pk=match.pk).update(candidates=[str(other.public_id)])
        with pytest.raises(NeedsPerson) as refused:
            matches.decide(match, person=other, by=admin)
        assert refused.value.code == "no_candidate"
    match.refresh_from_db()
    assert match.decided_at is None


def test_two_new_people_are_never_decided_to_be_the_same_one(
    match: Match, twins: list[DirectoryPerson], connection: Connection, admin: User
) -> None:
    other = Match.objects.create(
        connection=connection, source_id="other", person_name="Other", candidates=match.candidates
    )
    matches.decide(match, person=twins[0], by=admin)
    with pytest.raises(NeedsPerson) as refused:
        matches.decide(other, person=twins[0], by=admin)
    assert refused.value.code == "taken"


def test_a_decision_is_recorded_and_closes_the_issue(
    match: Match, twins: list[DirectoryPerson], connection: Connection, admin: User
) -> None:
    Connection.objects.filter(pk=connection.pk).update(watermark="1")
    assert Issue.objects.filter(
        connection=connection, code="problem:ambiguous_match", resolved_at=None
    ).exists()
    matches.decide(match, person=twins[0], by=admin)
    assert not Issue.objects.filter(connection=connection, resolved_at=None).exists()
    details = Entry.objects.get(action="match.decide").details
    assert details == {"source_id": "new", "person": str(twins[0].public_id)}
    connection.refresh_from_db()
    assert connection.watermark == ""
