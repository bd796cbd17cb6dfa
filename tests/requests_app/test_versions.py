"""A newer checklist is offered as a difference, and taken over without losing what still fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations.conditions import NEVER
from integrations.provider import Item as CardItem
from integrations.provider import ItemKind, Option, Owner, Provider, Topic
from requests_app.lifecycle import Stage
from requests_app.models import AnswerChange, AnswerState, Event, Request
from requests_app.queries import editors, lines_of, missing_items
from requests_app.services.answers import EditRefused
from requests_app.services.secrets import secrets_of
from requests_app.services.versions import adopt_card, diff_with_card
from tests.requests_app.factories import (
    ADP,
    VALUES,
    a_csm,
    a_request,
    a_tl,
    answer_of,
    complete,
    customer_of,
    put_in_stage,
)

NEW = CardItem(
    key="hris.pilot",
    label="Who are the pilot users?",
    kind=ItemKind.TEXT,
    owner=Owner.CSM,
    topic=Topic.PREFERENCES,
)


def changed_card(card: Provider) -> Provider:
    """The next version: one line more, one less, and four that are asked differently."""
    differently = {
        "hris.goal": lambda item: replace(item, label="What is it for?"),
        "hris.brand_new": lambda item: replace(item, kind=ItemKind.TEXT),
        "hris.company_age": lambda item: replace(item, options=(Option("new", "New"), Option("old", "Old"))),
        "hris.notify_employees": lambda item: replace(item, required=NEVER),
    }
    items = [
        differently.get(item.key, lambda same: same)(item)
        for item in card.items
        if item.key != "hris.mt_company_id"
    ]
    credentials = [item for item in card.credentials if item.key != "private_key"]
    return replace(card, version=card.version + 1, items=(*items, NEW), credentials=tuple(credentials))


@pytest.fixture
def req(db: None) -> Request:
    return complete(a_request(ADP))


def test_the_difference_names_what_is_added_removed_and_asked_differently(req: Request) -> None:
    assert not diff_with_card(req)
    diff = diff_with_card(req, changed_card(req.provider))
    assert [item.key for item in diff.added] == ["hris.pilot"]
    assert {item.key for item in diff.removed} == {"hris.mt_company_id", "private_key"}
    told = {item.key: (item.what, item.asks_again) for item in diff.changed}
    assert told == {
        "hris.goal": (("wording",), False),
        "hris.brand_new": (("kind",), True),
        "hris.company_age": (("choices",), True),
        "hris.notify_employees": (("when it is required",), False),
    }


def test_taking_over_keeps_what_fits_and_asks_again_for_what_does_not(req: Request) -> None:
    card, version = changed_card(req.provider), req.version
    adopt_card(req, by=req.owner, card=card)
    assert (req.card_version, req.version) == (card.version, version + 1)
    goal = answer_of(req, "hris.goal")
    assert (goal.item.label, goal.value, goal.state) == (
        "What is it for?",
        VALUES["hris.goal"],
        AnswerState.PROVIDED,
    )
    age = answer_of(req, "hris.company_age")
    assert (age.state, age.value, age.item.options[0]["value"]) == (AnswerState.MISSING, None, "new")
    kept = AnswerChange.objects.filter(item=age.item).last()
    assert kept is not None
    assert (kept.before, kept.after) == ("Old customer", "")
    assert {item.key for item in missing_items(req)} == {"hris.pilot", "hris.brand_new", "hris.company_age"}
    event = Event.objects.filter(req=req).first()
    assert event is not None
    assert "1 added, 2 removed, 4 changed" in event.words
    assert req.owner_id in editors(req)


def test_a_removed_line_is_seen_and_asked_of_nobody_and_its_secret_is_gone(req: Request) -> None:
    held = len(secrets_of(req))
    adopt_card(req, by=req.owner, card=changed_card(req.provider))
    assert len(secrets_of(req)) == held - 1
    line = next(line for line in lines_of(req) if line.item.key == "private_key")
    assert (line.item.visible_to, line.answer.state, line.is_open) == ([], AnswerState.NOT_APPLICABLE, False)
    assert not diff_with_card(req, changed_card(req.provider))


def test_a_line_that_comes_back_is_asked_again(req: Request) -> None:
    card = req.provider
    adopt_card(req, by=req.owner, card=changed_card(card))
    adopt_card(req, by=req.owner, card=replace(card, version=card.version + 2))
    line = next(line for line in lines_of(req) if line.item.key == "private_key")
    assert (line.answer.state, line.item.is_credential) == (AnswerState.MISSING, True)


def test_taking_over_twice_changes_nothing_the_second_time(req: Request) -> None:
    card = changed_card(req.provider)
    adopt_card(req, by=req.owner, card=card)
    version, events = req.version, Event.objects.count()
    adopt_card(req, by=req.owner, card=card)
    assert (Request.objects.get(pk=req.pk).version, Event.objects.count()) == (version, events)


@pytest.mark.parametrize("stage", [stage for stage in Stage if not stage.is_in_preparation])
def test_a_checklist_that_is_under_review_or_decided_stays_as_it_is(req: Request, stage: Stage) -> None:
    put_in_stage(req, stage)
    with pytest.raises(EditRefused):
        adopt_card(req, by=a_tl(), card=changed_card(req.provider))
    assert not diff_with_card(req)


def test_neither_a_foreign_csm_nor_the_customer_takes_a_checklist_over(req: Request) -> None:
    for by in (a_csm("Other Person"), customer_of(req)):
        with pytest.raises(EditRefused):
            adopt_card(req, by=by, card=changed_card(req.provider))
