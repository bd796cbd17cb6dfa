"""The set-up of a connection as part of its request: begun from the answers, told to everybody, four eyes."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from integrations.models import (
    Connection,
    ConnectionState,
    DraftState,
    Run,
    SetupStep,
)
from integrations.services import drafts
from integrations.services.connections import leave_set_up
from integrations.services.lifecycle import set_entitlement
from integrations.signals import credentials_given
from portal.accounts.models import AccessLink, Role, User
from portal.accounts.services import scope_of
from portal.kit.errors import NeedsPerson
from portal.notices.models import Notice
from portal.outbox.models import Effect
from requests_app import queries
from requests_app.forms import SET_UP
from requests_app.lifecycle import Stage
from requests_app.models import AnswerState, Event, Request
from requests_app.services.delegation import delegate
from requests_app.services.jira import comment_of, record_issue
from requests_app.services.moves import MoveRefused, make_move
from requests_app.services.setting_up import begin_set_up, has_set_up, set_up_of, waits_for_set_up
from tests.requests_app.factories import (
    ADP,
    ENTRA,
    PERSONIO,
    a_request,
    a_tl,
    answer_of,
    approved,
    complete,
    confirmed,
    customer_of,
    submitted,
)
from tests.support.links import mailed_code, press
from tests.support.pages import page
from tests.support.people import a_user, signed_in
from tests.support.queue import drain

pytestmark = pytest.mark.django_db


def test_beginning_takes_over_what_the_answers_say_and_starts_nothing() -> None:
    req = complete(a_request(ADP))
    connection = begin_set_up(req, by=customer_of(req))
    assert (connection.state, connection.approved_at) == (ConnectionState.SETTING_UP, None)
    assert {"client_id", "client_secret"} <= set(connection.credentials.values_list("key", flat=True))
    draft = connection.drafts.get()
    assert draft.mapping["location"] == "home_work_location"
    assert not Run.objects.exists()
    assert begin_set_up(req, by=req.owner) == connection
    assert connection.drafts.count() == 1
    assert Event.objects.filter(req=req, words__contains="began to set the connection up").count() == 1


def test_sign_in_requests_and_ended_ones_have_nothing_to_set_up() -> None:
    sign_in = a_request(ENTRA)
    assert not has_set_up(sign_in)
    req = a_request(PERSONIO, by=sign_in.owner)
    make_move(req, "cancel", by=req.owner, reason="They left.")
    req.refresh_from_db()
    with pytest.raises(NeedsPerson):
        begin_set_up(req, by=req.owner)


def test_whoever_set_the_connection_up_does_not_approve_it() -> None:
    req = submitted(PERSONIO)
    helper, other = a_tl("Helping Lead"), a_tl("Other Lead")
    confirmed(req, helper)
    assert helper.pk in queries.editors(req)
    with pytest.raises(MoveRefused) as refused:
        make_move(req, "approve", by=helper)
    assert refused.value.code == "four_eyes"
    req.refresh_from_db()
    make_move(req, "approve", by=other)


def test_another_plan_is_another_version_for_whoever_reviews_it() -> None:
    req = submitted(PERSONIO)
    connection = begin_set_up(req, by=customer_of(req))
    req.refresh_from_db()
    seen, draft = req.version, connection.drafts.get()
    drafts.save_filter(draft, {}, by=customer_of(req), expected_version=draft.version)
    with pytest.raises(MoveRefused) as refused:
        make_move(req, "approve", by=a_tl(), expected_version=seen)
    assert refused.value.code == "changed"


def test_credentials_that_were_tried_answer_the_checklist_once() -> None:
    req = a_request(PERSONIO)
    Request.objects.filter(pk=req.pk).update(stage=Stage.WAITING_ON_CUSTOMER)
    customer = customer_of(req)
    connection = begin_set_up(req, by=customer)
    given = {"client_id": "papi-1", "client_secret": "a-secret-that-was-tried"}
    credentials_given.send(type(connection), connection=connection, settings=given, by=customer)
    answer = answer_of(req, "client_secret")
    assert (answer.state, answer.provided_by, answer.value) == (AnswerState.PROVIDED, customer, None)
    assert answer_of(req, "client_id").value == "papi-1"
    later = {**given, "client_id": "papi-2"}
    credentials_given.send(type(connection), connection=connection, settings=later, by=customer)
    assert answer_of(req, "client_id").value == "papi-1"


def test_a_csm_beside_the_customer_does_not_answer_secrets_by_the_back_door() -> None:
    req = a_request(PERSONIO)
    connection = begin_set_up(req, by=req.owner)
    given = {"client_secret": "a-secret-that-was-tried"}
    credentials_given.send(type(connection), connection=connection, settings=given, by=req.owner)
    assert answer_of(req, "client_secret").state == AnswerState.MISSING


def test_a_confirmed_plan_is_told_to_the_owner_the_timeline_and_the_ticket() -> None:
    req = submitted(PERSONIO)
    customer = customer_of(req)
    receipt = confirmed(req, customer)
    assert Event.objects.get(req=req, move="set_up").for_customer
    assert Notice.objects.get(user=req.owner, kind="set_up")
    assert not Effect.objects.filter(marker__startswith="jira.receipt:").exists()
    record_issue(Request.objects.get(pk=req.pk), "INT-7")
    effect = Effect.objects.get(marker=f"jira.receipt:{receipt.public_id}")
    heading, text = comment_of(req, effect.payload)
    assert receipt.digest[:12] in heading
    assert "7 added" in text
    assert f"/receipts/{receipt.public_id}/" in text


def test_an_approval_without_a_confirmed_plan_waits_and_says_for_whom() -> None:
    req = approved(PERSONIO)
    req.refresh_from_db()
    assert req.connection is not None
    assert req.connection.state == ConnectionState.SETTING_UP
    assert waits_for_set_up(req)
    assert not Run.objects.filter(connection=req.connection).exists()
    html = page(req.owner, "request_detail", req.number)
    assert "Not begun" in html
    assert "Set it up beside them" in html


def test_an_approval_waits_for_whoever_sets_it_up_again_and_their_leaving_starts_what_was_confirmed() -> None:
    req = submitted(PERSONIO)
    customer = customer_of(req)
    receipt = confirmed(req, customer)
    connection = begin_set_up(req, by=customer)
    drafts.begin_change(connection, by=customer)
    make_move(Request.objects.get(pk=req.pk), "approve", by=a_tl())
    connection.refresh_from_db()
    assert (connection.state, connection.reason_code) == (
        ConnectionState.SETTING_UP,
        "waits_for_confirmation",
    )
    assert not connection.runs.exists()
    html = page(customer, "setup_step", connection.public_id, "prerequisites")
    assert "The plan that was confirmed before holds, and its sync begins at once." in html
    answer = signed_in(customer).post(reverse("setup_withdraw", args=[connection.public_id]), follow=True)
    assert "its sync begins" in answer.content.decode()
    run = connection.runs.get()
    assert (run.kind, run.receipt) == ("first", receipt)


def test_leaving_a_set_up_starts_nothing_that_the_plan_no_longer_has() -> None:
    req, lead = submitted(PERSONIO), a_tl()
    customer = customer_of(req)
    confirmed(req, customer)
    connection = begin_set_up(req, by=customer)
    draft = drafts.begin_change(connection, by=customer)
    make_move(Request.objects.get(pk=req.pk), "approve", by=lead)
    set_entitlement(req.company, hris=False, several=False, by=lead)
    answer = signed_in(customer).post(reverse("setup_withdraw", args=[connection.public_id]), follow=True)
    assert "does not include" in answer.content.decode()
    draft.refresh_from_db()
    assert draft.state == DraftState.OPEN
    assert not connection.runs.exists()


def test_leaving_a_set_up_before_the_approval_starts_nothing() -> None:
    req = submitted(PERSONIO)
    customer = customer_of(req)
    confirmed(req, customer)
    connection = begin_set_up(req, by=customer)
    draft = drafts.begin_change(connection, by=customer)
    assert not leave_set_up(draft, by=customer)
    assert not connection.runs.exists()
    assert set_up_of(Request.objects.get(pk=req.pk)).is_confirmed


def test_the_reviewer_sees_the_plan_or_that_there_is_none() -> None:
    req, lead = submitted(PERSONIO), a_tl()
    assert "Nobody has begun" in page(lead, "request_review", req.number)
    confirmed(req, customer_of(req), affected=42)
    html = page(lead, "request_review", req.number)
    assert "Nobody has begun" not in html
    assert "42 people" in html


def test_the_customer_is_led_to_it_and_sees_when_it_is_done() -> None:
    req = a_request(PERSONIO)
    Request.objects.filter(pk=req.pk).update(stage=Stage.WAITING_ON_CUSTOMER)
    customer = customer_of(req)
    assert "Set it up" in page(customer, "customer_request", req.public_id)
    confirmed(req, customer, affected=42)
    html = page(customer, "customer_request", req.public_id)
    assert "confirmed the plan for 42 people" in html
    assert set_up_of(Request.objects.select_related("connection").get(pk=req.pk)).is_confirmed


def test_the_customer_can_change_what_they_confirmed_until_it_starts() -> None:
    req = submitted(PERSONIO)
    customer = customer_of(req)
    confirmed(req, customer)
    connection = begin_set_up(req, by=customer)
    change = reverse("settings_change", args=[connection.public_id])
    assert change in page(customer, "customer_request", req.public_id)
    connection.state = ConnectionState.CONNECTING
    connection.save(update_fields=["state"])
    assert change not in page(customer, "customer_request", req.public_id)


def test_the_customers_page_promises_what_is_read_and_not_what_was_declined() -> None:
    req = a_request(PERSONIO)
    Request.objects.filter(pk=req.pk).update(stage=Stage.WAITING_ON_CUSTOMER)
    customer = customer_of(req)

    def reads() -> str:
        html = page(customer, "customer_request", req.public_id)
        return html.split("<strong>Read:</strong>")[1].split("</p>")[0]

    assert "department" in reads()
    draft = begin_set_up(req, by=customer).drafts.get()
    drafts.save_consent(draft, declined=["department"], by=customer, expected_version=draft.version)
    assert "department" not in reads()
    draft.state = DraftState.CONFIRMED
    draft.save(update_fields=["state"])
    assert "department" in reads(), "the connection has not taken it over"
    Connection.objects.update(declined=["department"])
    assert "department" not in reads()
    assert "work e-mail" in reads()


def test_forwarding_leads_to_the_page_that_sends_a_link() -> None:
    req = a_request(PERSONIO)
    Request.objects.filter(pk=req.pk).update(stage=Stage.WAITING_ON_CUSTOMER)
    customer = customer_of(req)
    connection = begin_set_up(req, by=customer)
    for who, name, key in (
        (customer, "customer_delegate", req.public_id),
        (req.owner, "request_invite", req.number),
    ):
        answer = signed_in(who).get(reverse("setup_forward", args=[connection.public_id]))
        assert answer["Location"] == f"{reverse(name, args=[key])}?set_up=1"
    page(a_user(Role.CUSTOMER_ADMIN, "Strange Admin"), "setup_forward", connection.public_id, status=404)


def opened_from_the_mail(settings: Settings) -> Client:
    """Whoever got the newest link follows the address in their mail and enters the code."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    drain()
    told = str(mail.outbox[-1].body)
    assert "set the connection up" in told
    address = re.search(r"^http\S+$", told, re.MULTILINE)
    assert address is not None
    door = address[0].removeprefix(settings.SITE_URL)
    client = Client()
    press(client, door, "send")
    answer = press(client, door, "open", code=mailed_code())
    assert answer.status_code == 302
    seen = client.get(answer["Location"], follow=True)
    assert "Are you an administrator of Personio?" in seen.content.decode()
    return client


