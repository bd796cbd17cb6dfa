"""What follows from a plan for groups and invitations: told beforehand, a part of what is confirmed, and what happens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from integrations.engine.plan import REGROUPED
from integrations.models import (
    Change,
    Connection,
    ConnectionState,
    DirectoryPerson,
    Group,
    Invitation,
    Match,
    Membership,
    MembershipChange,
    PersonState,
    Planned,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services.confirming import affected_by
from portal.accounts.models import User
from portal.kit import clock
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record
from tests.integrations.test_runs_groups import ListEvents
from tests.integrations.test_runs_plans import a_draft, confirmed

pytestmark = pytest.mark.django_db

PLACES = ("North", "South", "")
POLICIES: Sequence[dict[str, Any]] = (
    {"group_by": "location", "invites": True},
    {"group_by": "event", "invites": True, "mails": True},
    {"group_by": ""},
    {"group_by": "department", "invites": True},
    {"absent": "keep"},
    {},
)


def following(run: Run) -> tuple[int, ...]:
    return run.groups_made, run.joined, run.left_groups, run.invited


def somebody(key: str, **more: Any) -> dict[str, Any]:
    return record(key, department="Care", location="North", **more)


@pytest.mark.parametrize("policy", POLICIES, ids=["place", "event", "none", "invited", "kept", "same"])
def test_groups_and_invitations_come_out_as_the_plan_says(
    sync: Syncer, connection: Connection, admin: User, policy: dict[str, Any]
) -> None:
    chance = random.Random(7)  # noqa: S311 - made-up people
    answer = [
        somebody(f"k{number}") | {"status": chance.choice(["active", "active", "terminated"])}
        for number in range(20)
    ]
    sync(ListSource(answer))
    upset(connection, edited=bool(policy))
    draft = a_draft(connection, admin, policy=policy)
    later = ListSource([moved(one, chance) for one in answer[3:]] + [somebody(f"n{n}") for n in range(3)])
    events = ListEvents(
        [(one["id"], chance.choice(["Fair", "Gala"])) for one in later.people if chance.random() < 0.7]
    )
    plan = sync(later, RunKind.DRY, draft=draft, events=events)
    assert plan.outcome == RunOutcome.PLANNED
    run = sync(later, receipt=confirmed(draft, plan, admin), events=events)
    kinds = {
        kind for kind in ("added", "changed", "deactivated", "returned", "matched") if getattr(run, kind)
    }
    assert len(kinds) == 5, kinds
    assert (run.outcome, run.plan_digest) == (RunOutcome.APPLIED, plan.plan_digest)
    assert (following(run), run.change_total) == (following(plan), plan.change_total)
    assert Invitation.objects.filter(mails=True).count() == plan.invited * policy.get("mails", False)
    changed = set(Change.objects.filter(run=run).values_list("source_id", flat=True))
    moving = MembershipChange.objects.filter(run=run).exclude(person__source_id__in=changed)
    named = Planned.objects.filter(run=plan, kind=REGROUPED)
    assert set(named.values_list("source_id", flat=True)) == set(
        moving.values_list("person__source_id", flat=True)
    )
    assert affected_by(plan) == run.change_total + named.count()


def moved(one: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same person as the HR system tells of them later."""
    fields = {
        **one["fields"],
        "department": chance.choice(["Care", "Law", ""]),
        "location": chance.choice(PLACES),
    }
    fields["first_name"] = chance.choice([one["fields"]["first_name"], "Renamed"])
    status = chance.choice(["active", "active", "active", "terminated"])
    return {"id": one["id"], "status": status, "fields": fields}


