"""The references that are checked once for each statement (migrations 0009, 0010) refuse what a foreign key refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database

from integrations.models import Change, Connection, DirectoryPerson, Group, Membership, Run, RunKind
from integrations.targets.sql import CHANGE, NO_DIGEST
from portal.accounts.models import Company
from tests.support.people import a_company
from tests.support.together import together, until_somebody_waits

_NOBODY = 999_999_999


@pytest.fixture
def run(connection: Connection) -> Run:
    return Run.objects.create(connection=connection, kind=RunKind.MANUAL)


@pytest.fixture
def person(connection: Connection) -> DirectoryPerson:
    return a_person(connection, company=connection.company)


@pytest.fixture
def group(connection: Connection) -> Group:
    return Group.objects.create(
        company=connection.company, connection=connection, source="department", key="Care", name="Care"
    )


def a_person(connection: Connection, *, company: Company) -> DirectoryPerson:
    return DirectoryPerson.objects.create(
        company=company,
        connection=connection,
        source_id=company.lms_id,
        email="one@example.com",
        raw_digest=NO_DIGEST,
    )


def refused(deed: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        deed()


def test_nothing_is_logged_for_a_run_that_is_not_there(run: Run) -> None:
    here, nowhere = (Change(run_id=pk, source_id="1", kind="added") for pk in (run.pk, _NOBODY))
    refused(lambda: Change.objects.bulk_create([here, nowhere]))
    assert not Change.objects.exists()


def test_nobody_is_in_a_group_that_is_not_there(person: DirectoryPerson, group: Group) -> None:
    refused(lambda: Membership.objects.create(person=person, group_id=_NOBODY))
    refused(lambda: Membership.objects.create(person_id=_NOBODY, group=group))
    Membership.objects.create(person=person, group=group)


def test_a_membership_stays_with_its_person(person: DirectoryPerson, group: Group) -> None:
    made = Membership.objects.create(person=person, group=group)
    refused(lambda: Membership.objects.filter(pk=made.pk).update(person_id=_NOBODY))
    Membership.objects.filter(pk=made.pk).update(by_hand=True)


def test_nobody_is_of_another_company_than_their_connection(
    connection: Connection, person: DirectoryPerson
) -> None:
    elsewhere = a_company("Elsewhere Clinic", lms_id="90001")
    refused(lambda: a_person(connection, company=elsewhere))
    refused(lambda: DirectoryPerson.objects.filter(pk=person.pk).update(company=elsewhere))
    refused(lambda: Connection.objects.filter(pk=connection.pk).update(company=elsewhere))
    refused(lambda: DirectoryPerson.objects.filter(pk=person.pk).update(connection=_NOBODY))
    DirectoryPerson.objects.filter(pk=person.pk).update(connection=connection, company=connection.company)


def test_somebody_may_be_taken_over_by_another_connection_of_their_company(
    connection: Connection, person: DirectoryPerson
) -> None:
    other = Connection.objects.create(company=connection.company, provider_slug="bamboohr", kind="hris")
    assert DirectoryPerson.objects.filter(pk=person.pk).update(connection=other) == 1


def test_a_connection_is_not_deleted_behind_its_people(
    connection: Connection, person: DirectoryPerson
) -> None:
    def behind() -> None:
        with database.cursor() as cursor:
            cursor.execute("DELETE FROM integrations_connection WHERE id = %s", [connection.pk])

    refused(behind)
    connection.delete()
    assert not DirectoryPerson.objects.exists()


def test_a_run_is_not_deleted_behind_its_changes(run: Run) -> None:
    Change.objects.create(run=run, source_id="1", kind="added")

    def behind() -> None:
        with database.cursor() as cursor:
            cursor.execute("DELETE FROM integrations_run WHERE id = %s", [run.pk])

    refused(behind)
    run.delete()
    assert not Change.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_whoever_logs_for_a_run_waits_for_the_one_who_deletes_it(run: Run) -> None:
    deleted = threading.Event()

    def delete() -> None:
        with transaction.atomic():
            run.delete()
            deleted.set()
            until_somebody_waits("transactionid", "tuple")

    def log() -> None:
        assert deleted.wait(10)
        with database.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {CHANGE} (run_id, source_id, person_name, kind, before, after) "  # noqa: S608 - ours
                "VALUES (%s, '1', '', 'added', '{}', '{}')",
                [run.pk],
            )

    pk = run.pk
    _, logged = together(delete, log)
    assert isinstance(logged, IntegrityError)
    assert not Change.objects.filter(run_id=pk).exists()
