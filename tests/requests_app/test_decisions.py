"""Decisions on single answers: accepted, sent back, waived; and what an approval after an approval brings."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from integrations.models import Connection, ConnectionState
from integrations.signals import connection_news
from portal.accounts.models import Role, User
from portal.audit.models import Entry
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import AnswerChange, AnswerState, ChangeOf, Event, Request
from requests_app.queries import editors, lines_of, missing_items
from requests_app.services.answers import EditRefused
from requests_app.services.changes import changes_since, last_decision
from requests_app.services.decisions import accept_items, send_back, unwaive_item, waive_item
from requests_app.services.moves import Incomplete, MoveRefused, make_move
from requests_app.services.tickets import render_ticket
from tests.requests_app.factories import (
    ADP,
    PERSONIO,
    VALUES,
    a_csm,
    a_request,
    a_tl,
    answer_of,
    approved,
    complete,
    customer_of,
    give,
    item_of,
    submitted,
)
from tests.support.people import a_user

WHY = "The consent is for another company"


def states(req: Request) -> dict[str, str]:
    return {line.item.key: line.answer.state for line in lines_of(req)}


def everything(req: Request) -> tuple[Any, ...]:
    """All that a refusal must leave as it was."""
    facts = Request.objects.filter(pk=req.pk).values().get()
    return facts, states(req), Event.objects.count(), AnswerChange.objects.count(), Entry.objects.count()


def test_single_answers_go_back_with_their_comment_and_the_rest_stays_accepted(db: None) -> None:
    req, lead = submitted(ADP), a_tl()
    moved = send_back(
        req,
        {"hris.consent_file": WHY, "client_id": " Is it\nthe right app? ", "hris.goal": " "},
        by=lead,
        expected_version=req.version,
    )
    assert moved.stage == Stage.CHANGES_REQUESTED
    answer = answer_of(req, "hris.consent_file")
    assert (answer.state, answer.comment, answer.decided_by) == (AnswerState.CHANGE_REQUESTED, WHY, lead)
    assert answer_of(req, "client_id").comment == "Is it the right app?"
    rest = {key: state for key, state in states(req).items() if key not in ("hris.consent_file", "client_id")}
    assert set(rest.values()) <= {AnswerState.ACCEPTED, AnswerState.MISSING}
    assert rest["hris.goal"] == AnswerState.ACCEPTED
    event = Event.objects.filter(req=req, move="send_back").get()
    assert event.reason.startswith("2 answers need another look: ")
    assert WHY in event.reason


def test_an_accepted_answer_stays_accepted_until_another_value_is_given(db: None) -> None:
    req = submitted()
    send_back(req, {"client_id": "Look again"}, by=a_tl(), expected_version=req.version)
    assert give(req, "hris.goal", VALUES["hris.goal"], req.owner).state == AnswerState.ACCEPTED
    answer = give(req, "hris.goal", "Something else", req.owner)
    assert (answer.state, answer.decided_by) == (AnswerState.PROVIDED, None)


def test_what_was_sent_back_is_missing_even_when_it_is_optional(db: None) -> None:
    req = complete(a_request(PERSONIO))
    optional = next(line for line in lines_of(req) if not line.required and line.applies and line.is_settled)
    make_move(req, "submit", by=req.owner)
    send_back(req, {optional.item.key: "Unreadable"}, by=a_tl(), expected_version=None)
    assert [item.key for item in missing_items(req)] == [optional.item.key]
    with pytest.raises(Incomplete):
        make_move(req, "submit", by=req.owner)


@pytest.mark.parametrize(
    "comments",
    [{}, {"client_id": " "}, {"client_id": "x" * 501}, {"no.such.item": "Why"}],
)
def test_sending_back_without_a_usable_comment_changes_nothing(db: None, comments: dict[str, str]) -> None:
    req = submitted()
    before = everything(req)
    with pytest.raises(MoveRefused):
        send_back(req, comments, by=a_tl(), expected_version=req.version)
    assert everything(req) == before


def test_contents_that_changed_since_are_not_sent_back(db: None) -> None:
    req, lead = submitted(), a_tl()
    seen = req.version
    give(req, "hris.goal", "Said better", req.owner)
    before = everything(req)
    with pytest.raises(MoveRefused) as refused:
        send_back(req, {"client_id": "Look again"}, by=lead, expected_version=seen)
    assert refused.value.code == "changed"
    with pytest.raises(EditRefused):
        accept_items(req, ["hris.goal"], by=lead, expected_version=seen)
    assert everything(req) == before


def test_accepting_is_not_an_edit_and_leaves_ones_own_answers_to_others(db: None) -> None:
    req, lead = submitted(), a_tl()
    version = req.version
    assert accept_items(req, ["hris.goal", "client_id"], by=lead) == ["hris.goal", "client_id"]
    assert Request.objects.get(pk=req.pk).version == version
    assert lead.pk not in editors(req)
    give(req, "hris.goal", "Mine", lead)
    assert accept_items(req, ["hris.goal"], by=lead) == []
    assert states(req)["hris.goal"] == AnswerState.PROVIDED


@pytest.mark.parametrize("role", [role for role in Role if role != Role.TL])
def test_only_a_team_lead_decides_on_answers(db: None, role: Role) -> None:
    req = submitted()
    by = req.owner if role == Role.CSM else customer_of(req)
    if role not in (Role.CSM, Role.CUSTOMER_ADMIN):
        by = a_user(role, "Somebody Else")
    before = everything(req)
    item = item_of(req, "client_id")
    with pytest.raises(EditRefused):
        accept_items(req, ["client_id"], by=by)
    with pytest.raises(EditRefused):
        waive_item(req, item, reason="No", by=by)
    with pytest.raises(MoveRefused):
        send_back(req, {"client_id": "No"}, by=by, expected_version=None)
    assert everything(req) == before


def test_a_waived_item_is_settled_and_the_ticket_names_who_waived_it_and_why(db: None) -> None:
    req, lead = a_request(ADP), a_tl()
    item = item_of(req, "hris.goal")
    waive_item(req, item, reason="Known  from\nsales", by=lead)
    assert "hris.goal" not in {missing.key for missing in missing_items(req)}
    assert "Waived by Ben Ortiz: Known from sales" in render_ticket(req).body
    assert lead.pk not in editors(req)
    event = Event.objects.filter(req=req).first()
    assert event is not None
    assert (event.words, event.for_customer) == (f"Ben Ortiz waived “{item.label}”", False)


def test_a_waived_file_does_not_go_with_the_ticket_and_counts_again_when_asked_for(db: None) -> None:
    req, lead = submitted(ADP), a_tl()
    assert len(render_ticket(req).attachments) == 1
    item = item_of(req, "hris.consent_file")
    waive_item(req, item, reason="Seen on paper", by=lead)
    assert render_ticket(req).attachments == ()
    assert unwaive_item(req, item, by=lead).state == AnswerState.PROVIDED
    assert len(render_ticket(req).attachments) == 1


def test_asking_again_for_a_waived_item_that_was_never_given_makes_it_missing(db: None) -> None:
    req, lead = a_request(PERSONIO), a_tl()
    item = item_of(req, "hris.goal")
    waive_item(req, item, reason="Known", by=lead)
    assert unwaive_item(req, item, by=lead).state == AnswerState.MISSING
    with pytest.raises(EditRefused):
        unwaive_item(req, item, by=lead)


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501])
def test_a_waiver_needs_a_reason_of_at_most_500_characters(db: None, reason: str) -> None:
    req = submitted()
    before = everything(req)
    with pytest.raises(EditRefused):
        waive_item(req, item_of(req, "hris.goal"), reason=reason, by=a_tl())
    assert everything(req) == before


def test_nothing_is_waived_or_accepted_after_the_decision(db: None) -> None:
    lead = a_tl()
    req = approved(tl=lead)
    before = everything(req)
    with pytest.raises(EditRefused):
        waive_item(req, item_of(req, "hris.goal"), reason="Known", by=lead)
    with pytest.raises(EditRefused):
        accept_items(req, ["hris.goal"], by=lead)
    assert everything(req) == before


def test_an_item_whose_condition_does_not_hold_stays_out_until_it_does(db: None) -> None:
    req = complete(a_request(PERSONIO))
    give(req, "hris.company_age", "old_customer", req.owner)
    assert "Old customer" in render_ticket(req).body
    give(req, "hris.company_exists", "no", req.owner)
    assert "Old customer" not in render_ticket(req).body
    give(req, "hris.company_age", "", req.owner)
    assert missing_items(req) == []
    give(req, "hris.company_exists", "yes", req.owner)
    assert [item.key for item in missing_items(req)] == ["hris.company_age"]
    make_move(req, "send_to_customer", by=req.owner)
    with pytest.raises(Incomplete):
        make_move(req, "submit", by=req.owner)


# --- after the approval -------------------------------------------------------------------------------------


def reapproved(lead: User) -> Request:
    req = approved(ADP, tl=a_tl("First Lead"))
    give(req, "hris.goal", "Onboarding only", req.owner)
    give(req, "hris.notify_employees", "no", req.owner)
    return make_move(req, "approve", by=lead)


@pytest.mark.django_db(transaction=True)
def test_a_second_approval_makes_one_comment_of_what_changed_and_no_second_ticket() -> None:
    req = reapproved(a_tl("Second Lead"))
    assert Effect.objects.filter(kind="jira.create_issue").count() == 1
    comment = Effect.objects.get(kind="jira.comment")
    assert comment.payload["request"] == str(req.public_id)
    told = comment.payload["text"]
    assert f"Onboarding only (was: {VALUES['hris.goal']})" in told
    assert "No (was: Yes)" in told
    assert len(told.splitlines()) == 3


@pytest.mark.django_db(transaction=True)
def test_a_second_approval_changes_nothing_behind_the_receipt_of_a_connection_that_works() -> None:
    req = approved(ADP)
    connection = Connection.objects.get()
    Connection.objects.update(state=ConnectionState.CONNECTED)
    give(req, "client_id", "another-client", req.owner)
    give(req, "hris.email_source", "personal_email", req.owner)
    req = make_move(req, "approve", by=a_tl("Second Lead"))
    assert req.connection is not None
    assert req.connection.pk == connection.pk
    assert (req.stage, req.connection.state) == (Stage.LIVE, ConnectionState.CONNECTED)
    assert req.connection.mapping == connection.mapping
    assert req.connection.credentials.get(key="client_id").value != "another-client"
    assert not req.connection.runs.exists()


@pytest.mark.django_db(transaction=True)
def test_a_second_approval_brings_the_new_settings_to_a_connection_that_is_still_set_up() -> None:
    req = approved(ADP)
    give(req, "client_id", "another-client", req.owner)
    req = make_move(req, "approve", by=a_tl("Second Lead"))
    assert req.connection is not None
    assert req.connection.state == ConnectionState.SETTING_UP
    assert req.connection.credentials.get(key="client_id").value == "another-client"


def test_news_of_a_connection_does_not_move_a_request_that_is_in_review_again(db: None) -> None:
    req = approved(ADP)
    give(req, "hris.goal", "Onboarding only", req.owner)
    before = everything(req)
    for news in ("connected", "failed"):
        connection_news.send(
            sender=None, connection=Connection.objects.get(), news=news, reason="Some reason"
        )
    assert everything(req) == before


@pytest.mark.django_db(transaction=True)
def test_what_changed_since_the_last_review_is_told_once_per_item_and_never_a_secret() -> None:
    req = submitted()
    send_back(req, {"client_secret": "It has expired"}, by=a_tl(), expected_version=None)
    make_move(req, "send_to_customer", by=req.owner)
    give(req, "client_secret", "brand-new-secret-value", customer_of(req))
    for words in ("First try", "Second try"):
        give(req, "hris.goal", words, req.owner)
    give(req, "hris.brand_new", "true", req.owner)
    give(req, "hris.brand_new", "false", req.owner)
    decision = last_decision(req)
    assert decision is not None
    found = {key: (each.was, each.now) for key, each in changes_since(req, decision.at).items()}
    assert found == {
        "client_secret": ("a value", "a new value"),
        "hris.goal": (VALUES["hris.goal"], "Second try"),
    }


# --- four eyes in the database ------------------------------------------------------------------------------


def test_the_database_refuses_a_decision_by_who_filed(db: None) -> None:
    req = submitted()
    with pytest.raises(IntegrityError, match="request_four_eyes"), transaction.atomic():
        Request.objects.filter(pk=req.pk).update(decided_by=req.filed_by)


@pytest.mark.parametrize("what", [ChangeOf.GIVEN, ChangeOf.POSTPONED])
def test_the_database_refuses_a_decision_by_who_edited(db: None, what: ChangeOf) -> None:
    req, helper = submitted(), a_tl("Helping Lead")
    AnswerChange.objects.create(item=item_of(req, "hris.goal"), by=helper, what=what)
    with pytest.raises(IntegrityError, match="request_four_eyes"), transaction.atomic():
        Request.objects.filter(pk=req.pk).update(decided_by=helper)


def test_the_database_lets_who_accepted_and_waived_decide(db: None) -> None:
    req, lead = submitted(), a_tl()
    accept_items(req, ["client_id"], by=lead)
    waive_item(req, item_of(req, "hris.goal"), reason="Known", by=lead)
    assert make_move(req, "approve", by=lead).decided_by == lead


def test_every_move_and_decision_is_in_the_companys_audit_log(db: None) -> None:
    req, lead = submitted(), a_tl()
    accept_items(req, ["client_id"], by=lead)
    waive_item(req, item_of(req, "hris.goal"), reason="Known", by=lead)
    make_move(req, "approve", by=lead)
    actions = Entry.objects.filter(chain__name=f"company:{req.company_id}", actor_id=lead.pk)
    assert list(actions.order_by("number").values_list("action", flat=True)) == [
        "answer.accepted",
        "answer.waived",
        "request.approve",
    ]


def test_a_foreign_csm_is_no_team_lead(db: None) -> None:
    req = submitted()
    with pytest.raises(EditRefused):
        accept_items(req, ["client_id"], by=a_csm("Other Person"))
