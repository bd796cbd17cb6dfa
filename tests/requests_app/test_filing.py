"""Filing a request: its number, its checklist, and what must not be filed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations import catalog
from integrations.provider import Audience
from portal.accounts.models import AccessLink, Role
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import AnswerState, Event, Request
from requests_app.services.filing import file_request, find_duplicates, find_recently_closed
from requests_app.services.starting import AnswersRefused, start_request
from tests.requests_app.factories import ADP, ENTRA, PERSONIO, a_csm, a_request, answer_of, put_in_stage
from tests.support.people import a_company, a_user


def test_requests_are_numbered_from_1001_and_upwards(db: None) -> None:
    first = a_request(PERSONIO)
    second = file_request(first.company, ADP, by=first.owner)
    assert first.number >= 1001
    assert second.number == first.number + 1
    assert str(first) == f"REQ-{first.number}"


@pytest.mark.parametrize("slug", [ADP, PERSONIO, ENTRA])
def test_the_checklist_is_the_cards_in_its_order_each_with_an_answer(db: None, slug: str) -> None:
    req = a_request(slug)
    card = catalog.get(slug)
    items = list(req.items.select_related("answer"))
    assert [item.key for item in items] == [item.key for item in card.checklist]
    assert {item.key for item in items if item.is_credential} == {item.key for item in card.credentials}
    assert all(item.answer.state in (AnswerState.MISSING, AnswerState.PROVIDED) for item in items)
    assert (req.kind, req.card_version, req.stage) == (card.kind, card.version, Stage.DRAFT)


def test_conditions_and_visibility_survive_the_copy(db: None) -> None:
    req = a_request(PERSONIO)
    age = req.items.get(key="hris.company_age")
    mrr = req.items.get(key="company.mrr")
    assert age.is_required({"hris.company_exists": True})
    assert not age.is_required({"hris.company_exists": False})
    assert not mrr.is_visible_to(Audience.CUSTOMER)
    assert mrr.is_visible_to(Audience.TL)


def test_what_is_known_of_the_company_is_filled_in(db: None) -> None:
    req = a_request(PERSONIO)
    values = {key: answer_of(req, key).value for key in ("company.name", "company.lms_id", "company.mrr")}
    assert values == {
        "company.name": "Riverside Community Health",
        "company.lms_id": "48213",
        "company.mrr": "4250.00 USD",
    }
    assert answer_of(req, "company.name").provided_by == req.filed_by


def test_what_is_not_known_of_the_company_stays_missing(db: None) -> None:
    company = a_company(lms_id="")
    company.mrr, company.mrr_currency = None, ""
    company.save()
    req = a_request(PERSONIO, company=company)
    assert answer_of(req, "company.lms_id").state == AnswerState.MISSING
    assert answer_of(req, "company.mrr").state == AnswerState.MISSING


def test_filing_is_the_first_line_of_the_timeline(db: None) -> None:
    req = a_request(PERSONIO)
    event = Event.objects.get(req=req)
    assert (event.words, event.by) == ("Jamie Park filed the request for Personio", req.owner)


@pytest.mark.parametrize("stage", [Stage.DRAFT, Stage.SUBMITTED, Stage.APPROVED, Stage.LIVE, Stage.FAILED])
def test_a_second_request_beside_an_open_or_live_one_needs_a_reason(db: None, stage: Stage) -> None:
    req = put_in_stage(a_request(PERSONIO), stage)
    with pytest.raises(NeedsPerson, match=f"REQ-{req.number}") as refused:
        file_request(req.company, PERSONIO, by=req.owner)
    assert refused.value.code == "duplicate"
    second = file_request(req.company, PERSONIO, by=req.owner, duplicate_reason="Second division")
    assert second.duplicate_reason == "Second division"
    assert set(find_duplicates(req.company, PERSONIO)) == {req, second}


@pytest.mark.parametrize("stage", [Stage.REJECTED, Stage.CANCELLED, Stage.CLOSED])
def test_a_request_that_is_over_is_no_duplicate(db: None, stage: Stage) -> None:
    req = put_in_stage(a_request(PERSONIO), stage)
    assert file_request(req.company, PERSONIO, by=req.owner).number > req.number


def test_another_provider_or_company_is_no_duplicate(db: None) -> None:
    req = a_request(PERSONIO)
    file_request(req.company, ADP, by=req.owner)
    file_request(a_company("Another", "777"), PERSONIO, by=req.owner)
    assert list(find_duplicates(req.company, PERSONIO)) == [req]


def test_an_integration_that_the_plan_does_not_include_is_refused(db: None) -> None:
    company = a_company()
    company.hris_entitled = False
    company.save()
    with pytest.raises(NeedsPerson, match="plan"):
        a_request(PERSONIO, company=company)
    assert a_request(ENTRA, company=company, by=a_csm("Other Person")).kind == "sso"


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.OPERATOR, Role.CUSTOMER_ADMIN])
def test_only_the_desk_files(db: None, role: Role) -> None:
    with pytest.raises(NeedsPerson):
        a_request(PERSONIO, by=a_user(role, "Somebody Else"))


def test_an_unknown_provider_is_refused(db: None) -> None:
    with pytest.raises(NeedsPerson, match="provider"):
        a_request("no_such_system")


def test_a_linked_request_needs_no_other_reason_and_says_so(db: None) -> None:
    first = a_request(PERSONIO)
    second = file_request(first.company, PERSONIO, by=first.owner, related_to=first)
    assert (second.related_to, second.duplicate_reason) == (first, "linked")
    assert (
        Event.objects.get(req=second).words == f"Jamie Park filed the request for Personio, linked to {first}"
    )


def test_a_request_of_another_company_cannot_be_linked_to(db: None) -> None:
    first = a_request(PERSONIO)
    with pytest.raises(NeedsPerson, match="another company"):
        file_request(a_company("Another", "777"), PERSONIO, by=first.owner, related_to=first)


def test_what_was_closed_within_a_year_is_remembered(db: None) -> None:
    req = put_in_stage(a_request(PERSONIO), Stage.CLOSED)
    assert list(find_recently_closed(req.company, PERSONIO)) == [req]
    Request.objects.filter(pk=req.pk).update(stage_since=clock.now() - timedelta(days=366))
    assert list(find_recently_closed(req.company, PERSONIO)) == []


def test_from_nothing_to_sent_is_all_or_nothing(db: None) -> None:
    company, csm = a_company(), a_csm()
    goal = {"hris.goal": "Fewer tickets", "hris.brand_new": "perhaps"}
    with pytest.raises(AnswersRefused) as refused:
        start_request(company, PERSONIO, by=csm, answers=goal, invite="dana@riverside.example")
    assert list(refused.value.sentences) == ["hris.brand_new"]
    with pytest.raises(NeedsPerson) as staff:
        start_request(company, PERSONIO, by=csm, answers={}, invite=csm.email)
    assert staff.value.code == "invite"
    assert not Request.objects.exists()
    assert not Effect.objects.exists()
    req = start_request(
        company,
        PERSONIO,
        by=csm,
        answers={"hris.goal": "Fewer tickets"},
        invite="dana@riverside.example",
        language="de",
    )
    assert (req.stage, answer_of(req, "hris.goal").value) == (Stage.WAITING_ON_CUSTOMER, "Fewer tickets")
    assert AccessLink.objects.get().language == "de"
    assert Effect.objects.get(kind="mail.send").payload["to"] == ["dana@riverside.example"]
