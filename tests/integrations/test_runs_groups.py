"""After the people: managers, groups from an attribute or from events, and invitations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.db import connection as database

from integrations.models import (
    Connection,
    DirectoryPerson,
    Draft,
    Group,
    Invitation,
    InvitationState,
    Issue,
    Membership,
    MembershipChange,
    Problem,
    Purpose,
    Receipt,
    Run,
    RunKind,
    StagedMember,
)
from integrations.provider import Assigned, Settings
from portal.accounts.models import User
from portal.kit import clock
from portal.kit.http import Http
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class ListEvents:
    """Pairs of a person's key and an event's name."""

    pairs: Sequence[tuple[str, str]]

    def assigned(self, http: Http, settings: Settings, today: date) -> Iterator[tuple[Assigned, ...]]:
        for key, name in self.pairs:
            yield (Assigned(key, name.lower(), name),)


def members() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in Group.objects.values_list("name", flat=True)}
    for name, key in Membership.objects.values_list("group__name", "person__source_id"):
        found[name].add(key)
    return found


def logged(run: Run) -> set[tuple[str, str, bool, bool]]:
    rows = MembershipChange.objects.filter(run=run)
    return set(rows.values_list("person__source_id", "group__name", "joined", "by_hand"))


def versions() -> list[tuple[str, str]]:
    with database.cursor() as cursor:
        cursor.execute("SELECT xmin::text, ctid::text FROM integrations_membership ORDER BY 2")
        return [(version, place) for version, place in cursor.fetchall()]


def team(sales: Sequence[str], law: Sequence[str] = ()) -> ListSource:
    rest = records(15)
    return ListSource(
        [*rest, *(record(k, department="Sales") for k in sales), *(record(k, department="Law") for k in law)]
    )


def test_departments_become_groups_and_people_move_between_them(sync: Syncer) -> None:
    run = sync(team(["a", "b"], ["c"]))
    assert members() == {"Sales": {"a", "b"}, "Law": {"c"}}
    assert (run.groups_made, run.joined, run.left_groups) == (2, 3, 0)
    # The lines of the people who came in tell their department already.
    assert logged(run) == set()
    before = versions()
    run = sync(team(["a", "b"], ["c"]))
    assert (versions(), run.joined, run.left_groups) == (before, 0, 0)
    run = sync(team(["a"], ["b"]))
    assert members() == {"Sales": {"a"}, "Law": {"b"}}
    assert logged(run) == {
        ("b", "Sales", False, False),
        ("b", "Law", True, False),
        ("c", "Law", False, False),
    }
    assert (run.groups_made, run.joined, run.left_groups) == (0, 1, 2)
    sync(team(["a"], ["b", "c"]))
    assert members() == {"Sales": {"a"}, "Law": {"b", "c"}}


def test_edits_by_hand_are_overwritten_and_said_so(sync: Syncer, connection: Connection) -> None:
    sync(team(["a"], ["b"]))
    sales, law = Group.objects.get(name="Sales"), Group.objects.get(name="Law")
    person = DirectoryPerson.objects.get(source_id="a")
    Membership.objects.filter(group=sales).delete()
    Membership.objects.create(group=law, person=person, by_hand=True)
    assert sync(team(["a"], ["b"])).joined == 0
    connection.groups_edited = True
    connection.save()
    run = sync(team(["a"], ["b"]))
    assert members() == {"Sales": {"a"}, "Law": {"b"}}
    assert logged(run) == {("a", "Law", False, True), ("a", "Sales", True, True)}
    assert not connection.groups_edited


def test_another_attribute_for_groups_empties_the_old_ones(sync: Syncer, connection: Connection) -> None:
    sync(team(["a"], ["b"]))
    connection.policy = {"group_by": "last_name"}
    connection.save()
    sync(team(["a"], ["b"]))
    everybody = {one["id"] for one in team(["a"], ["b"]).people}
    assert members() == {"Sales": set(), "Law": set(), "Person": everybody}
    connection.policy = {"group_by": ""}
    connection.save()
    sync(team(["a"], ["b"]))
    assert not Membership.objects.exists()


def test_events_are_groups_and_decide_who_comes_in(sync: Syncer, connection: Connection) -> None:
    connection.filter = {"include": [[{"field": "event", "op": "present", "values": []}]]}
    connection.policy = {"group_by": "event"}
    connection.save()
    answer = ListSource(records(10))
    events = [(f"k{number:05}", "Fair") for number in range(8)] + [("k00000", "Gala"), ("nobody", "Gala")]
    run = sync(answer, events=ListEvents([*events, events[0]]))
    fair = {f"k{number:05}" for number in range(8)}
    assert (run.added, members()) == (8, {"Fair": fair, "Gala": {"k00000"}})
    # Nobody changed in the HR system, and yet one leaves an event, one their last one, and one comes in.
    moved = [pair for pair in events if pair not in (("k00000", "Gala"), ("k00007", "Fair"))]
    run = sync(answer, events=ListEvents([*moved, ("k00009", "Fair")]))
    assert (run.added, run.deactivated) == (1, 1)
    assert members() == {"Fair": fair - {"k00007"} | {"k00009"}, "Gala": set()}
    assert sync(answer, events=ListEvents([*moved, ("k00009", "Fair")])).change_total == 0
    assert not StagedMember.objects.exists()


@pytest.mark.parametrize(("outside", "held"), [("deactivate", 10), ("keep", 0)])
def test_an_event_list_that_came_empty_empties_nothing(
    sync: Syncer, connection: Connection, outside: str, held: int
) -> None:
    connection.filter = {"include": [[{"field": "event", "op": "present", "values": []}]]}
    connection.policy = {"group_by": "event", "outside": outside}
    connection.save()
    events = [(f"k{number:05}", "Fair") for number in range(10)]
    sync(ListSource(records(10)), events=ListEvents(events))
    run = sync(ListSource(records(10)), events=ListEvents([]))
    assert (run.held, run.deactivated, run.left_groups) == (held, 0, 0)
    assert "assigned to an event" in run.words or held
    gone = [record("k00009", status="terminated"), *records(9)]
    sync(ListSource(gone), events=ListEvents([]))
    assert len(members()["Fair"]) == (10 if held else 9)


def test_while_removals_are_held_whoever_is_new_joins_and_nobody_leaves(
    sync: Syncer, connection: Connection
) -> None:
    connection.filter = {"include": [[{"field": "event", "op": "present", "values": []}]]}
    connection.policy = {"group_by": "event"}
    connection.save()
    events = [(f"k{number:05}", "Fair" if number < 8 else "Gala") for number in range(20)]
    sync(ListSource(records(20)), events=ListEvents(events))
    run = sync(ListSource(records(21)), events=ListEvents([*events[8:], ("k00020", "Gala")]))
    assert (run.held, run.added) == (8, 1)
    assert (len(members()["Fair"]), len(members()["Gala"])) == (8, 13)


def test_where_less_than_half_of_the_events_is_left_nobody_leaves_a_group_before_a_person_confirms_it(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    connection.policy = {"group_by": "event"}
    connection.save()
    answer, events = ListSource(records(10)), [(f"k{number:05}", "Fair") for number in range(10)]
    sync(answer, events=ListEvents(events))
    few = ListEvents([(key, "Gala") for key, _fair in events[:4]])
    run = sync(answer, events=few)
    assert (run.joined, run.left_groups, len(members()["Fair"])) == (4, 0, 10)
    assert list(run.problems.values_list("code", flat=True)) == ["few_events"]
    assert Issue.objects.filter(code="problem:few_events", resolved_at=None).exists()
    draft = Draft.objects.create(
        connection=connection, purpose=Purpose.CHANGE, created_by=admin, policy=connection.policy
    )
    plan = sync(answer, RunKind.DRY, draft=draft, events=few)
    assert plan.left_groups == 10
    receipt = Receipt.objects.create(
        connection=connection,
        draft=draft,
        purpose=draft.purpose,
        after=draft.settings,
        affected=10,
        rules_digest=plan.rules_digest,
        plan_digest=plan.plan_digest,
        digest="0" * 64,
        confirmed_by=admin,
    )
    run = sync(answer, receipt=receipt, events=few)
    assert (run.left_groups, len(members()["Fair"])) == (10, 0)
    assert not Issue.objects.filter(code="problem:few_events", resolved_at=None).exists()


def test_a_manager_who_is_not_here_is_a_problem_once_per_person(sync: Syncer, connection: Connection) -> None:
    connection.mapping = {"manager_id": "manager_id"}
    connection.save()
    answer = [record("boss"), record("a", manager_id="boss"), record("b", manager_id="gone"), *records(5)]
    run = sync(ListSource(answer))
    assert list(Problem.objects.filter(run=run).values_list("source_id", "code")) == [
        ("b", "manager_unknown")
    ]
    assert run.problem_count == 1
    assert sync(ListSource(answer)).problem_count == 0
    sync(ListSource(answer[1:]))
    run = sync(ListSource([*answer[1:], record("new", manager_id="boss")]))
    assert [one.source_id for one in run.problems.all()] == ["new"], "the manager has left"
    back = sync(ListSource([*answer, record("newer", manager_id="boss")]))
    assert not back.problems.exists(), "and comes back with this run"


def test_invitations_come_and_go_with_people(sync: Syncer, connection: Connection) -> None:
    connection.policy = {"invites": True, "mails": True}
    connection.save()
    run = sync(ListSource(records(20)))
    assert run.invited == 20
    one = Invitation.objects.get(person__source_id="k00000")
    assert one.mails
    assert timedelta(days=180) < one.expires_at - clock.now() < timedelta(days=185)
    assert sync(ListSource(records(20))).invited == 0
    sync(ListSource(records(19, start=1)))
    one.refresh_from_db()
    assert one.state == InvitationState.REMOVED
    assert sync(ListSource(records(20))).invited == 1
    Invitation.objects.filter(state=InvitationState.PENDING).update(state=InvitationState.ACCEPTED)
    sync(ListSource(records(19, start=1)))
    assert sync(ListSource(records(20))).invited == 0


def test_nobody_is_invited_unasked(sync: Syncer) -> None:
    assert sync(ListSource(records(5))).invited == 0
    assert not Invitation.objects.exists()


def test_a_manager_who_leaves_in_this_very_run_is_not_here(sync: Syncer, connection: Connection) -> None:
    connection.mapping = {"manager_id": "manager_id"}
    connection.save()
    sync(ListSource(records(20)))
    run = sync(ListSource([*records(19, start=1), record("new", manager_id="k00000")]))
    assert list(Problem.objects.filter(run=run).values_list("source_id", "code")) == [
        ("new", "manager_unknown")
    ]


def test_a_manager_whose_removal_is_held_is_still_here(sync: Syncer, connection: Connection) -> None:
    connection.mapping = {"manager_id": "manager_id"}
    connection.save()
    sync(ListSource(records(20)))
    run = sync(ListSource([*records(14, start=6), record("new", manager_id="k00000")]))
    assert (run.outcome, run.held) == ("held", 6)
    assert not Problem.objects.filter(run=run).exists()
    assert run.problem_count == 0
