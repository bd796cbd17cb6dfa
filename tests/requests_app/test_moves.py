"""The life of a request: every move from every stage by everybody, and what one move brings with it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.db import connection

from integrations.models import Connection
from integrations.provider import Owner
from portal.accounts.models import Role, User
from portal.outbox.models import Effect
from requests_app.lifecycle import BY_NAME, MOVES, Actor, Stage
from requests_app.models import AnswerState, Event, Request
from requests_app.services.moves import Incomplete, MoveRefused, make_move, marker_of
from tests.requests_app.factories import (
    ADP,
    ENTRA,
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
    let_in,
    put_in_stage,
    submitted,
)
from tests.support.people import a_company, a_customer, a_user

ROLES = {
    Role.CSM: Actor.CSM,
    Role.TL: Actor.TL,
    Role.CUSTOMER_ADMIN: Actor.CUSTOMER_ADMIN,
    Role.DEVELOPER: None,
    Role.OPERATOR: None,
    None: Actor.SYSTEM,
}


def refusal(req: Request, name: str, by: User | None, **options: Any) -> MoveRefused:
    before = Request.objects.filter(pk=req.pk).values().get(), Event.objects.count(), Effect.objects.count()
    with pytest.raises(MoveRefused) as refused:
        make_move(req, name, by=by, **options)
    after = Request.objects.filter(pk=req.pk).values().get(), Event.objects.count(), Effect.objects.count()
    assert before == after
    return refused.value


@pytest.mark.slow
def test_every_move_from_every_stage_by_everybody_does_what_the_table_says(db: None) -> None:
    req = complete(a_request(PERSONIO, by=a_csm()))
    people: dict[Role | None, User | None] = {
        Role.CSM: req.owner,
        Role.TL: a_tl(),
        Role.CUSTOMER_ADMIN: customer_of(req),
        Role.DEVELOPER: a_user(Role.DEVELOPER, "Dev Eloper"),
        Role.OPERATOR: a_user(Role.OPERATOR, "Op Erator"),
        None: None,
    }
    fresh_lead = a_tl("Fresh Lead")  # the other one submits, and so may not approve
    for move, stage, role in product(MOVES, Stage, people):
        put_in_stage(req, stage)
        allowed = stage in move.frm and ROLES[role] in move.actors
        by = fresh_lead if move.four_eyes and role == Role.TL else people[role]
        if allowed:
            assert make_move(req, move.name, by=by, reason="Because").stage == move.to
        else:
            refusal(req, move.name, by, reason="Because")


@pytest.mark.parametrize("name", [move.name for move in MOVES if move.needs_reason])
def test_a_move_that_needs_a_reason_is_refused_without_one(db: None, name: str) -> None:
    move = BY_NAME[name]
    req = put_in_stage(a_request(), min(move.frm))
    by = None if Actor.SYSTEM in move.actors else a_tl()
    assert refusal(req, name, by, reason="  \n").code == "needs_reason"


def test_a_move_writes_who_when_and_why_into_the_timeline(db: None) -> None:
    req = submitted()
    tl = a_tl()
    make_move(req, "send_back", by=tl, reason="The consent is for another company.")
    event = Event.objects.filter(req=req).first()
    assert event is not None
    assert (event.by, event.move, event.stage_before, event.stage_after) == (
        tl,
        "send_back",
        Stage.SUBMITTED,
        Stage.CHANGES_REQUESTED,
    )
    assert event.words == "Ben Ortiz sent the request back"
    assert event.reason == "The consent is for another company."


def test_submitting_names_everything_that_is_missing(db: None) -> None:
    req = a_request(PERSONIO)
    refused = refusal(req, "submit", req.owner)
    assert isinstance(refused, Incomplete)
    keys = {item.key for item in refused.items}
    assert {"hris.goal", "hris.notify_employees", "client_id", "client_secret"} <= keys
    assert "company.name" not in keys
    assert "hris.company_age" not in keys  # only asked once the company exists


def test_an_answer_can_make_another_one_required(db: None) -> None:
    req = a_request(PERSONIO)
    give(req, "hris.company_exists", "yes", req.owner)
    refused = refusal(req, "submit", req.owner)
    assert isinstance(refused, Incomplete)
    assert "hris.company_age" in {item.key for item in refused.items}


@pytest.mark.parametrize("state", [AnswerState.CHANGE_REQUESTED, AnswerState.MISSING])
def test_an_answer_that_is_to_be_changed_counts_as_missing(db: None, state: AnswerState) -> None:
    req = complete(a_request(PERSONIO))
    answer = answer_of(req, "hris.goal")
    answer.state = state
    answer.save()
    assert isinstance(refusal(req, "submit", req.owner), Incomplete)


@pytest.mark.parametrize("state", [AnswerState.WAIVED, AnswerState.ACCEPTED])
def test_what_is_waived_or_accepted_is_not_missing(db: None, state: AnswerState) -> None:
    req = complete(a_request(PERSONIO))
    answer = answer_of(req, "hris.goal")
    answer.state, answer.comment, answer.provided_by = state, "Not needed", a_tl()
    answer.save()
    assert make_move(req, "submit", by=req.owner).stage == Stage.SUBMITTED


def test_who_filed_cannot_approve_even_as_a_team_lead(db: None) -> None:
    tl = a_tl()
    req = submitted(by=tl)
    assert refusal(req, "approve", tl).code == "four_eyes"
    assert make_move(req, "approve", by=a_tl("Second Lead")).decided_by is not None


def test_who_answered_cannot_approve(db: None) -> None:
    helper = a_tl()
    req = complete(a_request(PERSONIO))
    give(req, "hris.goal", "Helped a little", helper)
    make_move(req, "submit", by=req.owner)
    assert refusal(req, "approve", helper).code == "four_eyes"


def test_who_submitted_cannot_approve(db: None) -> None:
    helper = a_tl()
    req = complete(a_request(PERSONIO))
    make_move(req, "submit", by=helper)
    assert refusal(req, "approve", helper).code == "four_eyes"


def test_nobody_decides_on_contents_that_changed_since_they_looked(db: None) -> None:
    req = submitted()
    seen = req.version
    make_move(req, "withdraw", by=req.owner)
    give(req, "hris.goal", "Something else", req.owner)
    make_move(req, "submit", by=req.owner)
    tl = a_tl()
    assert refusal(req, "approve", tl, expected_version=seen).code == "changed"
    fresh = Request.objects.get(pk=req.pk)
    assert make_move(req, "approve", by=tl, expected_version=fresh.version).stage == Stage.APPROVED


def test_a_second_click_on_approve_says_that_it_is_done_and_does_nothing(db: None) -> None:
    tl = a_tl()
    req = approved(tl=tl)
    refused = refusal(req, "approve", tl)
    assert refused.code == "already_done"
    assert refused.sentence.startswith("Already approved by Ben Ortiz at ")


def test_a_csm_does_not_move_another_csms_request(db: None) -> None:
    req = complete(a_request(PERSONIO))
    assert refusal(req, "submit", a_csm("Other Person")).code == "not_allowed"


def test_a_customer_of_another_request_does_not_hand_this_one_back(db: None) -> None:
    req = put_in_stage(a_request(PERSONIO), Stage.WAITING_ON_CUSTOMER)
    other = a_request(PERSONIO, by=req.owner, company=a_company("Another", "777"))
    stranger = a_customer(other.company, "eve@other.example")
    let_in(other, stranger)
    assert refusal(req, "hand_back", stranger).code == "not_allowed"


def test_a_disabled_account_moves_nothing(db: None) -> None:
    req = submitted()
    tl = a_tl()
    tl.is_active = False
    tl.save()
    assert refusal(req, "approve", tl).code == "not_allowed"


def test_approval_asks_for_the_ticket_and_makes_the_connection_in_one_go(db: None) -> None:
    tl = a_tl()
    req = approved(ADP, tl=tl)
    assert (req.decided_by, req.decided_at is not None) == (tl, True)
    effect = Effect.objects.get(marker=marker_of(req))
    assert (effect.kind, effect.payload) == ("jira.create_issue", {"request": str(req.public_id)})
    assert req.connection is not None
    assert req.connection.started_by_request == str(req)
    assert req.connection.mapping == {
        "location": "home_work_location",
        "job_title": "primary_position",
        "email": "work_email",
    }
    keys = set(req.connection.credentials.values_list("key", flat=True))
    assert {"client_id", "client_secret", "certificate", "private_key"} <= keys
    givers = {credential.given_by for credential in req.connection.credentials.all()}
    assert tl not in givers, "the page must name who entered a credential, not who approved"


def test_no_secret_is_in_the_queue_or_the_outbox_after_an_approval(db: None) -> None:
    approved(ENTRA)
    with connection.cursor() as cursor:
        cursor.execute("SELECT payload FROM django_q_ormq UNION ALL SELECT payload::text FROM outbox_effect")
        text = " ".join(str(row[0]) for row in cursor.fetchall())
    assert "Rv8Q~sandbox7hT2kLm" not in text
    assert "pa55-word" not in text


def test_an_sso_request_gets_a_connection_too(db: None) -> None:
    req = approved(ENTRA)
    assert Connection.objects.get().pk == req.connection_id


def test_a_ticket_that_would_show_a_secret_stops_the_submission(db: None) -> None:
    req = complete(a_request(PERSONIO), **{"hris.goal": f"The secret is {VALUES['client_secret']}, ok?"})
    refused = refusal(req, "submit", req.owner)
    assert refused.code == "ticket"
    assert VALUES["client_secret"] not in refused.sentence


def test_owners_of_what_is_missing_are_counted(db: None) -> None:
    refused = refusal(a := a_request(PERSONIO), "submit", a.owner)
    assert isinstance(refused, Incomplete)
    owners = {item.owner for item in refused.items}
    assert owners == {Owner.CSM, Owner.CUSTOMER}
