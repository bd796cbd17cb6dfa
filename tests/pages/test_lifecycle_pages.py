"""The pages on which people look after a connection: manage, schedule, disconnect, issues, invitations, the plan."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import cast

import pytest
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from integrations.models import (
    Connection,
    ConnectionState,
    Credential,
    DirectoryPerson,
    Invitation,
    InvitationState,
    Issue,
    Run,
    RunKind,
)
from integrations.services import connections
from integrations.services.issues import raise_issue
from integrations.services.schedule import slots_of
from portal.accounts.models import Company, Role, User
from portal.audit.models import Entry
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from tests.support.pages import Side, a_side, page, queries_of, some_people
from tests.support.people import a_user

pytestmark = pytest.mark.django_db


def post(user: User, name: str, *args: object, **fields: str) -> HttpResponse:
    client = Client()
    client.force_login(user)
    return cast(HttpResponse, client.post(reverse(name, args=args), fields))


def fresh(side: Side) -> Connection:
    return Connection.objects.get(pk=side.connection.pk)


def invite(person: DirectoryPerson, **values: object) -> Invitation:
    return Invitation.objects.create(
        person=person, **{"expires_at": clock.now() + timedelta(days=90), **values}
    )


# --- managing -----------------------------------------------------------------------------------------------


def test_manage_shows_the_reason_of_an_error_and_since_when(side: Side) -> None:
    Connection.objects.update(
        state=ConnectionState.QUARANTINED,
        reason="The secret has expired.",
        failures=3,
        failing_since=clock.now() - timedelta(days=2),
    )
    html = page(side.customer, "connection_manage", side.connection.public_id)
    assert "Connection error" in html
    assert "The secret has expired." in html
    assert "It has failed 3 times" in html


@pytest.mark.parametrize("state", ConnectionState.values)
def test_manage_opens_in_every_state_for_everybody_who_may_see_it(side: Side, lead: User, state: str) -> None:
    Connection.objects.update(state=state)
    for user in (side.customer, lead, a_user(Role.DEVELOPER, "Devi"), a_user(Role.OPERATOR, "Omar")):
        assert "Manage the connection" in page(user, "connection_manage", side.connection.public_id)


def test_manage_leads_on_to_a_set_up_that_nobody_has_confirmed(side: Side) -> None:
    Connection.objects.update(state=ConnectionState.SETTING_UP, confirmed_at=None)
    html = page(side.customer, "connection_manage", side.connection.public_id)
    assert "Go on with the set-up" in html
    assert reverse("settings_change", args=[side.connection.public_id]) not in html


def test_manage_names_the_rules_the_schedule_and_what_may_be_done(side: Side) -> None:
    Connection.objects.update(schedule=["02:00", "14:00"])
    html = page(side.customer, "connection_manage", side.connection.public_id)
    assert "Every day at 02:00 and 14:00 UTC" in html
    assert "Everybody who works there." in html
    for name in ("settings_change", "connection_pause", "connection_disconnect", "connection_schedule"):
        assert reverse(name, args=[side.connection.public_id]) in html


@pytest.mark.parametrize(("code", "who"), [("", "Somebody"), ("undone", "Somebody"), ("bad_secret", "We")])
def test_a_pause_says_who_stopped_it(side: Side, code: str, who: str) -> None:
    Connection.objects.update(state=ConnectionState.PAUSED, reason_code=code)
    html = page(side.customer, "connection_manage", side.connection.public_id)
    told = {
        name
        for name, words in (("Somebody", "Somebody paused it."), ("We", "We stopped by ourselves"))
        if words in html
    }
    assert told == {who}


def test_a_developer_looks_and_changes_nothing(side: Side) -> None:
    html = page(a_user(Role.DEVELOPER, "Devi"), "connection_manage", side.connection.public_id)
    assert reverse("connection_pause", args=[side.connection.public_id]) not in html
    assert reverse("connection_disconnect", args=[side.connection.public_id]) not in html


def test_pause_and_resume_by_the_customer_are_recorded(side: Side) -> None:
    assert post(side.customer, "connection_pause", side.connection.public_id).status_code == 302
    assert fresh(side).state == ConnectionState.PAUSED
    assert post(side.customer, "connection_resume", side.connection.public_id).status_code == 302
    assert fresh(side).state == ConnectionState.CONNECTING
    assert Run.objects.filter(connection=side.connection, job_state="queued").count() == 1
    actions = Entry.objects.filter(actor=side.customer.email).values_list("action", flat=True)
    assert sorted(actions) == ["connection.pause", "connection.resume"]


def test_without_the_plan_nothing_is_resumed(side: Side) -> None:
    Connection.objects.update(state=ConnectionState.PAUSED)
    Company.objects.update(hris_entitled=False)
    html = page(side.customer, "connection_manage", side.connection.public_id)
    assert "Your plan does not include HR connections." in html
    assert "disabled><svg" in html.replace("\n", "").replace("disabled> ", "disabled>")
    post(side.customer, "connection_resume", side.connection.public_id)
    assert fresh(side).state == ConnectionState.PAUSED


# --- disconnecting ------------------------------------------------------------------------------------------


def test_disconnect_says_first_what_happens_to_whom_and_when(side: Side) -> None:
    some_people(side.connection, 4)
    html = page(side.customer, "connection_disconnect", side.connection.public_id)
    assert "5 active people keep accounts" in html
    day = clock.now() + timedelta(days=30)
    assert f"On {day.day} {day:%B %Y}" in html
    assert fresh(side).state == ConnectionState.CONNECTED


def test_seed_003_disconnect_keeps_people_and_stops_changes(side: Side) -> None:
    raise_issue(side.connection, "failing", "Wrong.")
    assert post(side.customer, "connection_disconnect", side.connection.public_id).status_code == 302
    ended = fresh(side)
    assert (ended.state, ended.next_run_at) == (ConnectionState.DISCONNECTED, None)
    assert ended.disconnected_at is not None
    assert DirectoryPerson.objects.get(connection=ended).state == "active"
    assert not Credential.objects.filter(connection=ended).exists()
    assert not Issue.objects.open().exists()
    post(side.customer, "connection_disconnect", side.connection.public_id)
    assert Entry.objects.filter(action="connection.disconnect").count() == 1


# --- the schedule -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"how": "times", "times": "14:00, 02:00"}, ["02:00", "14:00"]),
        ({"how": "times", "times": "2:00; 14:00"}, ["02:00", "14:00"]),
        ({"how": "interval", "hours": "6", "times": "nonsense"}, ["every 6h"]),
        ({"how": "default", "times": "14:00"}, []),
    ],
)
def test_a_schedule_is_saved(side: Side, fields: dict[str, str], kept: list[str]) -> None:
    Connection.objects.update(schedule=["05:00"])
    assert post(side.customer, "connection_schedule", side.connection.public_id, **fields).status_code == 302
    assert fresh(side).schedule == kept
    assert "Schedule" in page(side.customer, "connection_schedule", side.connection.public_id)


def test_the_usual_time_is_the_one_at_which_this_connection_really_runs(side: Side) -> None:
    (slot,) = slots_of(side.connection, clock.now().date())
    Connection.objects.update(schedule=["05:00"])
    html = page(side.customer, "connection_schedule", side.connection.public_id)
    assert f"As usual for this system: {slot:%H:%M} UTC" in html


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"how": "times", "times": "02:00, 02:10"}, "at least one hour between"),
        ({"how": "times", "times": ""}, "Enter at least one time"),
        ({"how": "times", "times": "noon"}, "is not a time of day"),
        ({"how": "interval", "hours": "99"}, "Select a valid choice"),
    ],
)
def test_a_wrong_schedule_gets_a_sentence_and_keeps_what_was_typed(
    side: Side, fields: dict[str, str], sentence: str
) -> None:
    answer = post(side.customer, "connection_schedule", side.connection.public_id, **fields)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in html
    assert fields.get("times", "") in html
    assert fresh(side).schedule == []


# --- issues -------------------------------------------------------------------------------------------------


def test_the_inbox_shows_whose_trouble_and_the_menu_how_many(side: Side, lead: User) -> None:
    raise_issue(side.connection, "failing", "The list broke off.", count=3)
    html = page(lead, "issue_list")
    assert "The list broke off." in html
    assert "Amber Clinic" in html
    nav = html.partition("<main")[0]
    assert f'href="{reverse("issue_list")}"' in nav


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("problem:field_never_sent", "It is about 2 fields."),
        ("problem:event_unreadable", "It is about 2 events."),
        ("problem:missing_work_email", "It is about 2 people."),
        ("failing", "It happened 2 times."),
    ],
)
def test_an_issue_says_what_its_number_counts(side: Side, code: str, said: str) -> None:
    raise_issue(side.connection, code, "Field never arrives", count=2)
    assert said in page(side.customer, "connection_detail", side.connection.public_id)
    assert f'aria-label="{said}"' in page(side.customer, "issue_list")


def test_a_customer_sees_their_own_trouble_only(side: Side) -> None:
    other = a_side("Birch")
    raise_issue(side.connection, "failing", "Amber fails.")
    raise_issue(other.connection, "failing", "Birch fails.")
    html = page(side.customer, "issue_list")
    assert "Amber fails." in html
    assert "Birch" not in html
    page(side.customer, "issue_list", query=f"?company={other.company.public_id}", status=404)


def test_an_issue_is_put_aside_and_brought_back(side: Side) -> None:
    issue = raise_issue(side.connection, "failing", "The list broke off.")
    post(side.customer, "issue_snooze", issue.public_id, days="7")
    assert "The list broke off." not in page(side.customer, "issue_list")
    assert "The list broke off." in page(side.customer, "issue_list", query="?show=aside")
    post(side.customer, "issue_snooze", issue.public_id, days="0")
    assert "The list broke off." in page(side.customer, "issue_list")


@pytest.mark.parametrize("days", ["", "x", "-3", "99999999999"])
def test_nonsense_puts_nothing_aside(side: Side, days: str) -> None:
    issue = raise_issue(side.connection, "failing", "Wrong.")
    assert post(side.customer, "issue_snooze", issue.public_id, days=days).status_code == 302
    issue.refresh_from_db()
    assert issue.snoozed_until is None


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_away(side: Side, address: str) -> None:
    issue = raise_issue(side.connection, "failing", "Wrong.")
    answer = post(side.customer, "issue_snooze", issue.public_id, days="1", next=address)
    assert answer["Location"] == reverse("issue_list")


def test_the_inbox_takes_as_many_queries_for_twenty_as_for_one(side: Side, lead: User) -> None:
    raise_issue(side.connection, "failing", "Wrong.")
    few = queries_of(lead, "issue_list")
    for number in range(20):
        raise_issue(side.connection, f"problem:{number}", "Wrong.")
    assert queries_of(lead, "issue_list") == few


# --- invitations --------------------------------------------------------------------------------------------


def test_invitations_are_listed_found_and_issued_again(side: Side) -> None:
    ada, bob = some_people(side.connection, 2, mark="Cedar")
    pending = invite(ada)
    invite(bob, state=InvitationState.ACCEPTED, accepted_at=clock.now())
    at = side.connection.public_id
    html = page(side.customer, "invitation_list", at)
    assert "Not accepted yet" in html
    assert html.count("Invite again") == 1
    assert ada.email not in page(side.customer, "invitation_list", at, query="?state=accepted")
    assert bob.email not in page(side.customer, "invitation_list", at, query="?q=cedar.0")
    assert "No invitation matches" in page(side.customer, "invitation_list", at, query="?q=nobody")
    old = pending.public_id
    assert post(side.customer, "invitation_reissue", old).status_code == 302
    pending.refresh_from_db()
    assert (pending.mails, pending.public_id == old) == (True, False)


@pytest.mark.parametrize("state", [ConnectionState.DISCONNECTED, ConnectionState.PAUSED])
def test_nobody_is_offered_to_be_invited_again_where_that_is_refused(side: Side, state: str) -> None:
    invite(some_people(side.connection, 1, mark="Cedar")[0])
    Connection.objects.update(state=state)
    html = page(side.customer, "invitation_list", side.connection.public_id)
    assert "Not accepted yet" in html
    assert "Invite again" not in html


def test_the_list_of_invitations_takes_as_many_queries_for_twenty_as_for_one(side: Side) -> None:
    invite(side.person)
    few = queries_of(side.customer, "invitation_list", side.connection.public_id)
    for person in some_people(side.connection, 20, mark="Cedar"):
        invite(person)
    assert queries_of(side.customer, "invitation_list", side.connection.public_id) == few


def test_an_unknown_invitation_tells_nothing(side: Side) -> None:
    answer = Client().get(reverse("invitation_accept", args=[uuid.uuid4().hex]))
    assert answer.status_code == 410
    assert "Amber" not in answer.content.decode()


# --- the plan -----------------------------------------------------------------------------------------------


def test_a_lead_or_an_operator_says_what_the_plan_allows(side: Side, lead: User) -> None:
    for user in (lead, a_user(Role.OPERATOR, "Omar")):
        html = page(user, "company_entitlement", side.company.public_id)
        assert "What the plan allows" in html
        assert f"These stand still until it is switched on again: {side.connection.provider.name}." in html
    assert post(lead, "company_entitlement", side.company.public_id, several="1").status_code == 302
    company = Company.objects.get(pk=side.company.pk)
    assert (company.hris_entitled, company.several_connections) == (False, True)
    entry = Entry.objects.get(action="company.entitlement")
    assert entry.details["after"] == {"hris": False, "several": True}


def test_while_a_run_is_writing_the_plan_stays_as_it_was_and_the_page_says_so(
    side: Side, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(connection: Connection) -> None:
        raise NeedsPerson("A run is writing at this moment. Try again in a minute.", code="busy")

    monkeypatch.setattr(connections, "pause", busy)
    client = Client()
    client.force_login(lead)
    answer = client.post(reverse("company_entitlement", args=[side.company.public_id]), follow=True)
    assert "A run is writing at this moment. Try again in a minute." in answer.content.decode()
    assert Company.objects.get(pk=side.company.pk).hris_entitled


def test_the_companys_page_leads_there_for_those_who_may_say_it(side: Side, lead: User) -> None:
    link = f'href="{reverse("company_entitlement", args=[side.company.public_id])}"'
    assert link in page(lead, "company_detail", side.company.public_id)
    assert link not in page(side.csm, "company_detail", side.company.public_id)


def test_seed_003_the_banner_is_there_only_without_the_plan(side: Side) -> None:
    banner = "integrations/_banner_entitlement.html"
    assert render_to_string(banner, {"company": side.company, "user": side.customer}).strip() == ""
    side.company.hris_entitled = False
    shown = render_to_string(banner, {"company": side.company, "user": side.customer})
    assert "note-warn" in shown
    assert "upgrade" in shown


def test_a_plan_is_made_from_the_page_without_changing_a_setting(side: Side, developer: User) -> None:
    Connection.objects.update(confirmed_at=clock.now(), state=ConnectionState.QUARANTINED)
    at = side.connection.public_id
    assert "Make a plan" not in page(developer, "connection_detail", at)
    for user in (side.csm, side.customer):
        assert "Make a plan" in page(user, "connection_detail", at)
    answer = post(side.customer, "connection_plan", at)
    assert answer["Location"] == reverse("setup_step", args=[at, "plan"])
    plan = Run.objects.get(kind=RunKind.DRY)
    assert plan.draft is not None
    assert plan.draft.settings == side.connection.settings
    assert "Working the plan out" in page(side.customer, "setup_step", at, "plan")
