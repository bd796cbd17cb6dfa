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
    RunOutcome,
)
from integrations.services.credentials import store_credentials
from portal.accounts.models import User
from portal.notices.models import By, Notice, Preference
from portal.outbox.models import Effect
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records
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