def test_somebody_else_is_the_administrator_and_lands_in_the_set_up(settings: Settings) -> None:
    req = a_request(PERSONIO)
    Request.objects.filter(pk=req.pk).update(stage=Stage.WAITING_ON_CUSTOMER)
    customer = customer_of(req)
    connection = begin_set_up(req, by=customer)
    drafts.go_to(connection.drafts.get(), SetupStep.ADMIN)
    client = signed_in(customer)
    step = reverse("setup_step", args=[connection.public_id, "admin"])
    form = client.post(step, {"who": "other"}, follow=True)
    shown = form.content.decode()
    assert re.search(r'value="set-up"[^>]*checked', shown)
    assert shown.count("checked") == 1
    asked = {"email": "sam@riverside.example", "items": [SET_UP]}
    client.post(reverse("customer_delegate", args=[req.public_id]), asked)
    sam = opened_from_the_mail(settings)
    assert sam.post(step, {"who": "me"})["Location"].endswith("/setup/consent/")
    assert sam.get(reverse("connection_detail", args=[connection.public_id])).status_code == 200
    assert scope_of(User.objects.get(email="sam@riverside.example"), req.public_id) is None


@pytest.mark.parametrize("stage", [Stage.DRAFT, Stage.SUBMITTED])
def test_the_desk_sends_a_link_to_the_set_up_wherever_the_request_stands(
    settings: Settings, stage: Stage
) -> None:
    req = a_request(PERSONIO)
    connection = begin_set_up(req, by=req.owner)
    drafts.go_to(connection.drafts.get(), SetupStep.ADMIN)
    Request.objects.filter(pk=req.pk).update(stage=stage)
    assert "Send a link to the set-up" in page(req.owner, "request_invite", req.number, query="?set_up=1")
    address = f"{reverse('request_invite', args=[req.number])}?set_up=1"
    assert signed_in(req.owner).post(address, {"email": "sam@riverside.example"}).status_code == 302
    opened_from_the_mail(settings)
    req.refresh_from_db()
    assert req.stage == stage


def test_a_set_up_is_handed_on_only_by_whoever_holds_it_and_while_there_is_one() -> None:
    req = a_request(PERSONIO)
    Request.objects.filter(pk=req.pk).update(stage=Stage.WAITING_ON_CUSTOMER)
    customer = customer_of(req)
    assert "Set the connection up" in page(customer, "customer_delegate", req.public_id)
    AccessLink.objects.filter(used_by=customer).update(item_keys=["client_id"])
    assert "Set the connection up" not in page(customer, "customer_delegate", req.public_id)
    with pytest.raises(NeedsPerson):
        delegate(req, "sam@riverside.example", by=customer, sets_up=True)
    AccessLink.objects.filter(used_by=customer).update(item_keys=[])
    confirmed(req, customer)
    assert "Set the connection up" not in page(customer, "customer_delegate", req.public_id)
