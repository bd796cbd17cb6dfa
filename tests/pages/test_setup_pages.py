"""The set-up pages: the whole way against the sandbox, and what each step refuses, keeps and says."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Receipt,
    SetupStep,
)
from integrations.services.credentials import store_credentials
from portal.accounts.models import Company, Role, User
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.server import Running
from portal.sandbox.staff import Population
from portal.sandbox.world import World
from tests.support.pages import a_connection, page, queries_of
from tests.support.people import a_user
from tests.support.queue import drain
from tests.support.wizard import CARD, Wizard, html_values, optional_of, ticked_of

pytestmark = pytest.mark.django_db


# --- the whole way ----------------------------------------------------------------------------------------------


def test_set_up_from_the_first_step_to_the_confirmed_plan(
    wizard: Wizard, sandbox: Running, world: World, connection: Connection
) -> None:
    employed = len(world.indexes(Population.EMPLOYED))
    wizard.connect()
    assert "people read" in wizard.html("filter")
    assert DirectoryPerson.objects.count() == 0
    wizard.post("filter", {"version": wizard.draft.version, "do": "save"})
    wizard.post("map", {**wizard.form("map", "map-form"), "do": "save"})
    assert "Work the plan out" in wizard.html("plan")
    wizard.post("plan")
    drain()
    html = wizard.html("plan")
    assert f"{employed} people come in." in html
    assert "groups are made." in html
    assert f"{employed} memberships begin." in html
    assert "Nobody is invited, and no mails are sent." in html
    digest = html_values(html, "plan_digest")[0]
    wrong = wizard.send("setup_confirm", {"plan_digest": digest, "typed": str(employed + 1)})
    assert wrong.status_code == 422
    assert "not the number of people" in wrong.content.decode()
    assert not Receipt.objects.exists()
    answer = wizard.send("setup_confirm", {"plan_digest": digest, "typed": str(employed)})
    assert answer["Location"] == wizard.url("setup_step", "done")
    assert Receipt.objects.get().affected == employed
    assert "waits" in wizard.html("done") or "approved" in wizard.html("done")
    connection.refresh_from_db()
    assert connection.confirmed_at is not None
    assert DirectoryPerson.objects.count() == 0


def test_a_step_too_early_leads_to_the_one_that_comes_first(wizard: Wizard) -> None:
    assert wizard.get("plan")["Location"] == wizard.url("setup")
    wizard.begin()
    assert wizard.get("filter")["Location"] == wizard.url("setup_step", "prerequisites")
    wizard.consent()
    assert wizard.get("plan")["Location"] == wizard.url("setup_step", "authenticate")
    assert wizard.client.get(wizard.url("setup"))["Location"] == wizard.url("setup_step", "authenticate")
    assert wizard.get("nonsense").status_code == 404


def test_going_back_loses_nothing(wizard: Wizard, sandbox: Running) -> None:
    wizard.connect()
    wizard.post("filter", wizard.rule("department", "is", "Care"))
    for step in ("consent", "prerequisites"):
        wizard.html(step)
    wizard.post("prerequisites")
    assert wizard.draft.step == SetupStep.MAP
    assert wizard.draft.filter["include"][0][0]["values"] == ["Care"]
    assert 'value="Care"' in wizard.html("filter")


# --- consent and credentials ------------------------------------------------------------------------------------


def test_consent_names_what_is_read_and_what_never_is(wizard: Wizard) -> None:
    wizard.begin()
    wizard.post("prerequisites")
    wizard.post("admin", {"who": "me"})
    html = wizard.html("consent")
    assert "Work e-mail" in html
    assert "Gender" in html
    assert "Nobody is stored before" in html
    assert not {"first_name", "last_name", "work_email"} & set(optional_of(html))
    assert "department" in optional_of(html)
    assert "all fields that Personio hands out are read once, except those that are never read" in html
    assert "What you say no to is never kept and never shown." in html


def test_the_guide_and_our_addresses_are_where_the_credentials_are_entered(
    wizard: Wizard, settings: Settings
) -> None:
    settings.EGRESS_ADDRESSES = ["192.0.2.7"]
    wizard.begin()
    wizard.consent()
    html = wizard.html("authenticate")
    assert "Where this is in Personio" in html
    assert "192.0.2.7" in html


def test_a_declined_field_is_offered_nowhere_afterwards(wizard: Wizard, sandbox: Running) -> None:
    wizard.begin()
    wizard.consent(without=("department",))
    assert wizard.draft.declined == ["department"]
    wizard.post("authenticate", CREDENTIALS[CARD])
    drain()
    assert 'value="department"' not in wizard.html("filter")
    assert wizard.post("filter", wizard.rule("department", "is", "Care")).status_code == 422


@pytest.fixture
def without_departments(wizard: Wizard, sandbox: Running) -> Wizard:
    """Declined, and everything after it saved as its page shows it."""
    wizard.begin()
    wizard.consent(without=("department",))
    wizard.post("authenticate", CREDENTIALS[CARD])
    drain()
    wizard.save_rules()
    return wizard


def test_a_declined_field_stays_declined_when_what_is_read_is_agreed_to_again(
    without_departments: Wizard,
) -> None:
    wizard = without_departments
    html = wizard.html("consent")
    assert "department" in optional_of(html)
    assert "department" not in ticked_of(html)
    wizard.post("consent", {"version": wizard.draft.version, "use": ticked_of(html)})
    assert wizard.draft.declined == ["department"]
    assert "department" not in wizard.draft.rules.mapping.fields


def test_a_declined_field_can_be_allowed_again_and_is_mapped_as_before(without_departments: Wizard) -> None:
    wizard = without_departments
    wizard.consent()
    assert wizard.draft.declined == []
    origin = wizard.draft.rules.mapping.origin("department")
    assert origin is not None
    assert origin.fields == ("department",)


def test_a_field_of_their_own_that_was_declined_stays_on_the_page(without_departments: Wizard) -> None:
    draft = without_departments.draft
    draft.declined = ["custom:shift", "department"]
    draft.save(update_fields=["declined"])
    html = without_departments.html("consent")
    assert {"custom:shift", "department"} <= set(optional_of(html)) - set(ticked_of(html))


def test_what_was_read_for_the_lists_is_forgotten_when_less_is_allowed(
    wizard: Wizard, sandbox: Running
) -> None:
    wizard.connect()
    assert "people read" in wizard.html("filter")
    wizard.consent(without=("department",))
    assert "No lists here yet" in wizard.html("filter")


def test_wrong_credentials_are_told_beside_the_form_and_lead_nowhere(
    wizard: Wizard, sandbox: Running
) -> None:
    wizard.begin()
    wizard.consent()
    answer = wizard.post("authenticate", {**CREDENTIALS[CARD], "client_secret": "wrong"})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "does not accept the client ID and secret" in html
    assert "wrong" not in html.replace("does not", "").split("<main")[1].split('name="client_secret"')[1][:80]
    assert wizard.get("filter")["Location"] == wizard.url("setup_step", "authenticate")


def test_a_csm_cannot_enter_secrets_but_tests_what_is_held(
    connection: Connection, customer: User, sandbox: Running
) -> None:
    csm = Wizard(a_user(), connection)
    csm.begin()
    csm.consent()
    html = csm.html("authenticate")
    assert 'name="client_secret"' not in html
    assert "Client secret" in html
    csm.post("authenticate", CREDENTIALS[CARD])
    assert connection.credentials.count() == 0


def test_of_two_methods_the_chosen_one_says_what_is_missing_and_the_held_one_is_shown_first(
    company: Company, customer: User
) -> None:
    connection = a_connection(
        company, provider="bamboohr", state=ConnectionState.SETTING_UP, last_success_at=None
    )
    connection.credentials.all().delete()
    csm, dana = Wizard(a_user(), connection), Wizard(customer, connection)
    csm.begin()
    csm.consent()
    assert "<li>API key</li>" in csm.html("authenticate")
    assert "<li>Refresh token</li>" in csm.html("authenticate", "?method=oauth")
    half = dana.post("authenticate", {"method": "oauth", "subdomain": "riverside", "client_id": "x"})
    assert (half.status_code, "Enter the refresh token." in half.content.decode()) == (422, True)
    lead = a_user(Role.TL, "Maya Ortiz")
    store_credentials(connection, CREDENTIALS["bamboohr_oauth"], lead)
    html = csm.html("authenticate")
    assert 'name="method" value="oauth"' in html
    assert "Everything has been entered before." in html
    assert "<li>API key</li>" in csm.html("authenticate", "?method=api_key")


# --- the plan ---------------------------------------------------------------------------------------------------


def test_a_plan_goes_out_of_date_with_its_settings(wizard: Wizard, sandbox: Running) -> None:
    wizard.to_the_plan()
    digest = html_values(wizard.html("plan"), "plan_digest")[0]
    wizard.post("filter", wizard.rule("status", "is", "active"))
    wizard.post("map", {**wizard.form("map", "map-form"), "do": "save"})
    html = wizard.html("plan")
    assert "plan_digest" not in html
    answer = wizard.send("setup_confirm", {"plan_digest": digest, "typed": "33"})
    assert answer.status_code == 302
    assert not Receipt.objects.exists()


def test_a_plan_takes_as_many_queries_for_many_people(
    customer: User, connection: Connection, wizard: Wizard, sandbox: Running, world: World
) -> None:
    wizard.to_the_plan()
    few = queries_of(customer, "setup_step", connection.public_id, "plan", query="?page=2")
    many = queries_of(customer, "setup_step", connection.public_id, "plan")
    assert many == few <= 20


@pytest.mark.parametrize("step", ["filter", "map"])
def test_a_step_takes_as_many_queries_for_many_people(wizard: Wizard, sandbox: Running, step: str) -> None:
    wizard.connect()
    wizard.post("filter", {"version": wizard.draft.version, "do": "save"})
    with CaptureQueriesContext(database) as captured:
        wizard.html(step)
    assert len(captured) <= 12


# --- who may ----------------------------------------------------------------------------------------------------


def test_a_developer_looks_and_an_operator_does_not(wizard: Wizard, connection: Connection) -> None:
    wizard.begin()
    developer = a_user(Role.DEVELOPER, "Dev Elop")
    html = page(developer, "setup_step", connection.public_id, "prerequisites")
    assert "You may look at this" in html
    assert "I have this" not in html
    client = Client()
    client.force_login(developer)
    assert client.post(wizard.url("setup_step", "prerequisites")).status_code == 403
    page(a_user(Role.OPERATOR, "Op Erator"), "setup", connection.public_id, status=403)


def test_the_link_for_somebody_else_is_that_of_the_request(wizard: Wizard, connection: Connection) -> None:
    Connection.objects.update(started_by_request="REQ-7")
    wizard.begin()
    wizard.post("prerequisites")
    assert "Send them a link" in wizard.html("admin")
    answer = wizard.post("admin", {"who": "other"})
    assert answer["Location"] == reverse("setup_forward", args=[connection.public_id])
