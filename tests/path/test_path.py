"""From the first form to a connection that syncs, over HTTP on both sides, without a browser."""

from __future__ import annotations

import pytest
from django.test import Client

from integrations.models import Change, Connection, DirectoryPerson, Run
from portal.accounts.models import User
from portal.sandbox import credentials
from portal.sandbox.server import Running
from portal.sandbox.world import World
from requests_app.models import Event, Request
from tests.path import people
from tests.support import PEOPLE
from tests.support.queue import drain

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def sync(client: Client, connection: Connection) -> Run:
    assert client.post(f"/connections/{connection.public_id}/sync/").status_code == 302
    drain()
    return Run.objects.filter(connection=connection).latest("pk")


def test_adp_from_the_first_form_to_a_connection_that_syncs(csm: Client, lead: Client, world: World) -> None:
    req = people.file_request(csm, "river", "adp_workforce_now")
    assert (req.company.lms_id, str(req.company.mrr), req.company.mrr_currency) == ("48213", "4250.00", "USD")
    customer = people.fill_in_adp(csm, req, world)
    ticket = csm.get(f"/requests/{req.number}/ticket/").content.decode()
    assert "Enable HRIS ADP Workforce Now Integration for Riverside Community Health" in ticket

    assert "Needs approval" in people.move(csm, req, "submit")
    assert people.move(csm, req, "approve")
    req.refresh_from_db()
    assert req.stage == "submitted", "the one who filed it must not approve"
    people.move(lead, req, "approve")
    drain()
    req.refresh_from_db()
    assert (req.stage, req.jira_key, req.jira_status) == ("live", "INT-1", "To Do")
    connection = req.connection
    assert connection is not None
    assert connection.state == "connected"
    assert DirectoryPerson.objects.filter(connection=connection, state="active").count() == PEOPLE
    issue = world.issues["INT-1"]
    assert (
        issue["fields"]["summary"]
        == "Enable HRIS ADP Workforce Now Integration for Riverside Community Health"
    )
    assert [file["filename"] for file in issue["attachments"]] == ["consent.png"]
    given = people.adp_credentials()
    for secret in (given["client_secret"], given["private_key"].splitlines()[1]):
        assert secret not in str(issue)

    assert sync(lead, connection).change_total == 0
    world.let_go(7)
    world.rename(9, "Ottilie", "Färber")
    run = sync(customer, connection)
    assert sorted(Change.objects.filter(run=run).values_list("kind", flat=True)) == ["changed", "deactivated"]
    assert DirectoryPerson.objects.get(connection=connection, state="deactivated")
    assert DirectoryPerson.objects.get(connection=connection, last_name="Färber").first_name == "Ottilie"
    assert "MRR" not in customer.get(f"/your/{req.public_id}/").content.decode()


@pytest.mark.slow
def test_the_same_for_personio(csm: Client, lead: Client, world: World) -> None:
    req = people.file_request(csm, "northgate", "personio")
    people.answer_topic(csm, f"/requests/{req.number}/", "company", people.CSM_ANSWERS)
    customer = people.open_link(people.invite(csm, req, world))
    part = f"/your/{req.public_id}/"
    people.answer_topic(customer, part, "details", credentials.CREDENTIALS["personio"])
    people.answer_topic(customer, part, "preferences", people.PREFERENCES)
    people.set_up(customer, req)
    people.hand_back_until_live(customer, csm, lead, req)
    assert DirectoryPerson.objects.filter(connection=req.connection, state="active").count() == PEOPLE
    assert req.connection is not None
    assert sync(lead, req.connection).change_total == 0


@pytest.mark.slow
def test_a_sign_in_request_ends_in_a_tenant_that_was_checked(csm: Client, lead: Client, world: World) -> None:
    req = people.file_request(csm, "river", "microsoft_entra_id")
    customer = people.open_link(people.invite(csm, req, world))
    part, given = f"/your/{req.public_id}/", credentials.CREDENTIALS["entra"]
    people.answer_topic(customer, part, "contact", people.CONTACT)
    keys = ("tenant_domain", "application_id", "client_secret")
    people.answer_topic(customer, part, "details", {key: given[key] for key in keys})
    test_user = {"sso.test_username": "sso.test@riverside.example", "sso.test_password": "Test!pass-word-77"}
    people.answer_topic(customer, part, "test_user", test_user)
    people.answer_topic(customer, part, "preferences", {"sso.auto_creation": "true"})
    people.hand_back_until_live(customer, csm, lead, req)
    assert req.connection is not None
    findings = req.connection.checks.get().findings
    assert any(given["tenant_id"] in finding["words"] for finding in findings)
    title = "Enable SSO Microsoft Entra ID Integration for Riverside Community Health"
    assert world.issues["INT-1"]["fields"]["summary"] == title
    for secret in (given["client_secret"], test_user["sso.test_password"]):
        assert secret not in str(world.issues["INT-1"])


@pytest.mark.slow
def test_the_timeline_tells_who_did_what(csm: Client, lead: Client, world: World, sandbox: Running) -> None:
    req = people.file_request(csm, "river", "adp_workforce_now")
    people.fill_in_adp(csm, req, world)
    people.move(csm, req, "submit")
    people.move(lead, req, "approve")
    drain()
    told = list(Event.objects.filter(req=req).order_by("pk").values_list("move", flat=True))
    told = [move for move in told if move]
    set_up = ["begin_set_up", "set_up"]
    assert told == ["send_to_customer", *set_up, "hand_back", "submit", "approve", "ticket", "go_live"]
    maya = User.objects.get(name="Maya Ortiz")
    assert Request.objects.get(pk=req.pk).decided_by == maya
