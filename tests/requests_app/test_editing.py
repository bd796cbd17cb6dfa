"""What an edit does in each stage, "I don't have this yet", and what was handed on to a colleague."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.audit.models import Entry
from portal.kit import clock
from requests_app.lifecycle import Stage
from requests_app.models import AnswerChange, AnswerState, ChangeOf, Request
from requests_app.queries import checklist_for, missing_items
from requests_app.services.answers import EditRefused, InvalidAnswer, postpone_answer
from requests_app.services.moves import MoveRefused, make_move
from tests.requests_app.factories import (
    VALUES,
    a_tl,
    customer_of,
    give,
    item_of,
    let_in,
    submitted,
)
from tests.requests_app.test_answers import sent
from tests.support.people import a_customer


def test_an_edit_in_review_raises_the_version_and_its_author_may_not_approve(db: None) -> None:
    req, helper = submitted(), a_tl("Helping Lead")
    seen = req.version
    give(req, "hris.goal", "Said better", helper)
    assert (req.stage, req.version) == (Stage.SUBMITTED, seen + 1)
    for by, code in ((a_tl("Other Lead"), "changed"), (helper, "four_eyes")):
        with pytest.raises(MoveRefused) as refused:
            make_move(req, "approve", by=by, expected_version=seen if code == "changed" else None)
        assert refused.value.code == code


@pytest.mark.parametrize("stage", [Stage.APPROVED, Stage.FAILED])
def test_an_edit_after_the_approval_sends_the_request_back_into_review(db: None, stage: Stage) -> None:
    req, lead = submitted(), a_tl()
    req = make_move(req, "approve", by=lead)
    if stage == Stage.FAILED:
        req = make_move(req, "fail", by=None, reason="Wrong secret")
    give(req, "hris.goal", "Something else", req.owner)
    fresh = Request.objects.get(pk=req.pk)
    assert (fresh.stage, fresh.decided_by, fresh.decided_at) == (Stage.SUBMITTED, None, None)
    assert fresh.version == req.version
    event = fresh.events.first()
    assert event is not None
    assert (event.move, event.stage_before, event.by) == ("reopen", stage, req.owner)
    assert "needs a new one" in event.words


def test_the_same_value_reopens_nothing(db: None) -> None:
    req = make_move(submitted(), "approve", by=a_tl())
    give(req, "hris.goal", VALUES["hris.goal"], req.owner)
    assert Request.objects.get(pk=req.pk).stage == Stage.APPROVED


def in_days(days: int) -> date:
    return clock.now().astimezone(ZoneInfo("UTC")).date() + timedelta(days=days)


def test_i_dont_have_this_yet_keeps_the_item_open_with_a_reason_and_a_day(db: None) -> None:
    req, _ = sent()
    customer, item = customer_of(req), item_of(req, "client_secret")
    answer = postpone_answer(req, item, reason=" IT is\n away ", due_on=in_days(3), by=customer)
    assert (answer.state, answer.comment, answer.due_on) == (AnswerState.POSTPONED, "IT is away", in_days(3))
    assert "client_secret" in {missing.key for missing in missing_items(req)}
    line = AnswerChange.objects.get(item=item)
    assert (line.what, line.reason, line.by) == (ChangeOf.POSTPONED, "IT is away", customer)


def test_an_answer_settles_what_was_postponed_and_an_empty_form_does_not(db: None) -> None:
    req, csm = sent()
    postpone_answer(req, item_of(req, "hris.goal"), reason="Asking sales", due_on=in_days(0), by=csm)
    assert give(req, "hris.goal", "", csm).state == AnswerState.POSTPONED
    answer = give(req, "hris.goal", "Keep in step", csm)
    assert (answer.state, answer.comment, answer.due_on) == (AnswerState.PROVIDED, "", None)


@pytest.mark.parametrize(
    ("reason", "days"), [(" ", 1), ("x" * 501, 1), ("Away", -1), ("Away", 400), ("Away", None)]
)
def test_a_promise_has_a_reason_and_a_day_within_a_year(db: None, reason: str, days: int | None) -> None:
    req, csm = sent()
    version = req.version
    due = None if days is None else in_days(days)
    with pytest.raises(InvalidAnswer):
        postpone_answer(req, item_of(req, "hris.goal"), reason=reason, due_on=due, by=csm)
    assert Request.objects.get(pk=req.pk).version == version


def test_who_may_not_give_an_answer_may_not_postpone_it(db: None) -> None:
    req, csm = sent()
    for by, key in ((csm, "client_secret"), (customer_of(req), "hris.goal")):
        with pytest.raises(EditRefused):
            postpone_answer(req, item_of(req, key), reason="Later", due_on=in_days(1), by=by)


def test_who_was_handed_one_item_gives_sees_and_hands_back_nothing_else(db: None) -> None:
    req, _ = sent()
    colleague = a_customer(req.company, "it@riverside.example")
    link = let_in(req, colleague)
    link.item_keys = ["client_id"]
    link.save()
    assert give(req, "client_id", "papi-1", colleague).state == AnswerState.PROVIDED
    with pytest.raises(EditRefused):
        give(req, "hris.notify_employees", "yes", colleague)
    seen = [line.item.key for state in checklist_for(req, colleague) for line in state.lines]
    assert seen == ["client_id"]
    with pytest.raises(MoveRefused):
        make_move(req, "hand_back", by=colleague)


def test_an_answer_leaves_its_item_and_no_value_in_the_audit_log(db: None) -> None:
    req, csm = sent()
    give(req, "hris.goal", "Keep in step", csm)
    entry = Entry.objects.filter(action="answer.given").latest("pk")
    assert (entry.subject, entry.details, entry.actor_id) == (str(req), {"item": "hris.goal"}, csm.pk)
