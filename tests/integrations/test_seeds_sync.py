"""Seeds 002 and 003, sentence by sentence: what a sync does with people, groups and invitations, and when.

The others of their sentences stand beside what they are about: search the tests for `test_seed_00`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from integrations import catalog
from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Group,
    Invitation,
    InvitationState,
    Membership,
    PersonState,
    Problem,
    Run,
)
from integrations.provider import Kind
from integrations.services import drafts, lifecycle, local
from integrations.services.explaining import explain_person
from integrations.services.schedule import next_slot, slots_of
from portal.accounts.models import Company, User
from portal.kit.errors import NeedsPerson
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records
from tests.integrations.test_runs_groups import ListEvents
from tests.integrations.test_sources_events import body, event, scripted
from tests.support.pages import page
from tests.support.people import a_customer

pytestmark = pytest.mark.django_db

STAFFCLOUD = catalog.get("staffcloud")


@pytest.fixture
def staffcloud(connection: Connection) -> Connection:
    """The card's own filter and policy, with mails as the customer said on the request."""
    connection.provider_slug = "staffcloud"
    connection.filter = dict(STAFFCLOUD.filter)
    connection.policy = {"mails": True}
    connection.save()
    return connection


def crew(*keys: str, **more: Any) -> ListSource:
    """StaffCloud has one address of each person, and it is their own."""
    return ListSource(
        [record(key, work_email=None, personal_email=f"{key}@home.example", **more) for key in keys]
    )


def active() -> set[str]:
    return set(DirectoryPerson.objects.filter(state=PersonState.ACTIVE).values_list("source_id", flat=True))


def members() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, key in Membership.objects.values_list("group__name", "person__source_id"):
        found.setdefault(name, set()).add(key)
    return found


def pending() -> set[str]:
    rows = Invitation.objects.filter(state=InvitationState.PENDING)
    return set(rows.values_list("person__source_id", flat=True))


def at(*pairs: tuple[str, str]) -> ListEvents:
    return ListEvents(pairs)


# --- 002 ------------------------------------------------------------------------------------------------------


def test_seed_002_whoever_is_assigned_to_a_present_or_future_event_is_invited(
    sync: Syncer, staffcloud: Connection
) -> None:
    run = sync(crew("a", "b"), events=at(("a", "Fair"), ("b", "Gala")))
    assert (run.added, run.invited) == (2, 2)
    assert pending() == {"a", "b"}
    assert all(Invitation.objects.values_list("mails", flat=True))


def test_seed_002_whoever_has_only_past_events_or_none_is_skipped(
    sync: Syncer, staffcloud: Connection
) -> None:
    run = sync(crew("a", "b", "c"), events=at(("a", "Fair")))
    assert (active(), pending(), run.problem_count) == ({"a"}, {"a"}, 0)


def test_seed_002_whoever_has_no_event_any_more_is_skipped_and_still_updated(
    sync: Syncer, staffcloud: Connection
) -> None:
    sync(crew("a", "b"), events=at(("a", "Fair"), ("b", "Gala")))
    run = sync(ListSource([*crew("a", first="Renamed").people, *crew("b").people]), events=at(("b", "Gala")))
    assert (active(), members(), run.changed) == ({"a", "b"}, {"Gala": {"b"}}, 1)
    person = DirectoryPerson.objects.get(source_id="a")
    assert person.first_name == "Renamed"
    trace = explain_person(person).trace
    assert (trace.is_here, [step.ok for step in trace.steps if step.step == "filter"]) == (True, [False])


def test_seed_002_somebody_invited_is_in_their_groups_already(sync: Syncer, staffcloud: Connection) -> None:
    sync(crew("a"), events=at(("a", "Fair"), ("a", "Gala")))
    assert pending() == {"a"}
    assert members() == {"Fair": {"a"}, "Gala": {"a"}}


def test_seed_002_groups_that_do_not_exist_are_created(sync: Syncer, staffcloud: Connection) -> None:
    sync(crew("a"), events=at(("a", "Fair")))
    run = sync(crew("a"), events=at(("a", "Fair"), ("a", "Gala")))
    assert run.groups_made == 1
    assert set(Group.objects.values_list("name", flat=True)) == {"Fair", "Gala"}


def test_seed_002_after_an_event_has_finished_nobody_is_in_its_group(
    sync: Syncer, staffcloud: Connection
) -> None:
    sync(crew("a"), events=at(("a", "Fair"), ("a", "Gala")))
    sync(crew("a"), events=at(("a", "Gala")))
    assert members() == {"Gala": {"a"}}


def test_seed_002_only_a_confirmed_assignment_counts() -> None:
    said = [{"employee_id": number, "event_id": 1, "status": number} for number in range(1, 9)]
    assert [one.source_id for one in scripted(body(event(1)), body(*said))] == ["7"]


