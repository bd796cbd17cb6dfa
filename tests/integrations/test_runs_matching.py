"""New in the HR system, but not new here: taken over, asked about, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.functions import Now

from integrations.models import (
    Change,
    Connection,
    ConnectionState,
    DirectoryPerson,
    Match,
    PersonState,
    Planned,
    Problem,
    Run,
    RunKind,
    RunOutcome,
)
from portal.accounts.models import User
from portal.kit import clock
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records
from tests.integrations.test_runs_plans import a_draft

pytestmark = pytest.mark.django_db

MAPPING = {"employee_number": "employee_number"}


@pytest.fixture
def former(connection: Connection) -> Connection:
    """The company's HR system before this one."""
    connection.mapping = MAPPING
    connection.save()
    return Connection.objects.create(
        company=connection.company,
        provider_slug="bamboohr",
        kind="hris",
        state=ConnectionState.DISCONNECTED,
    )


def someone(of: Connection, key: str, email: str, **more: Any) -> DirectoryPerson:
    return DirectoryPerson.objects.create(
        company=of.company, connection=of, source_id=key, email=email, raw_digest="0" * 32, **more
    )


def problems(run: Run) -> dict[str, str]:
    about_people = Problem.objects.filter(run=run).exclude(source_id="")
    return dict(about_people.values_list("source_id", "code"))


def test_people_of_an_ended_connection_are_taken_over_by_address_and_then_by_number(
    sync: Syncer, connection: Connection, former: Connection
) -> None:
    by_mail = someone(former, "old1", "A@Example.com", department="Law", employee_number="9")
    by_number = someone(former, "old2", "x@example.com", employee_number="77", state=PersonState.DEACTIVATED)
    stranger = someone(former, "old3", "stranger@example.com")
    answer = [
        record("n1", work_email="a@example.com", department="Sales", employee_number="77"),
        record("n2", work_email="new@example.com", employee_number="77"),
        record("n3"),
    ]
    # The number of the first would fit the second person, but its address comes first and fits another one.
    run = sync(ListSource(answer), RunKind.FIRST)
    assert (run.matched, run.added, problems(run)) == (2, 1, {})
    by_mail.refresh_from_db()
    by_number.refresh_from_db()
    assert (by_mail.connection, by_mail.source_id, by_mail.department) == (connection, "n1", "Sales")
    assert (by_number.source_id, by_number.email, by_number.state) == ("n2", "new@example.com", "active")
    change = Change.objects.get(run=run, source_id="n1")
    assert (change.kind, change.before["department"], change.after["department"]) == (
        "matched",
        "Law",
        "Sales",
    )
    assert (change.before["source_id"], change.before["connection"]) == ("old1", str(former.public_id))
    stranger.refresh_from_db()
    assert stranger.connection == former
    assert sync(ListSource(answer)).change_total == 0


def test_an_ambiguous_match_is_a_persons_decision_and_obeyed(
    sync: Syncer, connection: Connection, former: Connection, admin: User
) -> None:
    one = someone(former, "old1", "a@example.com", first_name="One")
    two = someone(former, "old2", "a@example.com", first_name="Two")
    answer = ListSource([record("n1", work_email="a@example.com"), *records(5)])
    run = sync(answer, RunKind.FIRST)
    assert (run.added, run.matched, problems(run)) == (5, 0, {"n1": "ambiguous_match"})
    match = Match.objects.get()
    assert (match.source_id, match.candidates) == ("n1", [str(one.public_id), str(two.public_id)])
    assert problems(sync(answer)) == {"n1": "ambiguous_match"}
    assert Match.objects.get() == match
    Match.objects.update(chosen=two, decided_by=admin, decided_at=Now())
    run = sync(answer)
    assert (run.matched, run.problem_count) == (1, 0)
    two.refresh_from_db()
    assert (two.connection, two.source_id, two.first_name) == (connection, "n1", "Firstn1")


def test_somebody_new_after_all_comes_in(sync: Syncer, former: Connection, admin: User) -> None:
    someone(former, "old1", "a@example.com")
    someone(former, "old2", "a@example.com")
    answer = ListSource([record("n1", work_email="a@example.com")])
    sync(answer, RunKind.FIRST)
    Match.objects.update(chosen=None, decided_by=admin, decided_at=Now())
    run = sync(answer)
    assert (run.added, run.problem_count) == (1, 0)


def test_a_rehire_under_another_key_waits_for_a_person_and_keeps_the_account(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(records(20)))
    was = DirectoryPerson.objects.get(source_id="k00000")
    answer = ListSource([*records(19, start=1), record("again", work_email="k00000@example.com")])
    run = sync(answer)
    assert (run.added, run.deactivated, problems(run)) == (0, 1, {"again": "ambiguous_match"})
    Match.objects.update(chosen=was, decided_by=admin, decided_at=Now())
    run = sync(answer)
    assert (run.matched, run.outcome) == (1, RunOutcome.APPLIED)
    was.refresh_from_db()
    assert (was.source_id, was.state, was.left_because) == ("again", "active", "")
    assert sync(answer).change_total == 0


def test_people_of_another_live_connection_stay_there(sync: Syncer, connection: Connection) -> None:
    other = Connection.objects.create(
        company=connection.company, provider_slug="bamboohr", kind="hris", state=ConnectionState.CONNECTED
    )
    theirs = someone(other, "t", "k00003@example.com")
    run = sync(ListSource(records(5)))
    assert (run.added, problems(run)) == (4, {"k00003": "owned_elsewhere"})
    theirs.refresh_from_db()
    assert theirs.connection == other


