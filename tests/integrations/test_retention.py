"""Personal data goes when its time is over, the row stays for a rehire, and nothing else goes with it."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from django.core import serializers
from pytest_django import DjangoAssertNumQueries, Settings

from integrations.models import (
    Asked,
    Change,
    Connection,
    ConnectionState,
    DirectoryPerson,
    Group,
    Inquiry,
    Invitation,
    Match,
    Membership,
    PersonState,
    Planned,
    Problem,
    Run,
    RunKind,
    Seen,
    Staged,
    StagedMember,
)
from integrations.services.lifecycle import disconnect
from integrations.services.retention import (
    BATCH,
    REMOVED,
    forget_people,
    keep_time,
    purge_connections,
    sweep_rows,
)
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.kit import clock
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records
from tests.integrations.test_undo import undo

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
NAME = "Verena"


def somebody(connection: Connection, key: str = "k1", **values: object) -> DirectoryPerson:
    """With everything that the desk keeps about a person."""
    person = DirectoryPerson.objects.create(
        company=connection.company,
        connection=connection,
        source_id=key,
        first_name=NAME,
        last_name="Blum",
        email=f"{key}.{NAME}@example.com",
        phone="0151",
        raw_digest=uuid.uuid4(),
        **values,
    )
    run = Run.objects.create(connection=connection, kind=RunKind.SCHEDULED, job_state="done")
    about = {"run": run, "source_id": key, "person_name": f"{NAME} Blum"}
    Change.objects.create(**about, kind="changed", before={"phone": "555-0150"}, after={"city": NAME})
    Planned.objects.create(**about, kind="changed", before={"city": NAME})
    Problem.objects.create(**about, code="shortened")
    Match.objects.create(connection=connection, source_id=key, person_name=f"{NAME} Blum")
    group = Group.objects.create(company=connection.company, connection=connection, source="x", key=key)
    Membership.objects.create(group=group, person=person)
    Invitation.objects.create(person=person, expires_at=clock.now() + 90 * DAY)
    return person


def left(connection: Connection, days: float, key: str = "k1") -> DirectoryPerson:
    gone_at = clock.now() - timedelta(days=days)
    return somebody(connection, key, state=PersonState.DEACTIVATED, deactivated_at=gone_at)


def everything() -> str:
    """All that the desk holds about people, as text."""
    tables = (DirectoryPerson, Change, Planned, Problem, Match, Inquiry, Asked)
    return "".join(serializers.serialize("json", model.objects.all()) for model in tables)


def test_after_thirty_days_nothing_tells_of_somebody_who_left(connection: Connection) -> None:
    person = left(connection, 30)
    assert NAME in everything()
    assert forget_people(clock.now()) == 1
    assert NAME not in everything()
    assert "555-0150" not in everything()
    person.refresh_from_db()
    assert (str(person), person.phone, person.source_id) == (REMOVED, "", "k1")
    assert person.email == f"removed-{person.public_id}@removed.invalid"
    assert not Membership.objects.exists()
    assert Invitation.objects.get().state == "removed"
    assert Run.objects.get().forgotten_at is not None
    assert Entry.objects.get(action="retention.people").details == {"people": 1}


def test_a_second_pass_has_nothing_to_do(connection: Connection) -> None:
    person = left(connection, 31)
    forget_people(clock.now())
    person.refresh_from_db()
    before = person.updated_at
    assert forget_people(clock.now() + 90 * DAY) == 0
    person.refresh_from_db()
    assert person.updated_at == before


def test_before_its_time_nothing_goes(connection: Connection) -> None:
    left(connection, 29.9)
    somebody(connection, "k2")
    before = everything()
    assert forget_people(clock.now()) == 0
    assert everything() == before
    assert Run.objects.filter(forgotten_at=None).count() == 2


def test_the_time_is_a_setting(connection: Connection, settings: Settings) -> None:
    settings.PERSON_RETENTION_DAYS = 7
    left(connection, 8)
    assert forget_people(clock.now()) == 1


def test_nobody_is_forgotten_while_a_run_of_their_connection_goes_on(connection: Connection) -> None:
    left(connection, 31)
    run = Run.objects.create(connection=connection, kind=RunKind.MANUAL)
    assert forget_people(clock.now()) == 0
    Run.objects.filter(pk=run.pk).update(job_state="done")
    assert forget_people(clock.now()) == 1


def test_what_runs_that_are_over_have_left_in_the_work_tables_goes(connection: Connection) -> None:
    going = Run.objects.create(connection=connection, kind=RunKind.MANUAL)
    for run_id in (going.pk, going.pk + 1):
        Seen.objects.create(run_id=run_id, place=0, people=1, keys="k1")
        line = {"digest": uuid.uuid4(), "place": 0, "belongs": True, "before": {}, "after": {}}
        Staged.objects.create(run_id=run_id, source_id="k1", kind="added", person_name=NAME, **line)
        StagedMember.objects.create(run_id=run_id, source_id="k1", group_key="x", group_name="X")
    assert sweep_rows(clock.now()) == 3
    assert {row.run_id for table in (Seen, Staged, StagedMember) for row in table.objects.all()} == {going.pk}


def test_only_the_runs_that_lose_something_cannot_be_undone(connection: Connection) -> None:
    left(connection, 31)
    somebody(connection, "k2")
    forget_people(clock.now())
    assert Run.objects.filter(forgotten_at=None).get().changes.get().source_id == "k2"


def test_many_go_in_batches_and_none_shares_an_address(connection: Connection) -> None:
    gone_at = clock.now() - 40 * DAY
    DirectoryPerson.objects.bulk_create(
        DirectoryPerson(
            company=connection.company,
            connection=connection,
            source_id=f"k{number}",
            email="same@example.com",
            state=PersonState.DEACTIVATED,
            deactivated_at=gone_at,
            raw_digest=uuid.uuid4(),
        )
        for number in range(BATCH + 3)
    )
    assert [forget_people(clock.now()) for _ in range(3)] == [BATCH, 3, 0]
    assert DirectoryPerson.objects.values("email").distinct().count() == BATCH + 3


def test_a_rehire_gets_the_same_account_with_what_the_feed_says(sync: Syncer, connection: Connection) -> None:
    sync(ListSource(records(10)))
    person = DirectoryPerson.objects.get(source_id="k00003")
    people = records(10)
    people[3] = record("k00003", status="terminated")
    sync(ListSource(people))
    assert forget_people(clock.now() + 31 * DAY) == 1
    run = sync(ListSource(records(10)))
    assert (run.returned, run.added) == (1, 0)
    back = DirectoryPerson.objects.get(pk=person.pk)
    assert (back.public_id, back.state, str(back)) == (person.public_id, PersonState.ACTIVE, str(person))
    assert back.email == person.email


@pytest.mark.parametrize("when", ["new", "empty"])
def test_a_forgotten_person_who_returns_is_new_to_the_mapping(
    sync: Syncer, connection: Connection, when: str
) -> None:
    filled = {name: {"from": [name], "when": when} for name in ("first_name", "job_title")}
    connection.mapping = filled
    connection.save()
    sync(ListSource([record("k1", job_title="Nurse"), *records(20)]))
    sync(ListSource(records(20)))
    forget_people(clock.now() + 31 * DAY)
    assert sync(ListSource([record("k1", job_title="Nurse"), *records(20)])).returned == 1
    person = DirectoryPerson.objects.get(source_id="k1")
    assert (person.first_name, person.job_title) == ("Firstk1", "Nurse")


def taken_over(
    sync: Syncer, connection: Connection, admin: User, owner: Connection
) -> tuple[DirectoryPerson, ListSource]:
    """Somebody of `owner` who had left, is listed again as "again", and was recognised by a person; who else is listed."""
    person = somebody(owner, "former", state=PersonState.DEACTIVATED, deactivated_at=clock.now())
    Match.objects.all().delete()
    others = ListSource(records(9))
    again = record("again", first=NAME, work_email=person.email.lower(), phone="0152")
    everybody = ListSource([*records(9), again])
    sync(everybody)
    Match.objects.update(chosen=person, decided_by=admin, decided_at=clock.now())
    assert sync(everybody).matched == 1
    return person, others


@pytest.fixture(params=["the same connection", "another one"])
def owner(request: pytest.FixtureRequest, connection: Connection) -> Connection:
    if request.param == "the same connection":
        return connection
    return Connection.objects.create(
        company=connection.company, provider_slug="bamboohr", kind="hris", state=ConnectionState.CONNECTED
    )


def test_whoever_was_taken_over_is_forgotten_under_the_former_key_as_well(
    sync: Syncer, connection: Connection, admin: User, owner: Connection
) -> None:
    _, others = taken_over(sync, connection, admin, owner)
    assert sync(others).deactivated == 1
    assert NAME in everything()
    assert forget_people(clock.now() + 31 * DAY) == 1
    assert NAME.lower() not in everything().lower()
    assert not Run.objects.filter(changes__source_id__in=["former", "again"], forgotten_at=None).exists()


def test_whoever_was_given_back_is_forgotten_under_the_key_that_they_had_meanwhile(
    sync: Syncer, connection: Connection, admin: User, owner: Connection
) -> None:
    person, _ = taken_over(sync, connection, admin, owner)
    undo(Run.objects.get(matched=1), admin)
    person.refresh_from_db()
    assert (person.connection, person.source_id) == (owner, "former")
    assert forget_people(clock.now() + 31 * DAY) == 1
    assert NAME.lower() not in everything().lower()


def test_what_stands_under_a_former_key_stays_while_somebody_else_has_it(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    _, others = taken_over(sync, connection, admin, connection)
    theirs = ListSource([*others.people, record("former", first="Another")])
    sync(theirs)
    assert forget_people(clock.now() + 31 * DAY) == 1
    assert Change.objects.filter(source_id="former", after__first_name="Another").exists()


def test_many_are_forgotten_with_as_few_queries_as_one(
    connection: Connection, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        left(connection, 31, f"k{number}")
    with django_assert_max_num_queries(30):
        assert forget_people(clock.now()) == 30


def test_the_people_of_an_ended_connection_stay_until_its_time(connection: Connection, admin: User) -> None:
    somebody(connection)
    disconnect(connection, by=admin)
    assert purge_connections(clock.now() + 29 * DAY) == 0
    assert DirectoryPerson.objects.get().state == PersonState.ACTIVE
    assert NAME in everything()


def test_then_all_of_them_are_forgotten_unless_another_connection_took_them_over(
    connection: Connection, admin: User
) -> None:
    other = Connection.objects.create(
        company=connection.company, provider_slug="bamboohr", kind="hris", state=ConnectionState.CONNECTED
    )
    somebody(connection)
    taken = somebody(connection, "k2")
    DirectoryPerson.objects.filter(pk=taken.pk).update(connection=other)
    Asked.objects.create(run=Run.objects.all()[0], method="GET", address="https://x.example")
    disconnect(connection, by=admin)
    later = clock.now() + 31 * DAY
    while purge_connections(later):
        pass
    connection.refresh_from_db()
    assert connection.purged_at == later
    gone, kept = DirectoryPerson.objects.order_by("source_id")
    assert (str(gone), gone.state) == (REMOVED, PersonState.DEACTIVATED)
    assert (kept.first_name, kept.state) == (NAME, PersonState.ACTIVE)
    history = json.dumps(list(Change.objects.filter(run__connection=connection).values("before", "after")))
    assert NAME not in history
    assert not Asked.objects.exists()
    assert not Run.objects.filter(forgotten_at=None).exists()


def test_a_connection_that_came_back_keeps_its_people(connection: Connection, admin: User) -> None:
    somebody(connection)
    disconnect(connection, by=admin)
    Connection.objects.update(state=ConnectionState.CONNECTED)
    purge_connections(clock.now() + 60 * DAY)
    assert DirectoryPerson.objects.get().first_name == NAME


def test_one_whose_end_nobody_dated_starts_its_time_now(connection: Connection) -> None:
    somebody(connection)
    Connection.objects.update(state=ConnectionState.DISCONNECTED, disconnected_at=None)
    now = clock.now()
    assert purge_connections(now) == 0
    assert purge_connections(now + 31 * DAY) > 0


def test_old_plans_questions_matches_and_inquiries_go(connection: Connection) -> None:
    now = clock.now()
    for age in (29, 31):
        run = Run.objects.create(connection=connection, kind=RunKind.DRY, job_state="done")
        Run.objects.filter(pk=run.pk).update(created_at=now - age * DAY)
        Planned.objects.create(run=run, source_id="k", person_name="x", kind="added")
        Asked.objects.create(run=run, method="GET", address="https://x.example", at=now - age * DAY)
        match = Match.objects.create(connection=connection, source_id=f"k{age}", person_name="x")
        Match.objects.filter(pk=match.pk).update(created_at=now - age * DAY)
        Inquiry.objects.create(connection=connection, query="x", expires_at=now + (30 - age) * DAY)
    assert sweep_rows(now) == 4
    assert [model.objects.count() for model in (Planned, Asked, Match, Inquiry)] == [1, 1, 1, 1]
    assert sweep_rows(now) == 0


def test_an_old_decision_about_a_match_stays_until_a_run_has_obeyed_it(connection: Connection) -> None:
    now = clock.now()
    for key in ("late", "waits"):
        Match.objects.create(connection=connection, source_id=key, person_name="x")
    for key in ("obeyed", "lately"):
        somebody(connection, key)
    for key, decided in (("late", 1), ("waits", 31), ("obeyed", 31), ("lately", 1)):
        at = {"created_at": now - 60 * DAY, "decided_at": now - decided * DAY}
        Match.objects.filter(source_id=key).update(**at)
    sweep_rows(now)
    assert set(Match.objects.values_list("source_id", flat=True)) == {"late", "waits", "lately"}


def test_the_tick_does_it_and_not_every_minute(connection: Connection) -> None:
    left(connection, 31)
    keep_time()
    left(connection, 31, "k2")
    keep_time()
    assert DirectoryPerson.objects.filter(first_name=NAME).get().source_id == "k2"