def test_seed_002_an_event_of_today_is_present_and_one_of_yesterday_is_past() -> None:
    events = (event(1, end="2026-11-22 08:00:00"), event(2, end="2026-11-21 23:00:00"))
    said = [{"employee_id": 5, "event_id": number, "status": 7} for number in (1, 2)]
    assert [one.group_key for one in scripted(body(*events), body(*said))] == ["1"]


def test_seed_002_whoever_is_deactivated_is_removed_with_the_invitation(
    sync: Syncer, staffcloud: Connection
) -> None:
    sync(crew("a", "b"), events=at(("a", "Fair"), ("b", "Fair")))
    gone = ListSource([*crew("a").people, *crew("b", status="terminated").people])
    sync(gone, events=at(("a", "Fair"), ("b", "Fair")))
    assert (active(), pending(), members()) == ({"a"}, {"a"}, {"Fair": {"a"}})


def test_seed_002_everybody_is_updated_within_twelve_hours_if_their_information_changes(
    sync: Syncer, staffcloud: Connection
) -> None:
    sync(crew("a"), events=at(("a", "Fair")))
    run = sync(crew("a", first="Renamed"), events=at(("a", "Fair")))
    assert run.changed == 1
    assert DirectoryPerson.objects.get().first_name == "Renamed"
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    slots = [one for day in (0, 1) for one in slots_of(staffcloud, noon.date() + timedelta(days=day))]
    assert max(later - earlier for earlier, later in pairwise(slots)) == timedelta(hours=12)


def test_seed_002_the_source_of_truth_overwrites_what_somebody_changed_here(
    sync: Syncer, staffcloud: Connection, admin: User
) -> None:
    source, events = crew("a"), at(("a", "Fair"))
    sync(source, events=events)
    person = DirectoryPerson.objects.get()
    local.edit_person(person, {"first_name": "Local"}, by=admin)
    sync(source, events=events)
    person.refresh_from_db()
    assert person.first_name == "Firsta"


def test_seed_002_groups_assigned_by_hand_are_overwritten(
    sync: Syncer, staffcloud: Connection, admin: User
) -> None:
    source, events = crew("a", "b"), at(("a", "Fair"), ("b", "Gala"))
    sync(source, events=events)
    fair, gala = Group.objects.get(name="Fair"), Group.objects.get(name="Gala")
    person = DirectoryPerson.objects.get(source_id="a")
    local.join(gala, person, by=admin)
    local.leave(fair, person, by=admin)
    sync(source, events=events)
    assert members() == {"Fair": {"a"}, "Gala": {"b"}}


def test_seed_002_tenant_and_token_are_what_the_client_gives() -> None:
    secret = {item.key: item.kind.value == "secret" for item in STAFFCLOUD.credentials}
    assert secret == {"tenant": False, "token": True}


def test_seed_002_staffcloud_cannot_be_used_to_sign_in() -> None:
    kinds = {card.kind for card in catalog.search("staffcloud")}
    assert kinds == {Kind.HRIS}


# --- 003 ------------------------------------------------------------------------------------------------------


def test_seed_003_without_the_plan_nothing_can_be_connected(company: Company, admin: User) -> None:
    Company.objects.update(hris_entitled=False)
    company.refresh_from_db()
    with pytest.raises(NeedsPerson) as refused:
        drafts.begin_setup(company, "personio", settings={}, mapping={}, by=admin, request_number="R")
    assert refused.value.code == "not_entitled"


def test_seed_003_a_plan_without_it_stops_the_sync_and_removes_nobody(
    company: Company, connection: Connection, sync: Syncer, admin: User
) -> None:
    sync(ListSource([record("a")]))
    lifecycle.set_entitlement(company, hris=False, several=False, by=admin)
    connection.refresh_from_db()
    assert (connection.state, connection.next_run_at) == (ConnectionState.PAUSED, None)
    assert active() == {"a"}
    german = a_customer(company)
    User.objects.filter(pk=german.pk).update(language="de")
    html = page(german, "connection_manage", connection.public_id)
    assert "Der Tarif dieser Firma enthält keine HR-Verbindungen mehr." in html


def test_seed_003_with_the_plan_back_what_it_stopped_goes_on_and_what_a_person_paused_does_not(
    company: Company, connection: Connection, admin: User
) -> None:
    lifecycle.set_entitlement(company, hris=False, several=False, by=admin)
    by_hand = Connection.objects.create(
        company=company, provider_slug="bamboohr", kind=Kind.HRIS, state=ConnectionState.PAUSED
    )
    lifecycle.set_entitlement(company, hris=True, several=False, by=admin)
    connection.refresh_from_db()
    by_hand.refresh_from_db()
    assert (connection.state, by_hand.state) == (ConnectionState.CONNECTING, ConnectionState.PAUSED)
    assert connection.runs.filter(job_state="queued").count() == 1


