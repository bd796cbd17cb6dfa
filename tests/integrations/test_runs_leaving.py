"""Who leaves, who is kept, and which removals wait for a person."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Held,
    HeldState,
    PersonState,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services.credentials import store_credentials
from integrations.services.held_news import tell_of_held
from portal.accounts.models import Company, Role, User
from portal.notices.models import By, Notice, Preference
from portal.outbox.models import Effect
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records
from tests.integrations.test_runs_plans import a_draft, confirmed
from tests.support.people import a_customer

pytestmark = pytest.mark.django_db

ONLY_SALES = {"include": [[{"field": "department", "op": "is", "values": ["Sales"]}]]}


def sales(key: str, **more: Any) -> dict[str, Any]:
    return record(key, **{"department": "Sales", **more})


STAYING = [sales(f"s{number}") for number in range(20)]
WAYS = {
    "terminated": [sales("one", status="terminated")],
    "absent": [],
    "outside": [sales("one", department="Law")],
}


def one() -> DirectoryPerson:
    return DirectoryPerson.objects.get(source_id="one")


def waiting() -> dict[str, str]:
    return dict(Held.objects.filter(state=HeldState.WAITING).values_list("person__source_id", "why"))


@pytest.fixture
def filtered(connection: Connection) -> Connection:
    connection.filter = ONLY_SALES
    connection.save()
    return connection


@pytest.mark.parametrize("why", WAYS)
def test_three_ways_of_leaving_are_told_apart_and_each_can_be_switched_off(
    sync: Syncer, filtered: Connection, why: str
) -> None:
    sync(ListSource([*STAYING, sales("one")]))
    filtered.policy = {why: "keep"}
    filtered.save()
    assert sync(ListSource([*STAYING, *WAYS[why]])).deactivated == 0
    assert one().state == PersonState.ACTIVE
    filtered.policy = {}
    filtered.save()
    assert sync(ListSource([*STAYING, *WAYS[why]])).deactivated == 1
    assert (one().state, one().left_because) == (PersonState.DEACTIVATED, why)
    assert sync(ListSource([*STAYING, sales("one")])).returned == 1
    assert (one().state, one().left_because) == (PersonState.ACTIVE, "")


@pytest.mark.parametrize("why", WAYS)
def test_protected_people_never_leave(sync: Syncer, filtered: Connection, why: str) -> None:
    sync(ListSource([*STAYING, sales("one")]))
    DirectoryPerson.objects.filter(source_id="one").update(protected=True)
    assert sync(ListSource([*STAYING, *WAYS[why]])).deactivated == 0
    assert one().state == PersonState.ACTIVE


@pytest.mark.parametrize("why", WAYS)
def test_a_rejected_removal_is_not_asked_again_until_the_person_was_back(
    sync: Syncer, filtered: Connection, why: str
) -> None:
    sync(ListSource([*STAYING, sales("one")]))
    DirectoryPerson.objects.filter(source_id="one").update(kept=why)
    gone = ListSource([*STAYING, *WAYS[why]])
    assert (sync(gone).deactivated, sync(gone).deactivated, one().kept) == (0, 0, why)
    sync(ListSource([*STAYING, sales("one")]))
    assert one().kept == ""
    assert sync(gone).deactivated == 1


@pytest.mark.parametrize(
    ("kept", "why"), [("outside", "terminated"), ("outside", "absent"), ("terminated", "absent")]
)
def test_a_removal_rejected_for_one_reason_shields_from_no_other(
    sync: Syncer, filtered: Connection, kept: str, why: str
) -> None:
    sync(ListSource([*STAYING, sales("one")]))
    DirectoryPerson.objects.filter(source_id="one").update(kept=kept)
    assert sync(ListSource([*STAYING, *WAYS[why]])).deactivated == 1
    assert one().left_because == why


@pytest.mark.parametrize("because", ["policy", "kept", "protected"])
def test_whoever_stays_although_outside_the_filter_is_up_to_date(
    sync: Syncer, filtered: Connection, because: str
) -> None:
    sync(ListSource([*STAYING, sales("one")]))
    filtered.policy = {"outside": "keep" if because == "policy" else "deactivate"}
    filtered.save()
    was = {"kept": "outside" if because == "kept" else "", "protected": because == "protected"}
    DirectoryPerson.objects.filter(source_id="one").update(**was)
    run = sync(ListSource([*STAYING, record("one", first="Renamed", department="Law")]))
    assert (run.changed, run.deactivated) == (1, 0)
    assert (one().first_name, one().kept, one().protected) == ("Renamed", *was.values())


def test_a_list_that_lost_most_of_its_people_removes_nobody_until_a_person_has_confirmed_it(
    sync: Syncer, filtered: Connection, admin: User
) -> None:
    few, others = [sales(f"s{number}") for number in range(8)], records(40)
    sync(ListSource([*few, *others]))
    shrunken = ListSource([*few[:3], *others[:12]])
    run = sync(shrunken)
    assert (run.outcome, run.deactivated, filtered.reason_code) == (RunOutcome.HELD, 0, "shrunken_answer")
    draft = a_draft(filtered, admin, filter=ONLY_SALES)
    plan = sync(shrunken, RunKind.DRY, draft=draft)
    assert (plan.outcome, plan.deactivated) == (RunOutcome.PLANNED, 5)
    run = sync(shrunken, receipt=confirmed(draft, plan, admin))
    assert (run.outcome, run.deactivated) == (RunOutcome.APPLIED, 5)
    assert sync(shrunken).outcome == RunOutcome.APPLIED, "that is the list to compare with from now on"


def test_keeping_the_missing_does_not_hide_another_organisation(sync: Syncer, connection: Connection) -> None:
    sync(ListSource(records(20)))
    connection.policy = {"absent": "keep"}
    connection.save()
    run = sync(ListSource([record(f"stranger{number}") for number in range(20)]))
    assert (run.outcome, run.change_total) == (RunOutcome.HELD, 0)
    assert (connection.state, connection.reason_code) == (ConnectionState.QUARANTINED, "other_organisation")


@pytest.mark.parametrize("reauthorised", [False, True])
def test_a_company_of_three_may_exchange_everybody_but_not_with_new_credentials(
    sync: Syncer, connection: Connection, admin: User, reauthorised: bool
) -> None:
    store_credentials(connection, {"client_id": "one", "client_secret": "first"}, admin)
    sync(ListSource(records(3)))
    if reauthorised:
        store_credentials(connection, {"client_secret": "second"}, admin)
    run = sync(ListSource([record(f"stranger{number}") for number in range(3)]))
    if reauthorised:
        assert (run.change_total, connection.reason_code) == (0, "other_organisation")
    else:
        assert (run.added, run.deactivated, connection.state) == (3, 3, ConnectionState.CONNECTED)


def test_the_customers_admins_are_mailed_once_while_removals_wait_and_only_if_they_want(
    sync: Syncer, connection: Connection
) -> None:
    dana = a_customer(connection.company)
    kim = a_customer(connection.company, "kim@riverside.example")
    Preference.objects.create(user=kim, kind="held", by=By.NEVER)
    everybody, some = ListSource(records(20)), ListSource(records(13))
    for answer in (everybody, some, some, everybody, some):
        sync(answer)
    first, second = Effect.objects.filter(kind="mail.send", payload__template="held").order_by("pk")
    assert (first.payload["to"], second.payload["to"]) == ([dana.email], [dana.email])
    told = first.payload["context"]
    assert (told["number"], told["link"].endswith(f"/connections/{connection.public_id}/held/")) == (7, True)


def test_our_people_who_look_after_the_connection_hear_of_held_removals_once(
    sync: Syncer, connection: Connection, admin: User, company: Company
) -> None:
    leads = [User.objects.create_user(f"{name}@example.com", role=Role.TL) for name in ("ada", "bo")]
    User.objects.create_user("other@example.com", role=Role.CSM)

    def told(by: User | None, asked: User | None) -> list[User]:
        Notice.objects.all().delete()
        Connection.objects.filter(pk=connection.pk).update(created_by=by)
        connection.refresh_from_db()
        run = Run.objects.create(connection=connection, kind=RunKind.MANUAL, asked_by=asked, job_state="done")
        tell_of_held(run, connection, 7)
        return [one.user for one in Notice.objects.filter(kind="held").order_by("user")]

    assert told(None, None) == leads
    assert told(a_customer(company), leads[0]) == leads
    assert told(admin, admin) == [admin]
    assert told(admin, leads[1]) == sorted([admin, leads[1]], key=lambda one: one.pk)


def test_held_removals_are_listed_by_name_and_asked_afresh_by_each_run(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    Connection.objects.filter(pk=connection.pk).update(created_by=admin)
    sync(ListSource(records(20)))
    gone = [record(f"k{number:05}", status="terminated") for number in range(4)]
    run = sync(ListSource([*gone, *records(13, start=7)]))
    assert (run.outcome, run.held, run.deactivated) == (RunOutcome.HELD, 7, 0)
    expected = {f"k{number:05}": "terminated" if number < 4 else "absent" for number in range(7)}
    assert waiting() == expected
    assert connection.state == ConnectionState.DEGRADED
    notice = Notice.objects.get(user=admin, kind="held")
    assert "7 people" in notice.words
    again = sync(ListSource([*gone, *records(13, start=7)]))
    assert (again.held, waiting()) == (7, expected)
    assert Held.objects.filter(run=run, state=HeldState.SUPERSEDED).count() == 7
    assert sync(ListSource(records(20))).outcome == RunOutcome.APPLIED
    assert waiting() == {}


def test_removals_that_wait_are_forgotten_by_no_broken_answer(sync: Syncer) -> None:
    sync(ListSource(records(20)))
    sync(ListSource(records(13)))
    assert len(waiting()) == 7
    assert sync(ListSource([])).outcome == RunOutcome.HELD
    assert len(waiting()) == 7


@pytest.mark.parametrize("people", [5, 20, 200])
def test_new_credentials_of_another_organisation_bring_nobody_in_whatever_the_filter_lets_through(
    sync: Syncer, filtered: Connection, admin: User, people: int
) -> None:
    store_credentials(filtered, {"client_id": "one", "client_secret": "first"}, admin)
    sync(ListSource([sales(f"k{number}") for number in range(people)], size=100))
    store_credentials(filtered, {"client_secret": "second"}, admin)
    strangers = [
        record(f"stranger{number}", department="Law" if number % 4 else "Sales")
        for number in range(people * 4)
    ]
    run = sync(ListSource(strangers, size=100))
    assert (run.change_total, run.held, filtered.reason_code) == (0, 0, "other_organisation")


def test_who_is_kept_although_missing_stops_no_sync_however_many_they_become(
    sync: Syncer, connection: Connection
) -> None:
    connection.policy = {"absent": "keep"}
    connection.save()
    for month in range(10):
        assert sync(ListSource(records(20, start=4 * month))).outcome == RunOutcome.APPLIED
    assert DirectoryPerson.objects.filter(state="active").count() == 20 + 9 * 4
