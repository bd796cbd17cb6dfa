"""A request for another system of the same company: what comes along, what never does, and what is said of it."""

from __future__ import annotations

import pytest

from integrations.provider import ItemKind
from portal.audit.models import Entry
from portal.kit.errors import NeedsPerson
from requests_app.models import Answer, AnswerChange, AnswerState, Event, Request
from requests_app.queries import editors
from requests_app.services.copying import copy_request
from tests.requests_app.factories import ADP, PERSONIO, a_csm, a_request, a_tl, answer_of, complete

pytestmark = pytest.mark.django_db
SIBLING = "adp_totalsource"


@pytest.fixture
def req() -> Request:
    return complete(a_request(ADP))


def test_the_same_questions_are_answered_and_marked_as_copied(req: Request) -> None:
    made = copy_request(req, SIBLING, by=req.owner)
    assert (made.copied_from, made.company, made.provider_slug) == (req, req.company, SIBLING)
    for key in ("hris.goal", "hris.notify_employees", "client_id"):
        assert answer_of(made, key).value == answer_of(req, key).value
        change = AnswerChange.objects.get(item__req=made, item__key=key)
        assert (change.by, change.reason) == (req.owner, f"copied from {req}")
    assert AnswerChange.objects.get(item__req=made, item__key="client_id").on_behalf
    assert Event.objects.filter(req=made, words__contains=f"answers from {req}").exists()
    assert Entry.objects.get(action="request.copy").subject == str(made)


def test_secrets_files_and_confirmations_are_never_copied(req: Request) -> None:
    made = copy_request(req, SIBLING, by=req.owner)
    kinds = (ItemKind.SECRET, ItemKind.FILE, ItemKind.ATTEST)
    never = Answer.objects.filter(item__req=made, item__kind__in=kinds)
    assert len(never) > 3
    assert {answer.state for answer in never} == {AnswerState.MISSING}
    assert not any(answer.sealed or answer.evidence_id or answer.value for answer in never)


def test_a_choice_that_the_other_system_does_not_offer_stays_open(req: Request) -> None:
    Answer.objects.filter(item__req=req, item__key="hris.email_source").update(value="pigeon")
    made = copy_request(req, SIBLING, by=req.owner)
    assert answer_of(made, "hris.email_source").state == AnswerState.MISSING


def test_what_was_sent_back_or_waived_is_not_copied(req: Request) -> None:
    for key, state in (("hris.goal", AnswerState.CHANGE_REQUESTED), ("client_id", AnswerState.WAIVED)):
        Answer.objects.filter(item__req=req, item__key=key).update(state=state)
    made = copy_request(req, SIBLING, by=req.owner)
    assert answer_of(made, "hris.goal").state == answer_of(made, "client_id").state == AnswerState.MISSING


def test_the_copier_has_edited_and_cannot_approve(req: Request) -> None:
    lead = a_tl()
    assert lead.pk in editors(copy_request(req, SIBLING, by=lead))


def test_a_copy_is_a_duplicate_like_any_other(req: Request) -> None:
    copy_request(req, SIBLING, by=req.owner)
    with pytest.raises(NeedsPerson) as refused:
        copy_request(req, SIBLING, by=req.owner)
    assert refused.value.code == "duplicate"
    assert copy_request(req, SIBLING, by=req.owner, duplicate_reason="Another division")


def test_neither_strangers_nor_the_same_system(req: Request) -> None:
    with pytest.raises(NeedsPerson):
        copy_request(req, PERSONIO, by=a_csm("Rosa Silva"))
    with pytest.raises(NeedsPerson):
        copy_request(req, ADP, by=req.owner)
    assert Request.objects.count() == 1
