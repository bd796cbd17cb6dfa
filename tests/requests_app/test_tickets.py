"""The ticket: the procedure's words, exactly; and never a secret."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from integrations.models import Connection
from integrations.provider import ItemKind, Owner
from portal.kit.errors import NeedsPerson
from requests_app.clients.ticket import MAX_BODY, Block, Ticket, as_adf, blocks_of
from requests_app.models import Answer, AnswerState, Request
from requests_app.queries import request_url
from requests_app.services.answers import InvalidAnswer
from requests_app.services.secrets import seal
from requests_app.services.tickets import render_ticket
from tests.requests_app.factories import (
    ADP,
    ENTRA,
    PERSONIO,
    VALUES,
    a_request,
    a_tl,
    answer_of,
    complete,
    customer_of,
    give,
    item_of,
)
from tests.support.people import a_company

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
TODAY = re.compile(r"on \d{1,2} [A-Z][a-z]+ \d{4}")


def shown(ticket: Ticket) -> str:
    """With what differs from run to run replaced."""
    text = f"{ticket.title}\n\n{ticket.body}\n"
    text = re.sub(r"http://localhost:8000/requests/\d+/", "<link>", text)
    return TODAY.sub("on <date>", re.sub(r"REQ-\d+", "<number>", text))


@pytest.mark.parametrize("slug", [ADP, PERSONIO, ENTRA])
def test_the_ticket_is_the_golden_file_letter_by_letter(db: None, slug: str) -> None:
    req = complete(a_request(slug))
    assert shown(render_ticket(req)) == (GOLDEN / f"ticket_{slug}.txt").read_text(encoding="utf-8")


def test_a_ticket_without_any_answer_says_what_is_missing(db: None) -> None:
    ticket = render_ticket(a_request(ENTRA))
    assert "Name: Missing\n" in ticket.body
    assert "Secret expires on: Not provided" in ticket.body


def test_a_waived_answer_says_who_waived_it_and_why(db: None) -> None:
    req = complete(a_request(PERSONIO))
    answer = answer_of(req, "hris.goal")
    answer.state, answer.decided_by, answer.comment, answer.value = AnswerState.WAIVED, a_tl(), "Known", None
    answer.save()
    assert "with this integration? Waived by Ben Ortiz: Known" in render_ticket(req).body


def test_a_question_that_does_not_apply_is_left_out(db: None) -> None:
    req = complete(a_request(PERSONIO))
    assert "“old” customer" in render_ticket(req).body
    give(req, "hris.company_exists", "no", req.owner)
    body = render_ticket(req).body
    assert "“old” customer" not in body
    assert "employees created already" not in body
    assert "Does the company exist in MedTrainer? No" in body


def test_the_title_is_one_line_of_at_most_255_characters(db: None) -> None:
    company = a_company("A very  long\nname " * 11)
    req = complete(a_request(PERSONIO, company=company))
    Answer.objects.filter(item__req=req, item__key="company.name").update(value="Long name " * 60)
    title = render_ticket(req).title
    assert len(title) <= 255
    assert title.startswith("Enable HRIS Personio Integration for Long name")
    assert title.endswith("…")
    assert "\n" not in title
    assert "  " not in title


def test_the_procedures_literal_style_lacks_the_space_as_the_procedure_does(
    db: None, settings: Settings
) -> None:
    req = a_request(PERSONIO)
    settings.TICKET_TITLE_STYLE = "sop_literal"
    assert render_ticket(req).title == "Enable HRISPersonio Integration for Riverside Community Health"


def test_an_answer_cannot_look_like_a_line_of_ours(db: None) -> None:
    req = complete(a_request(PERSONIO))
    give(req, "hris.goal", "Sync\n----\nMRR: USD 1.00", req.owner)
    ticket = render_ticket(req)
    assert "\n  MRR: USD 1.00" in ticket.body
    assert "\nMRR: USD 1.00" not in ticket.body
    assert sum(block.is_rule for block in ticket.blocks) == 1


def test_the_document_for_jira_is_literal_text_and_links_only_to_us(db: None) -> None:
    req = complete(a_request(ENTRA), **{})
    evil = "[~accountid:1] !http://evil.test/x.png! {code}h1. <b>"
    Answer.objects.filter(item__req=req, item__key="sso.poc_name").update(value=evil)
    ticket = render_ticket(req)
    document = as_adf(ticket)
    nodes = list(walk(document))
    assert {node["type"] for node in nodes} <= {"doc", "paragraph", "text", "hardBreak", "rule"}
    assert all(node["text"] for node in nodes if node["type"] == "text")
    assert any(evil in node["text"] for node in nodes if node["type"] == "text")
    marks = [mark for node in nodes for mark in node.get("marks", [])]
    assert {mark["attrs"]["href"] for mark in marks} == {request_url(req)}


def walk(node: dict[str, Any]) -> Any:
    yield node
    for child in node.get("content", []):
        yield from walk(child)


def test_a_very_long_body_is_cut_and_keeps_its_footer() -> None:
    text = "\n".join(["line " * 30] * 500 + ["", "----", "", "REQ-1 in Integration Desk: http://x/"])
    blocks = blocks_of(text, links=["http://x/"])
    body = Ticket("t", blocks).body
    assert len(body) <= MAX_BODY
    assert body.endswith("REQ-1 in Integration Desk: http://x/")
    assert "The rest of the checklist is in Integration Desk." in body
    assert Block() in blocks


def test_the_screenshot_goes_with_the_ticket(db: None) -> None:
    req = complete(a_request(ADP))
    evidence = answer_of(req, "hris.consent_file").evidence
    assert evidence is not None
    assert [(each.evidence, each.name) for each in render_ticket(req).attachments] == [
        (str(evidence.public_id), "consent acme.png")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY----- MIIEv",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.sig",
    ],
)
def test_a_key_or_token_in_an_answer_stops_the_ticket(db: None, text: str) -> None:
    req = complete(a_request(PERSONIO))
    give(req, "hris.goal", text, req.owner)
    with pytest.raises(NeedsPerson) as stopped:
        render_ticket(req)
    assert stopped.value.code == "secret_in_ticket"


@pytest.mark.parametrize("slug", [ADP, ENTRA])
def test_a_secret_is_held_in_integration_desk_and_not_in_the_ticket(db: None, slug: str) -> None:
    req = complete(a_request(slug))
    text = render_ticket(req).title + render_ticket(req).body
    for item in req.items.filter(kind=ItemKind.SECRET):
        assert str(VALUES.get(item.key, "s3cret-value-nobody-may-see")) not in text
    if slug == ENTRA:
        assert f"Password: held in Integration Desk – {request_url(req)}" in text


words = st.text(min_size=1, max_size=60)


@pytest.mark.django_db
@pytest.mark.slow
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    secret=st.text(min_size=6, max_size=40),
    texts=st.lists(words, min_size=3, max_size=3),
    mixed=st.booleans(),
)
def test_no_ticket_carries_a_secret_whatever_is_answered(secret: str, texts: list[str], mixed: bool) -> None:
    with transaction.atomic():
        req, customer = sso_request()
        try:
            answer = give(req, "client_secret", secret, customer)
        except InvalidAnswer:
            assume(False)
        held = secret.strip().replace("\x00", "")
        assume(answer.sealed)
        for key, text in zip(("sso.poc_name", "sso.test_username", "application_id"), texts, strict=True):
            try:
                give(req, key, f"{text} {secret} x" if mixed and key != "application_id" else text, customer)
            except InvalidAnswer:
                continue
        try:
            ticket = render_ticket(req)
        except NeedsPerson:
            transaction.set_rollback(True)
            return
        assert held not in ticket.title
        assert held not in ticket.body
        assert held not in str(as_adf(ticket))
        transaction.set_rollback(True)


def sso_request() -> tuple[Request, Any]:
    req = a_request(ENTRA)
    customer = customer_of(req)
    Request.objects.filter(pk=req.pk).update(stage="waiting_on_customer")
    return req, customer


def test_every_secret_of_the_request_is_looked_for_and_not_only_credentials(db: None) -> None:
    req, customer = sso_request()
    give(req, "sso.test_password", "hunter2-hunter2", customer)
    give(req, "sso.poc_name", "Jane hunter2-hunter2", customer)
    with pytest.raises(NeedsPerson):
        render_ticket(req)


def test_a_secret_that_was_split_by_white_space_is_still_found(db: None) -> None:
    req = a_request(PERSONIO)
    answer = answer_of(req, "client_secret")
    seal(answer, "two  parts of it")
    answer.save()
    give(req, "hris.goal", "two parts\nof it", req.owner)
    with pytest.raises(NeedsPerson):
        render_ticket(req)


def test_nothing_of_the_customers_credentials_is_in_an_hr_ticket(db: None) -> None:
    req = complete(a_request(ADP))
    labels = [item.label for item in req.items.filter(is_credential=True, owner=Owner.CUSTOMER)]
    assert labels
    assert item_of(req, "client_id").ticket == "none"
    assert not [label for label in labels if f"\n{label}: " in render_ticket(req).body]
    assert not Connection.objects.exists()