def test_whoever_moves_between_two_live_connections_keeps_the_account(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    other = Connection.objects.create(
        company=connection.company, provider_slug="bamboohr", kind="hris", state=ConnectionState.CONNECTED
    )
    moved = someone(other, "t", "k00003@example.com", state=PersonState.DEACTIVATED)
    run = sync(ListSource(records(5)))
    assert (run.added, problems(run)) == (4, {"k00003": "ambiguous_match"})
    Match.objects.update(chosen=moved, decided_by=admin, decided_at=Now())
    run = sync(ListSource(records(5)))
    moved.refresh_from_db()
    assert (run.matched, moved.connection, moved.source_id, moved.state) == (
        1,
        connection,
        "k00003",
        "active",
    )


def test_an_address_belongs_to_one_person(sync: Syncer) -> None:
    run = sync(ListSource([*records(5), record("twin", work_email="K00000@example.com")]))
    assert (run.added, problems(run)) == (5, {"twin": "duplicate_email"})
    taken = [record("k00000", work_email="k00001@example.com"), *records(4, start=1)]
    run = sync(ListSource([*taken, record("twin", work_email="k00002@example.com")]))
    assert problems(run) == {"k00000": "duplicate_email", "twin": "duplicate_email"}
    assert run.change_total == 0


def test_two_people_may_exchange_their_addresses(sync: Syncer) -> None:
    sync(ListSource(records(5)))
    swapped = [
        record("k00000", work_email="k00001@example.com"),
        record("k00001", work_email="k00000@example.com"),
    ]
    run = sync(ListSource([*swapped, *records(3, start=2)]))
    assert (run.changed, run.problem_count) == (2, 0)


def addresses() -> list[str]:
    active = DirectoryPerson.objects.filter(state=PersonState.ACTIVE)
    return sorted(active.values_list("email", flat=True))


def test_whoever_is_held_keeps_their_address(sync: Syncer) -> None:
    sync(ListSource(records(20)))
    heir = record("k00019", work_email="k00000@example.com")
    run = sync(ListSource([*records(12, start=7), heir]))
    assert (run.held, run.changed, problems(run)) == (7, 0, {"k00019": "duplicate_email"})
    assert run.problem_count == 1
    assert len(set(addresses())) == 20


def test_whoever_is_refused_an_address_keeps_the_one_that_another_wanted(sync: Syncer) -> None:
    sync(ListSource(records(6)))
    chain = [
        record("k00000", work_email="k00002@example.com"),
        record("k00001", work_email="k00000@example.com"),
        record("new", work_email="k00001@example.com"),
    ]
    run = sync(ListSource([*chain, *records(4, start=2)]))
    assert set(problems(run)) == {"k00000", "k00001", "new"}
    assert (run.change_total, len(set(addresses()))) == (0, 6)


@pytest.mark.parametrize("kind", ["new", "changed"])
def test_nobody_gets_the_address_of_somebody_who_stays_with_an_ended_connection(
    sync: Syncer, connection: Connection, former: Connection, kind: str
) -> None:
    connection.policy = {"match_by": ["employee_number"]}
    connection.save()
    sync(ListSource(records(5)[kind == "new" :]))
    someone(former, "old", "x@example.com")
    run = sync(ListSource([record("k00000", work_email="x@example.com"), *records(4, start=1)]))
    assert (run.change_total, problems(run)) == (0, {"k00000": "duplicate_email"})


def test_a_plan_shows_who_would_be_taken_over(
    sync: Syncer, connection: Connection, former: Connection, admin: User
) -> None:
    person = someone(former, "old1", "a@example.com")
    run = sync(
        ListSource([record("n1", work_email="a@example.com")]),
        RunKind.DRY,
        draft=a_draft(connection, admin, mapping=MAPPING),
    )
    assert (run.matched, Planned.objects.get(run=run).kind) == (1, "matched")
    person.refresh_from_db()
    assert person.connection == former


@pytest.mark.parametrize("when", ["new", "empty"])
def test_whoever_is_taken_over_keeps_what_the_mapping_only_fills(
    sync: Syncer, connection: Connection, former: Connection, when: str
) -> None:
    connection.mapping = MAPPING | {
        "department": {"from": ["department"], "when": when},
        "job_title": {"from": ["job_title"], "when": when},
    }
    connection.save()
    was = someone(former, "old1", "a@example.com", first_name="Former", department="Law")
    sent = record("n1", work_email="a@example.com", department="Sales", job_title="Nurse")
    run = sync(ListSource([sent]), RunKind.FIRST)
    was.refresh_from_db()
    assert (run.matched, was.source_id) == (1, "n1")
    assert (was.first_name, was.department, was.job_title) == ("Firstn1", "Law", "Nurse")
    after = Change.objects.get(run=run).after
    assert ("department" in after, after["job_title"]) == (False, "Nurse")
    assert sync(ListSource([sent])).change_total == 0


def test_of_a_forgotten_person_who_is_taken_over_nothing_is_kept(
    sync: Syncer, connection: Connection, former: Connection, admin: User
) -> None:
    connection.mapping = {"first_name": {"from": ["first_name"], "when": "empty"}}
    connection.save()
    was = someone(former, "old1", "removed-1@removed.invalid", first_name="Removed", last_name="person")
    Match.objects.create(
        connection=connection, source_id="n1", chosen=was, decided_by=admin, decided_at=clock.now()
    )
    assert sync(ListSource([record("n1")]), RunKind.FIRST).matched == 1
    was.refresh_from_db()
    assert (was.first_name, was.email) == ("Firstn1", "n1@example.com")
