"""The pages of connections and their credentials, as each role sees them."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import (
    Check,
    Connection,
    ConnectionState,
    Draft,
    Held,
    Issue,
    Run,
)
from integrations.queries import figures_of
from portal.accounts.models import Company, Role, User
from portal.kit.leases import JobState
from tests.support.pages import (
    HTMX,
    SECRET,
    Side,
    a_connection,
    a_run,
    a_side,
    an_open_run,
    page,
    queries_of,
    some_people,
)
from tests.support.people import a_company, a_user

pytestmark = pytest.mark.django_db


# --- the list -----------------------------------------------------------------------------------------------


def test_list_says_state_people_and_company(side: Side, lead: User) -> None:
    html = page(lead, "connection_list")
    assert "Amber Clinic" in html
    assert "Personio" in html
    assert "Connected" in html


def test_customer_sees_only_their_own_connections(side: Side) -> None:
    other = a_side("Birch")
    html = page(side.customer, "connection_list")
    assert str(side.connection.public_id) in html
    assert str(other.connection.public_id) not in html
    assert "Birch" not in html


def test_reason_of_an_error_stands_in_the_list(side: Side, lead: User) -> None:
    Connection.objects.update(state=ConnectionState.QUARANTINED, reason="The secret has expired.")
    html = page(lead, "connection_list")
    assert "Connection error" in html
    assert "The secret has expired." in html


def test_list_can_be_filtered_by_state_company_and_system(side: Side, lead: User) -> None:
    a_side("Birch")
    assert "Birch Clinic" not in page(lead, "connection_list", query="?q=amber")
    assert "Birch Clinic" in page(lead, "connection_list", query="?q=personio")
    assert "No connection matches" in page(lead, "connection_list", query="?state=quarantined")
    assert "Birch Clinic" in page(lead, "connection_list", query="?state=nonsense")


def test_what_is_paused_needs_a_look_in_its_tile_and_in_the_filter(side: Side, lead: User) -> None:
    Connection.objects.update(state=ConnectionState.PAUSED)
    assert re.search(r"<dt>Need a look</dt><dd>1</dd>.*?or paused", page(lead, "connection_list"))
    assert "Amber Clinic" in page(lead, "connection_list", query="?state=trouble")


def test_filter_by_htmx_answers_with_the_rows_alone(side: Side, lead: User) -> None:
    html = page(lead, "connection_list", query="?q=amber", htmx=True)
    assert "Amber Clinic" in html
    assert "<html" not in html


def test_list_without_connections_says_what_will_happen(lead: User) -> None:
    assert "There is no connection yet." in page(lead, "connection_list")
    assert "There is no connection yet." in page(a_user(Role.CUSTOMER_ADMIN, "New One"), "connection_list")


def test_list_takes_as_many_queries_for_twenty_as_for_one(side: Side, lead: User) -> None:
    few = queries_of(lead, "connection_list")
    for number in range(20):
        some_people(a_connection(a_company(f"Company {number}", str(number))), 2)
    assert queries_of(lead, "connection_list") == few


# --- one connection -----------------------------------------------------------------------------------------


def test_connection_shows_credentials_without_any_secret(side: Side, lead: User) -> None:
    for user in (lead, side.customer):
        html = page(user, "connection_detail", side.connection.public_id)
        assert "ends in t-99" in html
        assert "papi-42" in html
        assert "Amber Manager" in html
        assert SECRET not in html


def test_connection_shows_which_field_each_attribute_comes_from(side: Side, lead: User) -> None:
    Connection.objects.update(mapping={"email": "personal_email"})
    html = page(lead, "connection_detail", side.connection.public_id)
    assert "Personal e-mail" in html
    assert "Work e-mail" not in html


def test_error_says_why_and_what_to_do(side: Side) -> None:
    Connection.objects.update(
        state=ConnectionState.QUARANTINED, reason="Personio does not accept the secret."
    )
    html = page(side.customer, "connection_detail", side.connection.public_id)
    assert "Personio does not accept the secret." in html
    assert "Nobody was changed by this." in html
    assert "Sync now" in html


def test_open_run_is_followed_instead_of_started_again(side: Side, lead: User) -> None:
    run = an_open_run(side.connection)
    html = page(lead, "connection_detail", side.connection.public_id)
    assert reverse("connection_status", args=[side.connection.public_id]) in html
    assert reverse("run_detail", args=[run.public_id]) in html
    assert "93 of 250 people read" in html
    assert "Sync now" not in html


def test_idle_connection_is_not_polled(side: Side, lead: User) -> None:
    assert 'hx-trigger="every' not in page(lead, "connection_detail", side.connection.public_id)


def test_status_polls_while_it_runs_and_then_asks_for_the_whole_page(side: Side, lead: User) -> None:
    run = an_open_run(side.connection)
    client = Client()
    client.force_login(lead)
    address = reverse("connection_status", args=[side.connection.public_id])
    running = client.get(address, headers=HTMX)
    assert b'hx-trigger="every 2s"' in running.content
    assert b"<html" not in running.content
    assert "HX-Refresh" not in running
    Run.objects.filter(pk=run.pk).update(job_state=JobState.DONE, finished_at=timezone.now())
    done = client.get(address, headers=HTMX)
    assert b"hx-get" not in done.content
    assert done["HX-Refresh"] == "true"


def test_history_is_drawn_and_told_in_numbers(side: Side, lead: User) -> None:
    a_run(side.connection, changed=3, deactivated=2)
    html = page(lead, "connection_detail", side.connection.public_id)
    assert "0 added, 3 changed, 2 deactivated" in html
    assert html.count("<rect") >= 3


def test_connection_takes_as_many_queries_for_many_runs(side: Side, lead: User) -> None:
    few = queries_of(lead, "connection_detail", side.connection.public_id)
    for _ in range(14):
        a_run(side.connection, asked_by=lead, added=2)
    some_people(side.connection, 30, start=10)
    assert queries_of(lead, "connection_detail", side.connection.public_id) == few


def test_sync_now_twice_is_one_run(side: Side) -> None:
    client = Client()
    client.force_login(side.customer)
    address = reverse("connection_sync", args=[side.connection.public_id])
    first, second = client.post(address), client.post(address)
    run = Run.objects.get(job_state=JobState.QUEUED)
    assert first["Location"] == second["Location"] == reverse("run_detail", args=[run.public_id])


def test_sync_during_somebody_elses_run_says_so_and_starts_nothing(side: Side, lead: User) -> None:
    an_open_run(side.connection, asked_by=lead)
    client = Client()
    client.force_login(side.customer)
    answer = client.post(reverse("connection_sync", args=[side.connection.public_id]), follow=True)
    assert "already running" in answer.content.decode()
    assert Run.objects.count() == 2


def test_paused_connection_cannot_be_synced(side: Side, lead: User) -> None:
    Connection.objects.update(state=ConnectionState.PAUSED)
    assert "Sync now" not in page(lead, "connection_detail", side.connection.public_id)
    client = Client()
    client.force_login(lead)
    answer = client.post(reverse("connection_sync", args=[side.connection.public_id]), follow=True)
    assert "is paused" in answer.content.decode()
    assert Run.objects.count() == 1


def test_what_waits_for_somebody_is_on_top_with_the_way_to_it(side: Side, lead: User) -> None:
    Held.objects.create(run=side.run, person=side.person, why="absent")
    Draft.objects.create(connection=side.connection, purpose="setup", step="map", created_by=side.customer)
    Issue.objects.create(
        connection=side.connection, code="failing", words="It fails again and again.", count=4
    )
    Issue.objects.create(connection=side.connection, code="problem:bad_date", words="A date.", count=7)
    html = page(side.customer, "connection_detail", side.connection.public_id)
    assert "1 removal is held" in html
    assert reverse("holds_detail", args=[side.connection.public_id]) in html
    assert "Go on setting up" in html
    assert reverse("setup", args=[side.connection.public_id]) in html
    assert "It fails again and again." in html
    assert "It happened 4 times." in html
    assert "It is about 7 people." in html
    Held.objects.all().delete()
    assert "removal is held" not in page(side.customer, "connection_detail", side.connection.public_id)


def test_filter_and_steps_of_the_mapping_are_told_in_words(side: Side, lead: User) -> None:
    Connection.objects.update(
        filter={
            "include": [[{"field": "department", "op": "one_of", "values": ["Care", "Surgery"]}]],
            "exclude": [[{"field": "country", "op": "empty", "values": []}]],
        },
        mapping={"email": {"from": ["work_email"], "steps": [{"do": "case", "how": "lower"}], "when": "new"}},
    )
    html = page(lead, "connection_detail", side.connection.public_id)
    assert "Department is one of “Care”, “Surgery”" in html
    assert "Country is empty" in html
    assert "in small letters" in html
    assert "only when somebody is new" in html


def test_groups_from_an_attribute_that_comes_from_nothing_are_told_as_such(side: Side, lead: User) -> None:
    html = page(lead, "connection_detail", side.connection.public_id)
    assert "Groups come from “Department”." in html
    Connection.objects.update(mapping={"department": ""})
    html = page(lead, "connection_detail", side.connection.public_id)
    assert "Groups come from “Department”, but no field is mapped to it" in html


def test_counts_of_the_connection_are_its_own(side: Side, lead: User) -> None:
    birch = a_side("Birch")
    some_people(birch.connection, 7, start=20)
    some_people(side.connection, 2, start=20)
    assert figures_of(side.connection) == {
        "people": 3,
        "groups": 1,
        "invitations": 0,
        "held": 0,
        "matches": 1,
    }


def test_trouble_is_surfaced_at_the_top_the_worst_first(side: Side, lead: User) -> None:
    birch = a_side("Birch")
    Connection.objects.filter(pk=side.connection.pk).update(
        state=ConnectionState.DEGRADED, reason="Look here."
    )
    Connection.objects.filter(pk=birch.connection.pk).update(
        state=ConnectionState.QUARANTINED, reason="It broke."
    )
    html = page(lead, "connection_list").split('class="tiles"')[0]
    assert html.index("It broke.") < html.index("Look here.")
    only = page(lead, "connection_list", query="?state=trouble", htmx=True)
    assert "Amber Clinic" in only
    assert "No connection matches" in page(lead, "connection_list", query="?kind=sso", htmx=True)


def test_new_integrations_lead_staff_to_a_request_and_tell_customers_what_to_ask(
    side: Side, lead: User
) -> None:
    html = page(lead, "connection_new", query="?q=bamboo", htmx=True)
    assert f"{reverse('request_new')}?provider=bamboohr" in html
    assert "personio" not in html
    html = page(side.customer, "connection_new")
    assert reverse("connection_detail", args=[side.connection.public_id]) in html
    assert "We will ask you for:" in html
    assert reverse("request_new") not in html


def test_a_plan_without_hr_systems_says_so_to_the_customer(side: Side) -> None:
    assert "Your plan does not include" not in page(side.customer, "connection_list")
    Company.objects.filter(pk=side.company.pk).update(hris_entitled=False)
    for name in ("connection_list", "connection_new"):
        assert "Your plan does not include" in page(side.customer, name)


# --- sign-in connections ------------------------------------------------------------------------------------


@pytest.fixture
def sign_in(side: Side) -> Connection:
    return a_connection(side.company, provider="microsoft_entra_id", kind="sso", last_success_at=None)


def test_findings_of_a_check_are_shown_step_by_step(sign_in: Connection, lead: User) -> None:
    findings = [
        {"step": "o1", "ok": True, "words": "What was entered has the right form."},
        {"step": "o4", "ok": False, "words": "We cannot find this organisation."},
    ]
    Check.objects.create(connection=sign_in, job_state=JobState.DONE, ok=False, findings=findings)
    html = page(lead, "connection_detail", sign_in.public_id)
    assert html.index("Right</span>") < html.index("What was entered has the right form.")
    assert html.index("Wrong</span>") < html.index("We cannot find this organisation.")
    assert "Check again" in html
    assert "Sync now" not in html


def test_check_again_twice_is_one_check(sign_in: Connection, lead: User) -> None:
    client = Client()
    client.force_login(lead)
    for _ in range(2):
        answer = client.post(reverse("connection_sync", args=[sign_in.public_id]))
        assert answer["Location"] == reverse("connection_detail", args=[sign_in.public_id])
    assert Check.objects.count() == 1
    assert "A check is going on" in page(lead, "connection_detail", sign_in.public_id)


def test_the_rules_name_the_field_of_the_address_and_count_in_the_singular(side: Side) -> None:
    table = {"from": ["city"], "steps": [{"do": "lookup", "table": {"London": "Leeds"}}]}
    Connection.objects.update(mapping={"email": "personal_email", "city": table})
    html = page(side.customer, "connection_detail", side.connection.public_id)
    assert "Without “Personal e-mail”, a person is skipped and named among the problems." in html
    assert "translated by a table of 1 value" in html
    assert "1 values" not in html