def upset(connection: Connection, *, edited: bool) -> None:
    """Edits by hand, invitations that are there already, and somebody of an earlier HR system with a group of theirs."""
    people = list(DirectoryPerson.objects.filter(connection=connection).order_by("pk"))
    other = Group.objects.create(
        company=connection.company, connection=connection, source="location", key="North", name="North"
    )
    Membership.objects.create(group=other, person=people[0], by_hand=True)
    Membership.objects.filter(person=people[1]).delete()
    Connection.objects.filter(pk=connection.pk).update(groups_edited=edited)
    # Somebody who is about to leave comes back under another key.
    Match.objects.create(
        connection=connection, source_id="n1", person_name="x", chosen=people[0], decided_at=clock.now()
    )
    Invitation.objects.create(person=people[5], state="accepted", expires_at="2030-01-01T00:00Z")
    out = [one.pk for one in people[5:8]]
    DirectoryPerson.objects.filter(pk__in=out).update(state=PersonState.DEACTIVATED, raw_digest="0" * 32)
    former = Connection.objects.create(
        company=connection.company, provider_slug="bamboohr", kind="hris", state=ConnectionState.DISCONNECTED
    )
    person = DirectoryPerson.objects.create(
        company=connection.company,
        connection=former,
        source_id="old",
        email="n0@example.com",
        raw_digest="0" * 32,
    )
    theirs = Group.objects.create(
        company=connection.company, connection=former, source="location", key="North", name="North"
    )
    Membership.objects.create(group=theirs, person=person)


def test_whoever_only_changes_groups_is_named_with_both_groups(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    answer = ListSource([somebody("a"), somebody("b"), somebody("c", status="terminated")])
    sync(answer)
    plan = sync(answer, RunKind.DRY, draft=a_draft(connection, admin, policy={"group_by": "location"}))
    assert (following(plan), plan.change_total, affected_by(plan)) == ((1, 2, 2, 0), 0, 2)
    told = Planned.objects.filter(run=plan).values_list("source_id", "person_name", "before", "after")
    assert set(told.values_list("source_id", "before__groups", "after__groups")) == {
        ("a", "Care", "North"),
        ("b", "Care", "North"),
    }
    assert {name for _key, name, _before, _after in told} == {"Firsta Person", "Firstb Person"}
    assert (Group.objects.count(), MembershipChange.objects.filter(run=plan).count()) == (1, 0)


def test_a_plan_whose_groups_came_out_otherwise_is_refused_and_its_number_is_another(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    connection.policy = {"group_by": ""}
    connection.save()
    answer = ListSource([somebody("a"), somebody("b")])
    sync(answer)
    draft = a_draft(connection, admin, policy={"group_by": "event"})
    plan = sync(answer, RunKind.DRY, draft=draft, events=ListEvents([("a", "Fair"), ("b", "Fair")]))
    same = sync(answer, RunKind.DRY, draft=draft, events=ListEvents([("b", "Fair"), ("a", "Fair")]))
    other = sync(answer, RunKind.DRY, draft=draft, events=ListEvents([("a", "Fair"), ("b", "Gala")]))
    assert plan.plan_digest == same.plan_digest != other.plan_digest
    run = sync(
        answer, receipt=confirmed(draft, same, admin), events=ListEvents([("a", "Fair"), ("b", "Gala")])
    )
    assert (run.outcome, run.joined, "1 person" in run.objections[0]) == (RunOutcome.HELD, 0, True)
    assert not Membership.objects.exists()


def test_invitations_are_a_part_of_the_plan_but_stop_no_first_run(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    draft = a_draft(connection, admin, policy={"group_by": "event", "invites": True, "mails": True})
    answer = ListSource([somebody("a"), somebody("b")])
    plan = sync(answer, RunKind.DRY, draft=draft, events=ListEvents([("a", "Fair")]))
    assert following(plan) == (1, 1, 0, 2)
    receipt = confirmed(draft, plan, admin)
    run = sync(answer, RunKind.FIRST, receipt=receipt, events=ListEvents([("a", "Gala"), ("b", "Gala")]))
    assert (run.outcome, following(run)) == (RunOutcome.APPLIED, (1, 2, 0, 2))
    assert run.words == "Groups or invitations came out otherwise than in the plan that was confirmed."
