"""Undoing a run that took people over: they go back to their former owner, unless something stands in the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from integrations.models import Connection, ConnectionState, DirectoryPerson, PersonState
from integrations.services import local
from integrations.services.retention import purge_connections
from integrations.targets.sql import NO_DIGEST
from portal.accounts.models import Company, User
from portal.kit import clock
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, records
from tests.integrations.test_undo import undo


def former_owner(company: Company, **values: Any) -> tuple[Connection, DirectoryPerson]:
    """An ended connection with somebody whom the next run takes over."""
    former = Connection.objects.create(
        company=company, provider_slug="sage_hr", kind="hris", state=ConnectionState.DISCONNECTED
    )
    person = DirectoryPerson.objects.create(
        company=company,
        connection=former,
        source_id="old",
        email="k00000@example.com",
        raw_digest=NO_DIGEST,
        **values,
    )
    return former, person


def test_somebody_taken_over_goes_back_to_the_former_owner(
    sync: Syncer, connection: Connection, company: Company, admin: User
) -> None:
    former, old = former_owner(company, first_name="Former")
    run = sync(ListSource(records(3)))
    assert run.matched == 1
    undone = undo(run, admin)
    old.refresh_from_db()
    assert (old.connection, old.source_id, old.first_name, old.state) == (former, "old", "Former", "active")
    assert undone.matched == 1
    assert not DirectoryPerson.objects.filter(connection=connection, state=PersonState.ACTIVE).exists()


def test_somebody_protected_is_not_deactivated_by_going_back_to_the_former_owner(
    sync: Syncer, company: Company, admin: User
) -> None:
    _, person = former_owner(company, state=PersonState.DEACTIVATED)
    run = sync(ListSource(records(3)))
    assert run.matched == 1
    local.protect(person, on=True, by=admin)
    undo(run, admin)
    person.refresh_from_db()
    assert person.state == PersonState.ACTIVE


def test_whoever_goes_back_to_an_owner_whose_time_is_over_is_forgotten_with_it(
    sync: Syncer, company: Company, admin: User
) -> None:
    former, person = former_owner(company)
    run = sync(ListSource(records(3)))
    long_ago = clock.now() - timedelta(days=400)
    Connection.objects.filter(pk=former.pk).update(disconnected_at=long_ago, purged_at=long_ago)
    undo(run, admin)
    assert purge_connections(clock.now()) == 1
    person.refresh_from_db()
    assert (person.connection, person.state) == (former, PersonState.DEACTIVATED)
    assert "k00000" not in person.email