def test_seed_003_the_method_is_chosen_where_the_vendor_has_several() -> None:
    methods = catalog.get("bamboohr").methods
    assert len(methods) > 1
    known = {item.key for item in catalog.get("bamboohr").credentials}
    assert all(method.label and method.help and set(method.keys) <= known for method in methods)


def test_seed_003_it_syncs_once_a_day(connection: Connection) -> None:
    first = next_slot(connection, datetime(2026, 11, 22, tzinfo=UTC))
    assert next_slot(connection, first) - first == timedelta(days=1)


def test_seed_003_the_reason_of_an_error_stands_under_manage(
    company: Company, connection: Connection
) -> None:
    Connection.objects.update(state=ConnectionState.QUARANTINED, reason="The secret has expired.")
    html = page(a_customer(company), "connection_manage", connection.public_id)
    assert "Connection error" in html
    assert "The secret has expired." in html


def test_seed_003_an_edit_in_the_hr_system_changes_the_user(sync: Syncer) -> None:
    sync(ListSource([record("a", department="Care")]))
    sync(ListSource([record("a", department="Surgery")]))
    assert DirectoryPerson.objects.get().department == "Surgery"


def test_seed_003_twelve_fields_are_synced(sync: Syncer, connection: Connection) -> None:
    said = {
        "title": "Dr.",
        "job_title": "Surgeon",
        "city": "Leeds",
        "office": "Hall 3",
        "country": "United Kingdom",
        "legal_entity": "Riverside Ltd",
        "department": "Surgery",
        "first_name": "Ann",
        "last_name": "Lee",
        "manager_id": "boss",
    }
    connection.mapping = {**{name: name for name in said}, "email": "work_email", "phone": "work_phone"}
    connection.save()
    sent = {**said, "work_email": "ann@example.com", "work_phone": "0113 496"}
    sync(ListSource([{"id": "a", "status": "active", "fields": sent}, record("boss")]))
    person = DirectoryPerson.objects.get(source_id="a")
    has = {name: getattr(person, name) for name in (*said, "email", "phone")}
    assert has == {**said, "email": "ann@example.com", "phone": "0113 496"}
    assert len(has) == 12


def test_seed_003_without_a_work_email_nobody_is_synchronized_and_it_is_said(sync: Syncer) -> None:
    run = sync(ListSource([*records(3), record("x", work_email=None, personal_email="x@home.example")]))
    assert "x" not in active()
    problem = Problem.objects.get(run=run)
    assert (problem.code, problem.source_id, problem.person_name) == (
        "missing_work_email",
        "x",
        "Firstx Person",
    )


@pytest.mark.parametrize("gone", ["terminated", "absent"])
def test_seed_003_whoever_is_inactive_or_dismissed_is_removed_after_the_next_sync(
    sync: Syncer, gone: str
) -> None:
    sync(ListSource(records(10)))
    left = [record("k00009", status="terminated")] if gone == "terminated" else []
    run = sync(ListSource([*records(9), *left]))
    assert (run.deactivated, "k00009" in active()) == (1, False)
    assert DirectoryPerson.objects.get(source_id="k00009").left_because == gone


def test_seed_003_whoever_is_hired_again_reappears_with_account_and_groups(sync: Syncer) -> None:
    staff = [*records(9), record("jane", department="Care", employee_number="7")]
    sync(ListSource(staff))
    account = DirectoryPerson.objects.get(source_id="jane")
    sync(ListSource(records(9)))
    assert "jane" not in active()
    run = sync(ListSource(staff))
    again = DirectoryPerson.objects.get(source_id="jane")
    assert (run.returned, run.added) == (1, 0)
    assert (again.pk, again.public_id, again.state) == (account.pk, account.public_id, PersonState.ACTIVE)
    assert members()["Care"] == {"jane"}


def test_seed_003_after_a_disconnect_changes_in_the_hr_system_affect_nobody(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(records(3)))
    before = list(DirectoryPerson.objects.values())
    lifecycle.disconnect(connection, by=admin)
    assert Connection.objects.filter(next_run_at__isnull=False).count() == 0
    assert not Run.objects.filter(finished_at__isnull=True).exists()
    assert list(DirectoryPerson.objects.values()) == before


def test_seed_003_a_disconnect_is_asked_about_once_more(company: Company, connection: Connection) -> None:
    Connection.objects.update(state=ConnectionState.CONNECTED)
    html = page(a_customer(company), "connection_disconnect", connection.public_id)
    assert "<form" in html
    connection.refresh_from_db()
    assert connection.state == ConnectionState.CONNECTED
