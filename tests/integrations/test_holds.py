"""Held removals: released or rejected by a person, by name or all, and nobody else is touched."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import pytest
from django.utils import timezone

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Held,
    HeldState,
    Invitation,
    Issue,
    Membership,
    PersonState,
    Run,
    RunKind,
)
from integrations.services import holds, lifecycle, local
from integrations.services.starts import SYNC_RUN, start_run
from integrations.services.undo import plan_undo, undo_run
from portal.accounts.models import Role, User
from portal.audit.models import Entry
from portal.kit import queue
from portal.kit.errors import NeedsPerson
from portal.notices.models import Notice
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record

STAFF = [record(f"s{number:02}", department="Care") for number in range(20)]
LEFT = 12  # so many are still listed in the run that is held


@pytest.fixture
def held(sync: Syncer, connection: Connection) -> Run:
    sync(ListSource(STAFF))
    run = sync(ListSource(STAFF[:LEFT]))
    assert (run.outcome, run.held, run.deactivated) == ("held", 8, 0)
    assert connection.state == ConnectionState.DEGRADED
    return run


def person_of(connection: Connection, number: int) -> DirectoryPerson:
    return DirectoryPerson.objects.get(connection=connection, source_id=f"s{number:02}")


def out(connection: Connection) -> set[str]:
    people = DirectoryPerson.objects.filter(connection=connection, state=PersonState.DEACTIVATED)
    return set(people.values_list("source_id", flat=True))


def release(connection: Connection, people: Iterable[UUID] | None, *, reason: str, by: User) -> Run:
    """Decided by a person, and carried out by a worker."""
    run = holds.release(connection, people, reason=reason, by=by)
    queue.run_job(SYNC_RUN, run.pk)
    run.refresh_from_db()
    connection.refresh_from_db()
    return run


def states(connection: Connection) -> dict[str, str]:
    return dict(Held.objects.filter(person__connection=connection).values_list("person__source_id", "state"))


def test_all_who_wait_are_released_as_a_run_that_can_be_undone(
    held: Run, connection: Connection, admin: User
) -> None:
    run = release(connection, None, reason="  They moved to\nthe other firm. ", by=admin)
    gone = {f"s{number}" for number in range(LEFT, 20)}
    assert out(connection) == gone
    assert (run.kind, run.outcome, run.is_open, run.deactivated, run.left_groups) == (
        RunKind.RELEASE,
        "applied",
        False,
        8,
        8,
    )
    assert run.words == "They moved to the other firm."
    change = run.changes.get(source_id="s19")
    assert (change.kind, change.before, change.after) == (
        "deactivated",
        {"status": "active"},
        {"status": "absent"},
    )
    person = person_of(connection, 19)
    assert person.left_because == "released"
    assert not Membership.objects.filter(person=person).exists()
    assert run.membership_changes.filter(person=person, joined=False).count() == 1
    plan = plan_undo(run)
    queue.run_job(SYNC_RUN, undo_run(run, typed=plan.affected, digest=plan.digest, by=admin).pk)
    assert out(connection) == set()
    assert Membership.objects.filter(person=person).count() == 1


def test_a_decision_is_only_recorded_by_the_request_and_carried_out_by_a_worker(
    held: Run, connection: Connection, admin: User
) -> None:
    run = holds.release(connection, None, reason="Left.", by=admin)
    assert (run.is_open, out(connection)) == (True, set())
    assert set(states(connection).values()) == {HeldState.WAITING}
    lifecycle.pause(connection, by=admin)
    queue.run_job(SYNC_RUN, run.pk)
    assert out(connection) == set(), "what was called off is not done"
    assert holds.waiting(connection).count() == 8, "and goes on waiting"
    assert release(connection, None, reason="Left.", by=admin).deactivated == 8


def test_a_decision_that_nobody_is_left_for_says_so_to_whoever_made_it(
    held: Run, connection: Connection, admin: User
) -> None:
    run = holds.release(connection, [person_of(connection, 15).public_id], reason="Left.", by=admin)
    DirectoryPerson.objects.filter(source_id="s15").update(protected=True)
    queue.run_job(SYNC_RUN, run.pk)
    run.refresh_from_db()
    assert (run.outcome, run.failure_code, out(connection)) == ("failed", "nobody_left", set())
    notice = Notice.objects.get(user=admin, kind="held_decided")
    assert "Nobody was changed" in notice.words
    connection.refresh_from_db()
    assert connection.state == ConnectionState.DEGRADED


def test_releasing_by_name_leaves_the_others_waiting(held: Run, connection: Connection, admin: User) -> None:
    chosen = person_of(connection, 15)
    listed = person_of(connection, 1)
    release(connection, [chosen.public_id, listed.public_id], reason="Left.", by=admin)
    assert out(connection) == {"s15"}
    assert states(connection)["s15"] == HeldState.RELEASED
    assert list(states(connection).values()).count(HeldState.WAITING) == 7
    assert connection.state == ConnectionState.DEGRADED
    assert Issue.objects.get(connection=connection, resolved_at=None, code="held_removals").count == 7
    decided = Held.objects.get(person=chosen)
    assert (decided.decided_by, decided.words) == (admin, "Left.")
    assert decided.decided_at is not None


def test_whoever_is_protected_or_out_already_is_not_touched(
    held: Run, connection: Connection, admin: User
) -> None:
    local.protect(person_of(connection, 13), on=True, by=admin)
    DirectoryPerson.objects.filter(connection=connection, source_id="s14").update(
        state=PersonState.DEACTIVATED, left_because="expired"
    )
    run = release(connection, None, reason="Left.", by=admin)
    assert run.deactivated == 6
    assert person_of(connection, 13).state == PersonState.ACTIVE
    assert person_of(connection, 14).left_because == "expired"
    assert {states(connection)[key] for key in ("s13", "s14")} == {HeldState.SUPERSEDED}
    assert set(run.changes.values_list("source_id", flat=True)) == out(connection) - {"s14"}


def test_an_open_invitation_ends_with_the_person(held: Run, connection: Connection, admin: User) -> None:
    person, stays = person_of(connection, 12), person_of(connection, 1)
    for one in (person, stays):
        Invitation.objects.create(person=one, expires_at=timezone.now())
    release(connection, None, reason="Left.", by=admin)
    assert person.invitations.get().state == "removed"
    assert stays.invitations.get().state == "pending"


def test_the_connection_is_well_again_when_nothing_waits_any_more(
    held: Run, connection: Connection, admin: User
) -> None:
    data_of = connection.last_success_at
    keeps = [person_of(connection, number).public_id for number in range(LEFT, 16)]
    holds.reject(connection, keeps, reason="On leave.", by=admin)
    assert connection.state == ConnectionState.DEGRADED
    release(connection, None, reason="Left.", by=admin)
    assert (connection.state, connection.reason) == (ConnectionState.CONNECTED, "")
    assert connection.last_success_at == data_of, "nothing was read"
    assert not Issue.objects.filter(connection=connection, resolved_at=None).exists()


def test_whoever_is_kept_is_not_asked_about_again_until_they_are_listed_as_before(
    held: Run, sync: Syncer, connection: Connection, admin: User
) -> None:
    assert holds.reject(connection, None, reason="A fault of the HR system.", by=admin) == 8
    assert person_of(connection, 19).kept == "absent"
    again = sync(ListSource(STAFF[:LEFT]))
    assert (again.outcome, again.held, again.deactivated) == ("applied", 0, 0)
    sync(ListSource(STAFF))
    assert person_of(connection, 19).kept == ""
    assert sync(ListSource(STAFF[:LEFT])).held == 8


def test_a_decision_to_keep_somebody_ends_when_they_are_listed_as_before_at_once(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    left = ListSource([*STAFF[:LEFT], *({**one, "status": "terminated"} for one in STAFF[LEFT:])])
    sync(ListSource(STAFF))
    assert sync(left).held == 8
    Connection.objects.update(watermark="1")
    holds.reject(connection, None, reason="A fault of the HR system.", by=admin)
    assert (connection.watermark, connection.full_pass_at) == ("", None)
    sync(ListSource(STAFF))
    assert person_of(connection, 19).kept == ""
    assert sync(left).held == 8


def test_a_decision_to_keep_somebody_is_taken_back_and_the_next_run_judges_them_afresh(
    held: Run, sync: Syncer, connection: Connection, admin: User
) -> None:
    holds.reject(connection, None, reason="A fault of the HR system.", by=admin)
    sync(ListSource(STAFF[:LEFT]))
    Connection.objects.update(watermark="1", full_pass_at=timezone.now())
    person = person_of(connection, 15)
    holds.take_back(person, by=admin)
    connection.refresh_from_db()
    assert (person_of(connection, 15).kept, connection.watermark, connection.full_pass_at) == ("", "", None)
    entry = Entry.objects.get(action="holds.take_back")
    assert (entry.actor, entry.subject) == (admin.email, f"person {person.public_id}")
    sync(ListSource(STAFF[:LEFT]))
    assert out(connection) == {"s15"}
    assert person_of(connection, 16).kept == "absent"


def test_a_decision_is_not_taken_back_twice_nor_during_a_run_nor_when_nothing_runs_any_more(
    held: Run, connection: Connection, admin: User
) -> None:
    holds.reject(connection, None, reason="A fault of the HR system.", by=admin)
    holds.take_back(person_of(connection, 15), by=admin)
    with pytest.raises(NeedsPerson) as refused:
        holds.take_back(person_of(connection, 15), by=admin)
    assert refused.value.code == "not_kept"
    start_run(connection, kind=RunKind.MANUAL)
    with pytest.raises(NeedsPerson) as refused:
        holds.take_back(person_of(connection, 16), by=admin)
    assert refused.value.code == "already_running"
    lifecycle.disconnect(connection, by=admin)
    with pytest.raises(NeedsPerson) as refused:
        holds.take_back(person_of(connection, 16), by=admin)
    assert refused.value.code == "not_running"
    assert person_of(connection, 16).kept == "absent"


def test_disconnecting_ends_what_waits(held: Run, connection: Connection, admin: User) -> None:
    lifecycle.disconnect(connection, by=admin)
    assert set(states(connection).values()) == {HeldState.SUPERSEDED}


def test_whoever_was_released_comes_back_with_everything(
    held: Run, sync: Syncer, connection: Connection, admin: User
) -> None:
    release(connection, None, reason="Left.", by=admin)
    run = sync(ListSource(STAFF))
    assert (run.returned, out(connection)) == (8, set())
    assert Membership.objects.filter(person=person_of(connection, 19)).count() == 1


def test_nothing_is_decided_without_a_reason_or_while_a_run_is_going_on(
    held: Run, connection: Connection, admin: User
) -> None:
    for decide in (holds.release, holds.reject):
        with pytest.raises(NeedsPerson) as refused:
            decide(connection, None, reason=" \n", by=admin)
        assert refused.value.code == "no_reason"
    start_run(connection, kind=RunKind.MANUAL)
    for decide in (holds.release, holds.reject):
        with pytest.raises(NeedsPerson) as refused:
            decide(connection, None, reason="Left.", by=admin)
        assert refused.value.code == "already_running"
    assert set(states(connection).values()) == {HeldState.WAITING}


def test_what_was_decided_or_belongs_to_another_connection_is_not_decided_again(
    held: Run, connection: Connection, admin: User
) -> None:
    person = person_of(connection, 12)
    other = Connection.objects.create(company=connection.company, provider_slug="sage_hr", kind="hris")
    with pytest.raises(NeedsPerson) as refused:
        holds.release(other, [person.public_id], reason="Left.", by=admin)
    assert refused.value.code == "nobody_waits"
    holds.reject(connection, [person.public_id], reason="Stays.", by=admin)
    with pytest.raises(NeedsPerson) as refused:
        holds.release(connection, [person.public_id], reason="Left.", by=admin)
    assert refused.value.code == "nobody_waits"
    assert out(connection) == set()


def test_a_disconnected_connection_changes_nobody(held: Run, connection: Connection, admin: User) -> None:
    Connection.objects.filter(pk=connection.pk).update(state=ConnectionState.DISCONNECTED)
    with pytest.raises(NeedsPerson) as refused:
        holds.release(connection, None, reason="Left.", by=admin)
    assert refused.value.code == "not_running"


def test_a_decision_is_recorded_and_told_to_whoever_made_the_connection(
    held: Run, connection: Connection, admin: User
) -> None:
    maker = User.objects.create_user("lead@example.com", name="Lee", role=Role.TL)
    Connection.objects.filter(pk=connection.pk).update(created_by=maker)
    run = release(connection, None, reason="Left.", by=admin)
    entry = Entry.objects.get(action="holds.release")
    assert (entry.actor, entry.details) == (
        admin.email,
        {"people": 8, "reason": "Left.", "run": str(run.public_id)},
    )
    notice = Notice.objects.get(user=maker, kind="held_decided")
    assert "8 deactivated" in notice.words
    assert "Left." in notice.detail
    assert not Notice.objects.filter(user=admin, kind="held_decided").exists()
