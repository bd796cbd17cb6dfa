"""Seeds 001 and 004, sentence by sentence: the set-up of an HR connection, and what is done with it afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integrations import catalog, queries
from integrations.engine.rules import Rules
from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Membership,
    PersonState,
    PreviewPage,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.people import Person, Status
from integrations.provider import Kind
from integrations.queries import PeopleFilter
from integrations.services import drafts, lifecycle
from integrations.services.connections import sync_now
from integrations.services.credentials import connection_settings
from integrations.services.starts import SYNC_RUN
from integrations.services.states import tile
from integrations.signals import CONNECTED, connection_news
from integrations.sources.blocking import blocked, is_sensitive
from portal.accounts.models import Company, User
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson
from portal.outbox.models import Effect
from tests.integrations.conftest import CARD
from tests.integrations.sources import ListSource, record
from tests.support.confirmed import confirmed, connected, people_from, planned, ready
from tests.support.pages import page
from tests.support.people import a_customer

pytestmark = pytest.mark.django_db

CARE = {"include": [[{"field": "department", "op": "is", "values": ["Care"]}]], "exclude": []}
STAFF = [
    *(record(f"c{number}", department="Care") for number in range(8)),
    *(record(f"s{number}", department="Surgery") for number in range(2)),
]


def go(connection: Connection, source: ListSource) -> Run:
    """The worker takes the run that waits."""
    run = Run.objects.filter(connection=connection).exclude(kind=RunKind.DRY).latest("pk")
    with people_from(source):
        queue.run_job(SYNC_RUN, run.pk)
    run.refresh_from_db()
    connection.refresh_from_db()
    return run


def running(company: Company, by: User, staff: list[dict[str, Any]] = STAFF, **parts: Any) -> Connection:
    """Set up, approved, and past its first run."""
    source = ListSource(staff)
    connection = connected(company, CARD, by=by, source=source, **parts)
    assert go(connection, source).outcome == RunOutcome.APPLIED
    return connection


def active(company: Company) -> set[str]:
    people = DirectoryPerson.objects.filter(company=company, state=PersonState.ACTIVE)
    return set(people.values_list("source_id", flat=True))


# --- 001: before the set-up, and in it ------------------------------------------------------------------------


def test_seed_001_administrative_rights_in_the_hr_system_are_asked_for_first(
    company: Company, admin: User
) -> None:
    assert all(card.prerequisites for card in catalog.providers(Kind.HRIS))
    draft = drafts.begin_setup(company, CARD, settings={}, mapping={}, by=admin, request_number="R")
    html = page(a_customer(company), "setup_step", draft.connection.public_id, "prerequisites")
    assert all(one in html for one in catalog.get(CARD).prerequisites)


def test_seed_001_the_hr_system_is_found_in_a_list(company: Company) -> None:
    html = page(a_customer(company), "connection_new")
    assert all(card.name in html for card in catalog.providers(Kind.HRIS))
    found = page(a_customer(company, "other@riverside.example"), "connection_new", query="?q=bamb", htmx=True)
    assert "BambooHR" in found
    assert "Personio" not in found


def test_seed_001_only_filtered_people_are_provisioned_and_nobody_else_is_stored_in_any_way(
    company: Company, admin: User
) -> None:
    connection = running(company, admin, filter=CARE)
    assert active(company) == {f"c{number}" for number in range(8)}
    assert not DirectoryPerson.objects.filter(source_id__startswith="s").exists()
    rows = [queryset.values() for queryset in (connection.runs.all(), DirectoryPerson.objects.all())]
    assert "Firsts0" not in str([list(one) for one in rows])
    assert not PreviewPage.objects.exists()


def test_seed_001_nothing_personal_is_stored_before_the_filter_is_confirmed(
    company: Company, admin: User
) -> None:
    draft = drafts.begin_setup(company, CARD, settings={}, mapping={}, by=admin, request_number="R")
    ready(draft, by=admin, source=ListSource(STAFF))
    assert not DirectoryPerson.objects.exists()
    assert not PreviewPage.objects.exists()


def test_seed_001_the_window_may_be_closed_during_the_first_sync(company: Company, admin: User) -> None:
    source = ListSource(STAFF)
    connection = connected(company, CARD, by=admin, source=source)
    assert tile(connection).label == "Connecting"
    assert "Connecting" in page(admin, "connection_detail", connection.public_id)
    go(connection, source)
    assert tile(connection).label == "Connected"
    assert len(active(company)) == 10


def test_seed_001_attributes_are_mapped_by_default_and_the_mapping_can_be_changed_at_any_time(
    company: Company, admin: User
) -> None:
    connection = running(company, admin)
    person = DirectoryPerson.objects.get(source_id="c0")
    assert (person.first_name, person.department) == ("Firstc0", "Care")
    confirmed(connection, by=admin, source=ListSource(STAFF), mapping={"city": "department"})
    assert go(connection, ListSource(STAFF)).outcome == RunOutcome.APPLIED
    person.refresh_from_db()
    assert person.city == "Care"


def test_seed_001_once_saved_the_data_updates_automatically(company: Company, admin: User) -> None:
    connection = running(company, admin)
    assert connection.next_run_at is not None
    assert clock.now() < connection.next_run_at <= clock.now() + timedelta(days=1)


def test_seed_001_changes_apply_only_after_they_are_saved(company: Company, admin: User) -> None:
    connection = running(company, admin)
    before = connection.rules.digest
    draft = planned(connection, by=admin, source=ListSource(STAFF), filter=CARE)
    connection.refresh_from_db()
    assert (connection.rules.digest, len(active(company))) == (before, 10)
    drafts.withdraw(draft, by=admin)
    connection.refresh_from_db()
    assert connection.rules.digest == before


# --- 001: afterwards ------------------------------------------------------------------------------------------


def test_seed_001_people_outside_an_adjusted_filter_are_removed_and_it_is_said_before(
    company: Company, admin: User
) -> None:
    connection = running(company, admin)
    draft = planned(connection, by=admin, source=ListSource(STAFF), filter=CARE)
    assert draft.plan is not None
    assert draft.plan.deactivated == 2
    assert set(draft.plan.planned.values_list("source_id", flat=True)) >= {"s0", "s1"}
    confirmed(draft, by=admin, source=ListSource(STAFF))
    go(connection, ListSource(STAFF))
    assert active(company) == {f"c{number}" for number in range(8)}


def test_seed_001_reauthorising_refreshes_the_credentials_and_keeps_the_connection(
    company: Company, admin: User
) -> None:
    connection = running(company, admin)
    runs = connection.runs.count()
    new = {"client_id": "papi-new", "client_secret": "another-secret-value"}
    confirmed(connection, by=admin, source=ListSource(STAFF), settings=new)
    go(connection, ListSource(STAFF))
    assert connection_settings(connection) == new
    assert connection.runs.count() > runs
    assert (Connection.objects.count(), len(active(company))) == (1, 10)


def test_seed_001_disconnecting_removes_the_connection(company: Company, admin: User) -> None:
    connection = running(company, admin)
    lifecycle.disconnect(connection, by=admin)
    assert connection.state == ConnectionState.DISCONNECTED
    assert not connection.credentials.exists()
    with pytest.raises(NeedsPerson):
        lifecycle.resume(connection, by=admin)


def test_seed_001_the_department_is_the_attribute_for_grouping(company: Company, admin: User) -> None:
    running(company, admin)
    groups = dict(Membership.objects.values_list("person__source_id", "group__name"))
    assert groups == {one["id"]: one["fields"]["department"] for one in STAFF}


def test_seed_001_another_attribute_can_be_chosen_for_grouping(company: Company, admin: User) -> None:
    staff = [record("a", location="Leeds", department="Care"), record("b", location="York")]
    connection = running(company, admin, staff)
    source = ListSource(staff)
    confirmed(connection, by=admin, source=source, policy={"group_by": "last_name"})
    go(connection, source)
    assert set(Membership.objects.values_list("group__name", flat=True)) == {"Person"}


def test_seed_001_custom_attributes_can_stand_for_email_and_department() -> None:
    rules = Rules.of(
        {**catalog.get(CARD).mapping, "email": "custom.login", "department": "custom.cost_centre"}
    )
    fields = {"custom.login": "Jane@Example.com", "custom.cost_centre": "4711 Ward"}
    found = rules.mapping.apply(Person("1", Status.ACTIVE, fields)).attributes
    assert found is not None
    assert (found["email"], found["department"]) == ("jane@example.com", "4711 Ward")


def test_seed_001_only_one_hr_connection_is_active_until_it_is_disconnected(
    company: Company, admin: User
) -> None:
    connection = running(company, admin)

    def switch() -> str:
        draft = drafts.begin_setup(company, "bamboohr", settings={}, mapping={}, by=admin, request_number="R")
        return draft.connection.provider_slug

    with pytest.raises(NeedsPerson) as refused:
        switch()
    assert refused.value.code == "other_connection"
    assert "Disconnect" in refused.value.sentence
    lifecycle.disconnect(connection, by=admin)
    assert switch() == "bamboohr"


# --- 004 ------------------------------------------------------------------------------------------------------


def test_seed_004_the_integrations_page_lists_what_is_active_in_every_category(
    company: Company, admin: User
) -> None:
    running(company, admin)
    Connection.objects.create(
        company=company, provider_slug="microsoft_entra_id", kind="sso", state=ConnectionState.CONNECTED
    )
    html = page(a_customer(company), "connection_list")
    assert "Personio" in html
    assert "Microsoft Entra ID" in html


def test_seed_004_several_systems_may_serve_different_divisions(company: Company, admin: User) -> None:
    Company.objects.update(several_connections=True)
    company.refresh_from_db()
    first = running(company, admin)
    other = [record("x1", work_email="x1@example.com"), record("c0", work_email="c0@example.com")]
    source = ListSource(other)
    second = connected(company, "bamboohr", by=admin, source=source)
    go(second, source)
    assert set(second.people.values_list("source_id", flat=True)) == {"x1"}
    assert first.people.get(source_id="c0").state == PersonState.ACTIVE
    refused = second.runs.latest("pk").problems.filter(source_id="c0")
    assert list(refused.values_list("code", flat=True)) == ["owned_elsewhere"]


def test_seed_004_connecting_begins_with_a_search_and_a_press_on_the_system(company: Company) -> None:
    html = page(a_customer(company), "connection_list")
    assert "connections/new/" in html
    assert 'type="search"' in page(a_customer(company, "o@riverside.example"), "connection_new")


def test_seed_004_the_permissions_are_shown_before_anything_is_asked(company: Company, admin: User) -> None:
    draft = drafts.begin_setup(company, CARD, settings={}, mapping={}, by=admin, request_number="R")
    draft = drafts.go_to(draft, "consent") or draft
    html = page(a_customer(company), "setup_step", draft.connection.public_id, "consent")
    assert all(words in html for words in ("Work e-mail", "Department", "Gender", "Ethnicity"))


@pytest.mark.parametrize(
    "name",
    ["ssn", "socialSecurityNumber", "gender", "ethnicity", "dateOfBirth", "annualSalary", "homeAddress"],
)
def test_seed_004_sensitive_details_are_explicitly_blocked(name: str) -> None:
    assert is_sensitive(name)
    assert name not in blocked({name: "secret", "department": "Care"})


def test_seed_004_subdomain_and_key_are_what_sage_hr_asks_for() -> None:
    assert [item.key for item in catalog.get("sage_hr").credentials] == ["subdomain", "api_key"]


def test_seed_004_everybody_concerned_hears_once_when_the_first_sync_is_done(
    company: Company, admin: User
) -> None:
    dana = a_customer(company)
    heard: list[str] = []

    def listen(sender: object, *, news: str, **_: Any) -> None:
        heard.append(news)

    connection_news.connect(listen)
    try:
        connection = running(company, admin)
        sync_now(connection, admin)
        go(connection, ListSource(STAFF))
    finally:
        connection_news.disconnect(listen)
    assert heard == [CONNECTED]
    assert tile(connection).tone == "good"
    mails = Effect.objects.filter(kind="mail.send", payload__template="synced").order_by("pk")
    assert [mail.payload["to"] for mail in mails] == [[dana.email], [admin.email]]
    assert {mail.payload["context"]["people"] for mail in mails} == {len(STAFF)}


def test_seed_004_the_staff_can_be_searched_and_filtered(company: Company, admin: User) -> None:
    today = clock.now().date()
    staff = [
        record("boss", first="Bea", department="Care", hired_on="2010-01-01"),
        record(
            "new", first="Nia", department="Care", hired_on=str(today - timedelta(days=9)), manager_id="boss"
        ),
        record("old", first="Odo", department="Surgery", hired_on="2015-01-01", manager_id="boss"),
    ]
    running(company, admin, staff)

    def found(**chosen: Any) -> set[str]:
        return set(queries.staff_of(company, PeopleFilter(**chosen)).values_list("first_name", flat=True))

    assert found(text="odo") == {"Odo"}
    assert found(department="Care") == {"Bea", "Nia"}
    assert found(manager="Bea") == {"Nia", "Odo"}
    assert found(since=today - timedelta(days=30)) == {"Nia"}
    html = page(a_customer(company), "directory", query="?q=nia")
    assert "Nia" in html
    assert "Odo" not in html
