"""What lists, task lists and timelines say; and how few questions they ask."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.dispatch import Signal
from django.test.utils import CaptureQueriesContext

from integrations.models import Connection
from integrations.provider import Audience, Owner, Topic
from integrations.signals import CONNECTED, FAILED, connection_news
from portal.accounts.models import Role
from requests_app import queries
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.services.moves import make_move
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
    put_in_stage,
    submitted,
)
from tests.support.people import a_company, a_customer, a_user


def test_waiting_on_is_counted_by_who_must_supply(db: None) -> None:
    req = a_request(PERSONIO)
    before = queries.waiting_on(req)
    give(req, "hris.goal", "Keep in step", req.owner)
    give(req, "hris.notify_employees", "yes", req.owner)
    after = queries.waiting_on(req)
    assert after == {
        Owner.CUSTOMER: before[Owner.CUSTOMER] - 1,
        Owner.CSM: before[Owner.CSM] - 1,
    }


def test_an_answer_opens_the_questions_that_depend_on_it(db: None) -> None:
    req = a_request(PERSONIO)
    before = queries.waiting_on(req)[Owner.CSM]
    give(req, "hris.company_exists", "yes", req.owner)
    assert queries.waiting_on(req)[Owner.CSM] == before - 1 + 2


def test_waiting_on_in_words() -> None:
    counts = {Owner.CUSTOMER: 3, Owner.CSM: 1}
    assert queries.waiting_words(Stage.DRAFT, counts) == "customer (3), CSM (1)"
    assert queries.waiting_words(Stage.DRAFT, {}) == "CSM"
    assert queries.waiting_words(Stage.WAITING_ON_CUSTOMER, {}) == "customer"
    assert queries.waiting_words(Stage.SUBMITTED, counts) == "team lead"
    assert queries.waiting_words(Stage.LIVE, counts) == ""


def test_a_list_asks_the_same_number_of_questions_however_long_it_is(db: None) -> None:
    csm = a_csm()

    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            for row in queries.rows(queries.requests_for(csm)[:50]):
                str((row.req.company.name, row.req.owner.name, row.waiting_words, row.req.connection))
        return len(captured)

    a_request(PERSONIO, by=csm)
    few = asked()
    for place in range(6):
        a_request(ADP, by=csm, company=a_company(f"Company {place}", str(place)))
    assert asked() == few == 2


def test_everybody_sees_what_is_theirs(db: None) -> None:
    mine = a_request(PERSONIO)
    other = a_request(PERSONIO, by=a_csm("Other Person"), company=a_company("Another", "777"))
    assert set(queries.requests_for(mine.owner)) == {mine}
    for role in (Role.TL, Role.DEVELOPER, Role.OPERATOR):
        assert set(queries.requests_for(a_user(role, f"Some {role}"))) == {mine, other}
    assert set(queries.requests_for(customer_of(mine))) == {mine}
    assert not queries.requests_for(a_customer(other.company, "no-link@other.example")).exists()


@pytest.mark.parametrize(
    "text", ["REQ-{n}", "{n}", "req{n}", "riverside", "COMMUNITY health", "48213", "INT-77", "int"]
)
def test_a_request_is_found_by_number_company_and_jira_key(db: None, text: str) -> None:
    req = a_request(PERSONIO)
    Request.objects.filter(pk=req.pk).update(jira_key="INT-77")
    a_request(PERSONIO, by=req.owner, company=a_company("Another", "777"))
    found = queries.matching(queries.requests_for(req.owner), text.format(n=req.number))
    assert list(found) == [req]


@pytest.mark.parametrize("text", ["nonsense", "99999999999999999999", "%", "\x00", "'"])
def test_a_search_for_nothing_of_ours_is_harmless(db: None, text: str) -> None:
    req = a_request(PERSONIO)
    found = list(queries.matching(queries.requests_for(req.owner), text))
    assert found == ([req] if text == "\x00" else [])


def test_the_tabs_count_what_one_sees(db: None) -> None:
    req = a_request(PERSONIO)
    put_in_stage(a_request(ADP, by=req.owner, company=a_company("B", "2")), Stage.LIVE)
    a_request(PERSONIO, by=a_csm("Other Person"), company=a_company("C", "3"))
    counts = queries.stage_counts(req.owner)
    assert (counts["all"], counts["open"], counts["draft"], counts["live"]) == (2, 1, 1, 1)
    assert queries.stage_counts(a_tl())["all"] == 3


def work(user: Any) -> dict[str, set[Request]]:
    return {group.title: {row.req for row in group.rows} for group in queries.my_work(user)}


def test_a_team_lead_is_asked_for_approval_but_not_of_their_own(db: None) -> None:
    tl = a_tl()
    req = submitted()
    own = put_in_stage(a_request(PERSONIO, by=tl, company=a_company("Own", "9")), Stage.SUBMITTED)
    assert work(tl) == {"Needs your approval": {req}, "In review": {own}}


def test_a_csm_sees_that_the_customer_has_answered(db: None) -> None:
    req = complete(a_request(PERSONIO))
    assert work(req.owner) == {"The customer has answered": {req}}
    make_move(req, "submit", by=req.owner)
    make_move(req, "withdraw", by=req.owner)
    assert work(req.owner) == {"Drafts": {req}}


def test_the_task_list_goes_by_topics_and_hides_what_a_customer_may_not_see(db: None) -> None:
    req = a_request(PERSONIO)
    desk = queries.checklist(req, Audience.CSM)
    assert [state.topic for state in desk] == sorted((state.topic for state in desk), key=list(Topic).index)
    customer = queries.checklist(req, Audience.CUSTOMER)
    lines = [line for state in customer for line in state.lines]
    assert lines
    assert {line.item.owner for line in lines} == {Owner.CUSTOMER}
    assert "company.mrr" not in {line.item.key for line in lines}


def test_a_topic_is_done_when_nothing_required_is_missing(db: None) -> None:
    req = a_request(ENTRA)
    contact = {state.topic: state for state in queries.checklist(req, Audience.CSM)}[Topic.CONTACT]
    assert (contact.state, contact.waiting) == ("Not started", {Owner.CUSTOMER: 4})
    for key in ("sso.poc_name", "sso.poc_email", "sso.poc_phone", "sso.poc_timezone"):
        give(req, key, VALUES[key], req.owner)
    contact = {state.topic: state for state in queries.checklist(req, Audience.CSM)}[Topic.CONTACT]
    assert (contact.state, contact.is_done) == ("Done", True)


def test_a_customer_reads_no_reasons_and_no_inner_steps(db: None) -> None:
    req = submitted()
    make_move(req, "send_back", by=a_tl(), reason="The customer is confused")
    desk = queries.timeline(req, Audience.CSM)
    customer = queries.timeline(req, Audience.CUSTOMER)
    assert desk[0].detail == "The customer is confused"
    assert not [entry for entry in customer if entry.detail or "sent the request back" in entry.words]
    assert [entry.icon for entry in customer] == ["flag", "arrow-back-up", "send"]


def test_a_secret_is_shown_only_by_its_ending(db: None) -> None:
    req = complete(a_request(PERSONIO))
    assert queries.shown_value(answer_of(req, "client_secret")) == "held, ends in GqUa"
    assert queries.shown_value(answer_of(req, "hris.brand_new")) == "No"
    assert queries.shown_value(answer_of(req, "hris.company_age")) == "Old customer"


def test_a_request_goes_live_when_its_connection_works(db: None) -> None:
    req = approved()
    tell(req, CONNECTED)
    assert Request.objects.get(pk=req.pk).stage == Stage.LIVE
    tell(req, FAILED, "Broken later")  # a live request is past that; the connection's page shows it
    assert Request.objects.get(pk=req.pk).stage == Stage.LIVE


def test_a_request_fails_with_the_reason_and_can_still_go_live(db: None) -> None:
    req = approved()
    tell(req, FAILED, "The client secret is wrong.")
    req.refresh_from_db()
    assert req.stage == Stage.FAILED
    assert queries.timeline(req, Audience.CSM)[0].detail == "The client secret is wrong."
    tell(req, CONNECTED)
    assert Request.objects.get(pk=req.pk).stage == Stage.LIVE


def tell(req: Request, news: str, reason: str = "") -> None:
    assert isinstance(connection_news, Signal)
    assert req.connection is not None
    connection_news.send(sender=Connection, connection=req.connection, news=news, reason=reason)
