"""The review page: what it shows, and that a refusal gives back what was typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client

from portal.accounts.models import User
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import AnswerState, Request
from requests_app.services.moves import make_move
from tests.requests_app.factories import (
    ADP,
    a_request,
    a_tl,
    answer_of,
    give,
    item_of,
    put_in_stage,
    submitted,
)
from tests.support.pages import page, queries_of


@pytest.fixture
def req(db: None) -> Request:
    return submitted(ADP)


def decide(lead: User, req: Request, **data: Any) -> tuple[int, str]:
    """What the page answers to a button, after its redirect."""
    client = Client()
    client.force_login(lead)
    sent = {"version": req.version} | data
    answer = client.post(f"/requests/{req.number}/review/decide/", sent, follow=True)
    return answer.status_code, answer.content.decode()


def state_of(req: Request, key: str) -> str:
    return answer_of(req, key).state


def test_the_page_tells_who_gave_what_and_links_each_warning_to_its_answer(req: Request, lead: User) -> None:
    give(req, "hris.notify_employees", "no", req.owner)
    give(req, "hris.notify_employees", "yes", req.owner)
    text = page(lead, "request_review", req.number)
    item = item_of(req, "hris.employees_exist")
    assert f'<a href="#item-{item.pk}">Employees exist already and notifications are on' in text
    assert "for the customer" in text
    assert f"{req.owner}, " in text
    assert f'id="file-{answer_of(req, "hris.consent_file").evidence_id}"' in text


def test_single_comments_go_back_in_one_go_and_reach_the_owner(req: Request, lead: User) -> None:
    file, goal = item_of(req, "hris.consent_file"), item_of(req, "hris.goal")
    fields = {f"comment-{file.pk}": "Another company", f"comment-{goal.pk}": "Say more"}
    status, text = decide(lead, req, do="send_back", **fields)
    assert (status, state_of(req, "hris.goal")) == (200, AnswerState.CHANGE_REQUESTED)
    assert state_of(req, "client_id") == AnswerState.ACCEPTED
    assert "Sent back." in text
    assert Request.objects.get(pk=req.pk).stage == Stage.CHANGES_REQUESTED
    told = " ".join(str(effect.payload) for effect in Effect.objects.filter(kind="mail.send"))
    assert "2 answers need another look" in told


def test_what_was_typed_survives_a_refusal(req: Request, lead: User) -> None:
    goal = item_of(req, "hris.goal")
    give(req, "client_id", "another", req.owner)
    fields = {f"comment-{goal.pk}": "Say <more>", f"waiver-{goal.pk}": "Or not", "reason": "In general"}
    Request.objects.filter(pk=req.pk).update(version=req.version + 1)
    status, text = decide(lead, req, do="send_back", **fields)
    assert status == 422
    assert "changed while you were looking at it" in text
    for words in ("Say &lt;more&gt;</textarea>", "Or not</textarea>", "In general</textarea>"):
        assert words in text
    assert state_of(req, "hris.goal") == AnswerState.PROVIDED


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"do": "reject"}, "Say why"),
        ({"do": "send_back"}, "Say why"),
        ({"do": "approve", "reason": "But the goal is unclear"}, "which nobody would read"),
    ],
)
def test_a_decision_that_cannot_be_meant_is_not_made(
    req: Request, lead: User, data: dict[str, str], words: str
) -> None:
    status, text = decide(lead, req, **data)
    assert status == 422
    assert words in text
    assert Request.objects.get(pk=req.pk).stage == Stage.SUBMITTED


def test_a_page_that_does_not_say_what_was_looked_at_decides_nothing(req: Request, lead: User) -> None:
    assert decide(lead, req, do="approve", version="")[0] == 422
    assert Request.objects.get(pk=req.pk).stage == Stage.SUBMITTED


def test_approving_and_rejecting_go_on_to_the_request(req: Request, lead: User) -> None:
    assert "Approved." in decide(lead, req, do="approve")[1]
    put_in_stage(req, Stage.SUBMITTED)
    assert "Rejected." in decide(lead, req, do="reject", rejection="Not a customer")[1]
    assert req.events.get(move="reject").reason == "Not a customer"


def test_a_whole_section_is_accepted_at_once_and_comments_stay_typed(req: Request, lead: User) -> None:
    goal = item_of(req, "hris.goal")
    status, text = decide(lead, req, accept_topic=goal.topic, **{f"comment-{goal.pk}": "Say more"})
    assert status == 200
    assert "Say more</textarea>" in text
    assert state_of(req, "hris.goal") == AnswerState.PROVIDED
    assert state_of(req, "hris.brand_new") == AnswerState.ACCEPTED


def test_waiving_and_asking_again_happen_at_the_answer(req: Request, lead: User) -> None:
    item = item_of(req, "hris.goal")
    status, text = decide(lead, req, waive=item.pk)
    assert (status, "Say why this is not needed" in text) == (422, True)
    text = decide(lead, req, waive=item.pk, **{f"waiver-{item.pk}": "Known from sales"})[1]
    assert state_of(req, "hris.goal") == AnswerState.WAIVED
    assert "Ask for it again" in text
    req.refresh_from_db()
    decide(lead, req, unwaive=item.pk)
    assert state_of(req, "hris.goal") == AnswerState.PROVIDED


def test_an_item_of_another_request_is_not_found(req: Request, lead: User) -> None:
    foreign = item_of(a_request("personio", by=req.owner, company=req.company), "hris.goal")
    for data in ({"accept": foreign.pk}, {"waive": foreign.pk}, {"accept": "x"}, {"do": "close"}, {}):
        assert decide(lead, req, **data)[0] == 404


@pytest.mark.django_db(transaction=True)
def test_the_page_shows_what_was_and_what_is_since_the_last_review() -> None:
    req, lead = submitted(ADP), a_tl("Maya Ortiz")
    decide(lead, req, do="send_back", **{f"comment-{item_of(req, 'hris.goal').pk}": "Say more"})
    give(req, "hris.goal", "Only onboarding", req.owner)
    make_move(req, "submit", by=req.owner)
    text = page(lead, "request_review", req.number)
    assert "1 answer changed since the last review" in text
    assert "<del>Keep employees in step with payroll</del>, now <ins>Only onboarding</ins>" in text


def test_the_page_costs_the_same_whatever_was_answered(req: Request, lead: User) -> None:
    before = queries_of(lead, "request_review", req.number)
    for key in ("hris.goal", "hris.mt_company_name", "hris.mt_company_id"):
        give(req, key, "Changed", req.owner)
    assert queries_of(lead, "request_review", req.number) == before


def test_the_checklists_page_takes_over_the_cards_version(db: None) -> None:
    req = a_request(ADP)
    goal = item_of(req, "hris.goal")
    goal.label = "Why?"
    goal.save()
    Request.objects.filter(pk=req.pk).update(card_version=0)
    assert "See what would change" in note(req)
    text = page(req.owner, "request_card", req.number)
    assert "Why?" in text
    assert "(wording)" in text
    client = Client()
    client.force_login(req.owner)
    client.post(f"/requests/{req.number}/card/")
    req.refresh_from_db()
    goal.refresh_from_db()
    assert (req.card_version, goal.label) == (req.provider.version, item_of(req, "hris.goal").label)
    assert goal.label != "Why?"
    assert note(req) == ""
    put_in_stage(req, Stage.SUBMITTED)
    assert "Take over" not in page(req.owner, "request_card", req.number)


def note(req: Request) -> str:
    req.refresh_from_db()
    return render_to_string("requests_app/_card_note.html", {"req": req}).strip()
