"""Undoing a run: back to what was there before, groups included, and nothing that has changed since is touched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from integrations.engine.undoing import Because, Tally
from integrations.models import (
    Change,
    Connection,
    ConnectionState,
    DirectoryPerson,
    Group,
    Invitation,
    Membership,
    MembershipChange,
    PersonState,
    Run,
    RunKind,
)
from integrations.people import ATTRIBUTES
from integrations.services import local
from integrations.services.connections import resume
from integrations.services.reversing import Touched, ways_back
from integrations.services.starts import SYNC_RUN, start_run
from integrations.services.undo import PAUSE_REASON, perform_undo, plan_undo, undo_run
from portal.accounts.models import Company, Role, User
from portal.audit.models import Entry
from portal.kit import queue
from portal.kit.errors import NeedsPerson
from portal.kit.leases import JobState, claim
from portal.notices.models import Notice
from tests.integrations.conftest import LEASE, Syncer
from tests.integrations.sources import ListSource, record, records


def snapshot(connection: Connection) -> dict[str, Any]:
    """Whoever is active, with attributes and groups."""
    groups: dict[int, list[str]] = {}
    for person, name in Membership.objects.filter(group__connection=connection).values_list(
        "person", "group__name"
    ):
        groups.setdefault(person, []).append(name)
    people = DirectoryPerson.objects.filter(connection=connection, state=PersonState.ACTIVE)
    return {
        one.source_id: ([getattr(one, name) for name in ATTRIBUTES], sorted(groups.get(one.pk, [])))
        for one in people
    }


def person_of(connection: Connection, key: str) -> DirectoryPerson:
    return DirectoryPerson.objects.get(connection=connection, source_id=key)


def asked_to_undo(run: Run, by: User) -> Run:
    """Confirmed by a person; no worker has looked at it yet."""
    plan = plan_undo(run)
    return undo_run(run, typed=plan.affected, digest=plan.digest, by=by)


def undo(run: Run, by: User) -> Run:
    undoing = asked_to_undo(run, by)
    queue.run_job(SYNC_RUN, undoing.pk)
    undoing.refresh_from_db()
    return undoing


STAFF = [record(f"s{number}", department="Care" if number % 2 else "Sales") for number in range(20)]


@pytest.fixture
def changed(sync: Syncer, connection: Connection) -> tuple[dict[str, Any], Run]:
    """What was there, and a run that changed, added, removed and brought back people."""
    sync(ListSource(STAFF))
    sync(ListSource(STAFF[:-1]))
    before = snapshot(connection)
    moved = [
        record("s1", first="Other", department="Sales"),
        *STAFF[2:-2],
        STAFF[-1],
        record("new", department="IT"),
    ]
    run = sync(ListSource(moved))
    assert (run.added, run.changed, run.deactivated, run.returned) == (1, 1, 2, 1)
    return before, run


def test_an_undone_run_leaves_people_and_groups_as_they_were(
    changed: tuple[dict[str, Any], Run], connection: Connection, admin: User
) -> None:
    before, run = changed
    assert snapshot(connection) != before
    undone = undo(run, admin)
    assert snapshot(connection) == before
    assert (undone.kind, undone.undoes, undone.outcome, undone.is_open) == (
        RunKind.UNDO,
        run,
        "applied",
        False,
    )
    assert (undone.changed, undone.deactivated, undone.returned) == (1, 2, 2)
    assert dict(undone.changes.values_list("source_id", "kind")) == {
        "s0": "returned",
        "s1": "changed",
        "s18": "returned",
        "s19": "deactivated",
        "new": "deactivated",
    }
    assert person_of(connection, "new").left_because == "undone"
    assert undone.membership_changes.filter(joined=True).count() == undone.joined == 3


def test_an_undone_run_pauses_the_connection_and_the_next_one_does_it_again(
    changed: tuple[dict[str, Any], Run], sync: Syncer, connection: Connection, admin: User
) -> None:
    _, run = changed
    after = snapshot(connection)
    connection.watermark = "1"
    connection.save()
    undo(run, admin)
    connection.refresh_from_db()
    assert (connection.state, connection.reason, connection.next_run_at) == (
        ConnectionState.PAUSED,
        PAUSE_REASON,
        None,
    )
    assert (connection.watermark, connection.full_pass_at) == ("", None)
    moved = [
        record("s1", first="Other", department="Sales"),
        *STAFF[2:-2],
        STAFF[-1],
        record("new", department="IT"),
    ]
    connection.state = ConnectionState.CONNECTED
    connection.save()
    sync(ListSource(moved))
    assert snapshot(connection) == after


def test_what_a_person_or_a_later_run_did_since_is_left_alone(
    changed: tuple[dict[str, Any], Run], sync: Syncer, connection: Connection, admin: User
) -> None:
    _, run = changed
    local.edit_person(person_of(connection, "s1"), {"first_name": "Third"}, by=admin)
    local.protect(person_of(connection, "new"), on=True, by=admin)
    later = [
        record("s1", first="Third", department="Sales"),
        *STAFF[2:-2],
        STAFF[-2],
        record("new", department="IT"),
    ]
    sync(ListSource(later))
    plan = plan_undo(run)
    found = {(one.source_id, one.because, one.attribute) for one in plan.conflicts}
    assert found == {
        ("s1", Because.VALUE, "first_name"),
        ("new", Because.PROTECTED, ""),
        ("s18", Because.SINCE, ""),
        ("s19", Because.SINCE, ""),
    }
    undo(run, admin)
    assert person_of(connection, "s1").first_name == "Third"
    assert person_of(connection, "s1").department == "Care"
    assert person_of(connection, "new").state == PersonState.ACTIVE


def test_nobody_comes_back_under_an_address_that_somebody_else_has_by_now(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(records(10)))
    run = sync(ListSource(records(9)))
    other = record("other", work_email="k00009@example.com")
    DirectoryPerson.objects.create(
        company=connection.company,
        connection=connection,
        source_id="other",
        email=other["fields"]["work_email"],
        raw_digest="00000000-0000-0000-0000-000000000000",
    )
    assert [one.because for one in plan_undo(run).conflicts] == [Because.ADDRESS]


def test_only_what_was_looked_at_is_undone_and_only_with_the_right_number(
    changed: tuple[dict[str, Any], Run], connection: Connection, admin: User
) -> None:
    _, run = changed
    now, plan = snapshot(connection), plan_undo(run)
    with pytest.raises(NeedsPerson) as refused:
        undo_run(run, typed=plan.affected + 1, digest=plan.digest, by=admin)
    assert refused.value.code == "wrong_number"
    local.protect(person_of(connection, "new"), on=True, by=admin)
    with pytest.raises(NeedsPerson) as refused:
        undo_run(run, typed=plan.affected, digest=plan.digest, by=admin)
    assert refused.value.code == "undo_changed"
    assert snapshot(connection) == now
    assert not run.undone_by.exists()


def test_what_is_too_old_or_undone_or_not_a_run_of_changes_is_refused(
    changed: tuple[dict[str, Any], Run], connection: Connection, admin: User
) -> None:
    _, run = changed

    def refused(one: Run) -> str:
        with pytest.raises(NeedsPerson) as error:
            undo_run(one, typed=1, digest="", by=admin)
        return error.value.sentence

    Run.objects.filter(pk=run.pk).update(finished_at=F("finished_at") - timedelta(days=31))
    assert "30 days" in refused(run)
    Run.objects.filter(pk=run.pk).update(finished_at=F("finished_at") + timedelta(days=2))
    undone = undo(run, admin)
    assert "undone already" in refused(run)
    assert "resume" in refused(undone)
    Run.objects.filter(pk=run.pk).update(kind=RunKind.DRY)
    assert "A plan changes nobody" in refused(run)


def test_nothing_is_undone_while_a_run_is_going_on(
    changed: tuple[dict[str, Any], Run], connection: Connection, admin: User
) -> None:
    _, run = changed
    plan = plan_undo(run)
    start_run(connection, kind=RunKind.MANUAL)
    with pytest.raises(NeedsPerson) as refused:
        undo_run(run, typed=plan.affected, digest=plan.digest, by=admin)
    assert refused.value.code == "already_running"


def test_undoing_is_recorded_and_ends_open_invitations(
    changed: tuple[dict[str, Any], Run], connection: Connection, admin: User
) -> None:
    _, run = changed
    new = person_of(connection, "new")
    invitation = Invitation.objects.create(person=new, expires_at=run.created_at + timedelta(days=180))
    undo(run, admin)
    invitation.refresh_from_db()
    assert invitation.state == "removed"
    entry = Entry.objects.get(action="run.undo")
    assert (entry.actor, entry.details["people"]) == (admin.email, 5)


def test_a_removal_that_is_undone_gives_the_open_invitation_back(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    connection.policy = {"invites": True}
    connection.save()
    sync(ListSource(records(20)))
    run = sync(ListSource(records(18)))
    ends = Invitation.objects.filter(person__source_id="k00019")
    ends.update(expires_at=Now())
    undo(run, admin)
    states = Invitation.objects.filter(person__source_id__in=("k00018", "k00019"))
    assert list(states.order_by("person__source_id").values_list("state", flat=True)) == [
        "pending",
        "removed",
    ]


def test_confirming_an_undoing_changes_nobody_before_a_worker_does_and_the_queue_may_ask_twice(
    changed: tuple[dict[str, Any], Run], connection: Connection, admin: User
) -> None:
    before, run = changed
    now = snapshot(connection)
    undoing = asked_to_undo(run, admin)
    connection.refresh_from_db()
    assert (undoing.is_open, snapshot(connection), connection.state) == (True, now, ConnectionState.CONNECTED)
    with pytest.raises(NeedsPerson) as refused:
        asked_to_undo(run, admin)
    assert refused.value.code == "undo_refused"
    for _ in range(2):
        queue.run_job(SYNC_RUN, undoing.pk)
        Run.objects.filter(pk=undoing.pk).update(job_state=JobState.RUNNING, lease_until=Now())
    undoing.refresh_from_db()
    assert (snapshot(connection), undoing.changes.count(), undoing.attempts) == (before, 5, 2)
    assert Entry.objects.filter(action="run.undo").count() == 1


def test_what_changed_before_the_worker_came_is_not_undone_and_the_connection_goes_on(
    changed: tuple[dict[str, Any], Run], connection: Connection, admin: User
) -> None:
    _, run = changed
    undoing = asked_to_undo(run, admin)
    DirectoryPerson.objects.filter(connection=connection, source_id="new").update(protected=True)
    now = snapshot(connection)
    queue.run_job(SYNC_RUN, undoing.pk)
    undoing.refresh_from_db()
    connection.refresh_from_db()
    assert (undoing.outcome, undoing.failure_code, undoing.change_total) == ("failed", "undo_changed", 0)
    assert (snapshot(connection), connection.state) == (now, ConnectionState.CONNECTED)
    assert Notice.objects.get(user=admin).words.endswith("was not undone. Nobody was changed.")
    assert undo(run, admin).outcome == "applied", "one that failed stands in nobody's way"


def test_what_a_worker_has_just_undone_cannot_be_called_off_any_more(
    changed: tuple[dict[str, Any], Run], connection: Connection, admin: User
) -> None:
    undoing = claim(Run, asked_to_undo(changed[1], admin).pk, lease=LEASE)
    assert undoing is not None
    perform_undo(undoing)
    connection.refresh_from_db()
    resume(connection, admin)
    undoing.refresh_from_db()
    assert (undoing.outcome, undoing.is_open, undoing.failure) == ("applied", False, "")


def test_whoever_looks_after_the_connection_hears_that_somebody_else_has_undone_a_run(
    changed: tuple[dict[str, Any], Run], connection: Connection, admin: User, company: Company
) -> None:
    other = User.objects.create_user("other@example.com", name="Other", role=Role.CSM)
    Connection.objects.filter(pk=connection.pk).update(created_by=other)
    undone = undo(changed[1], admin)
    notice = Notice.objects.get(kind="undone")
    assert (notice.user, str(undone.public_id) in notice.url) == (other, True)
    assert notice.words == f"Casey undid a run of {connection}: 5 people are as before"


def test_the_plan_is_the_same_read_in_parts_and_its_pages_name_everybody_once(
    changed: tuple[dict[str, Any], Run], connection: Connection
) -> None:
    _, run = changed
    for key in ("s3", "s4"):
        group = Group.objects.filter(connection=connection).exclude(memberships__person__source_id=key)[0]
        person = person_of(connection, key)
        MembershipChange.objects.create(run=run, group=group, person=person, joined=False)
    tally, touched = Tally(), Touched(run)
    for part in ways_back(run, at_a_time=2):
        for line, conflicts in part.ways:
            tally.add(line, conflicts)
    assert (tally.plan(), len(touched)) == (plan_undo(run), 7)
    for most in (1, 3, 5, 25):
        shown = [one for first in range(0, 7, most) for one in touched.part(first, most)]
        assert [one.source_id for one in shown] == [one.source_id for one in touched]
    assert {one.source_id for one in touched} == {"s0", "s1", "s18", "s19", "new", "s3", "s4"}


def test_a_group_that_only_moved_is_undone_as_well(sync: Syncer, connection: Connection, admin: User) -> None:
    sync(ListSource(STAFF))
    group = Group.objects.create(
        company=connection.company, connection=connection, source="city", key="x", name="Hand"
    )
    person = person_of(connection, "s2")
    local.join(group, person, by=admin)
    before = snapshot(connection)
    run = sync(ListSource(STAFF))
    assert "Hand" not in snapshot(connection)["s2"][1]
    undone = undo(run, admin)
    assert snapshot(connection) == before
    assert Membership.objects.get(group=group, person=person).by_hand
    assert not Change.objects.filter(run=undone).exists()
