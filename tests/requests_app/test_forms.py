"""The form of a topic: built from the items, saved as far as it is valid."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from integrations.provider import ItemKind, Topic
from requests_app.forms import TopicForm
from requests_app.lifecycle import Stage
from requests_app.models import AnswerState, Request
from requests_app.services.moves import make_move
from tests.requests_app.factories import (
    ADP,
    ENTRA,
    PERSONIO,
    a_request,
    an_upload,
    answer_of,
    customer_of,
    give,
    item_of,
    let_in,
    put_in_stage,
)


def posted(**values: str) -> QueryDict:
    data = QueryDict(mutable=True)
    for key, value in values.items():
        data[key.replace("__", ".")] = value
    return data


@pytest.fixture
def entra(db: None) -> Request:
    return a_request(ENTRA)


def test_every_item_that_one_may_answer_has_a_field_in_order(entra: Request) -> None:
    form = TopicForm(entra, Topic.CONTACT, by=entra.owner)
    assert list(form.fields) == ["sso.poc_name", "sso.poc_email", "sso.poc_phone", "sso.poc_timezone"]
    assert all(field.required for field in form.fields.values())


def test_valid_answers_are_kept_beside_invalid_ones(entra: Request) -> None:
    data = posted(sso__poc_name="Jane", sso__poc_email="nonsense")
    form = TopicForm(entra, Topic.CONTACT, by=entra.owner, data=data)
    assert form.save() is False
    assert answer_of(entra, "sso.poc_name").value == "Jane"
    assert list(form.errors) == ["sso.poc_email"]
    assert 'value="nonsense"' in str(form["sso.poc_email"])


def test_an_autosave_of_one_field_leaves_the_others_alone(entra: Request) -> None:
    give(entra, "sso.poc_name", "Jane", entra.owner)
    data = posted(sso__poc_email="jane@acme.test")
    form = TopicForm(entra, Topic.CONTACT, by=entra.owner, data=data, only="sso.poc_email")
    assert form.save() is True
    assert answer_of(entra, "sso.poc_name").value == "Jane"
    assert answer_of(entra, "sso.poc_email").value == "jane@acme.test"


def test_an_emptied_field_clears_the_answer(entra: Request) -> None:
    give(entra, "sso.poc_name", "Jane", entra.owner)
    assert TopicForm(entra, Topic.CONTACT, by=entra.owner, data=posted(sso__poc_name="")).save() is True
    assert answer_of(entra, "sso.poc_name").state == AnswerState.MISSING


def test_a_secret_is_never_written_into_the_page_and_an_empty_field_keeps_it(db: None) -> None:
    req = a_request(ADP)
    customer = customer_of(req)
    make_move(req, "send_to_customer", by=req.owner)
    req.refresh_from_db()
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----"
    give(req, "private_key", pem, customer)
    give(req, "client_secret", "the-secret-of-the-app", customer)
    page = str(TopicForm(req, Topic.DETAILS, by=customer))
    assert "MIIEvQ" not in page
    assert "the-secret" not in page
    bad = posted(private_key="short", client_secret="tiny", client_id="app")
    form = TopicForm(req, Topic.DETAILS, by=customer, data=bad)
    assert form.save() is False
    assert ">short<" not in str(form)
    assert '"tiny"' not in str(form)
    kept = TopicForm(req, Topic.DETAILS, by=customer, data=posted(private_key="", client_secret=""))
    assert kept.save() is True
    assert answer_of(req, "private_key").sealed is not None
    field = kept.fields["client_secret"]
    assert (field.held, field.hint) == (True, "")  # type: ignore[attr-defined]


def test_staff_see_secrets_as_lines_and_have_no_field_for_them(db: None) -> None:
    req = a_request(ADP)
    form = TopicForm(req, Topic.DETAILS, by=req.owner)
    assert "client_secret" not in form.fields
    assert "client_secret" in {line.item.key for line in form.shown}
    data = posted(client_secret="posted-all-the-same")
    TopicForm(req, Topic.DETAILS, by=req.owner, data=data).save()
    assert answer_of(req, "client_secret").sealed is None


def test_no_is_chosen_when_no_was_answered(db: None) -> None:
    req = a_request(PERSONIO)
    give(req, "hris.brand_new", "no", req.owner)
    html = str(TopicForm(req, Topic.COMPANY, by=req.owner)["hris.brand_new"])
    assert html.index('value="false"') < html.index("checked")


def test_a_box_that_is_not_ticked_takes_the_confirmation_back(db: None) -> None:
    req = a_request(ADP)
    ticked = posted(hris__consent_ok="on", hris__connector_ok="on")
    assert TopicForm(req, Topic.CONSENT, by=req.owner, data=ticked).save()
    assert TopicForm(req, Topic.CONSENT, by=req.owner, data=posted(hris__connector_ok="on")).save()
    assert answer_of(req, "hris.consent_ok").state == AnswerState.MISSING
    assert answer_of(req, "hris.connector_ok").state == AnswerState.PROVIDED


def test_an_upload_is_kept_and_no_upload_keeps_the_old_one(db: None) -> None:
    req = a_request(ADP)
    files: MultiValueDict[str, object] = MultiValueDict({"hris.consent_file": [an_upload()]})
    only = "hris.consent_file"
    assert TopicForm(req, Topic.CONSENT, by=req.owner, data=posted(), files=files, only=only).save()
    assert TopicForm(req, Topic.CONSENT, by=req.owner, data=posted(), only=only).save()
    assert answer_of(req, "hris.consent_file").evidence is not None


def test_a_damaged_file_is_refused_beside_its_field(db: None) -> None:
    req = a_request(ADP)
    files: MultiValueDict[str, object] = MultiValueDict(
        {"hris.consent_file": [an_upload(b"%PDF-1.7", "a.pdf")]}
    )
    form = TopicForm(req, Topic.CONSENT, by=req.owner, data=posted(), files=files, only="hris.consent_file")
    assert not form.save()
    assert "damaged or incomplete" in str(form.errors["hris.consent_file"])


def test_after_the_end_everything_is_only_shown(entra: Request) -> None:
    put_in_stage(entra, Stage.REJECTED)
    form = TopicForm(entra, Topic.CONTACT, by=entra.owner, data=posted(sso__poc_name="Late"))
    assert (dict(form.fields), len(form.shown)) == ({}, 4)
    form.save()
    assert answer_of(entra, "sso.poc_name").state == AnswerState.MISSING


def test_an_end_in_the_meantime_is_an_error_of_the_form(entra: Request) -> None:
    form = TopicForm(entra, Topic.CONTACT, by=entra.owner, data=posted(sso__poc_name="Late"))
    Request.objects.filter(pk=entra.pk).update(stage=Stage.REJECTED)
    assert form.save() is False
    assert form.non_field_errors()


@pytest.mark.parametrize("kind", list(ItemKind))
def test_there_is_a_control_for_every_kind(entra: Request, kind: ItemKind) -> None:
    item = item_of(entra, "sso.poc_name")
    item.kind = kind
    item.save()
    customer = customer_of(entra)
    put_in_stage(entra, Stage.WAITING_ON_CUSTOMER)
    assert "sso.poc_name" in str(TopicForm(entra, Topic.CONTACT, by=customer)["sso.poc_name"])


def test_a_secrets_field_of_a_sign_in_knows_what_a_wrong_id_looks_like(entra: Request) -> None:
    customer = customer_of(entra)
    put_in_stage(entra, Stage.WAITING_ON_CUSTOMER)
    form = TopicForm(entra, Topic.DETAILS, by=customer)
    assert "This is the Secret ID." in str(form["client_secret"])
    assert "data-secret-id" not in str(form["application_id"])
    hr = a_request(PERSONIO, by=entra.owner, company=entra.company)
    asked = let_in(hr, customer).used_by
    put_in_stage(hr, Stage.WAITING_ON_CUSTOMER)
    assert asked is not None
    assert "data-secret-id" not in str(TopicForm(hr, Topic.DETAILS, by=asked)["client_secret"])


def test_a_phone_number_comes_back_as_people_write_it(entra: Request) -> None:
    give(entra, "sso.poc_timezone", "Europe/Berlin", entra.owner)
    give(entra, "sso.poc_phone", "030 901820", entra.owner)
    assert answer_of(entra, "sso.poc_phone").value == "+4930901820"
    form = TopicForm(entra, Topic.CONTACT, by=entra.owner)
    assert form["sso.poc_phone"].value() == "+49 30 901820"
    same = posted(sso__poc_phone="+49 30 901820")
    before = entra.version
    assert TopicForm(entra, Topic.CONTACT, by=entra.owner, data=same, only="sso.poc_phone").save()
    entra.refresh_from_db()
    assert entra.version == before
