"""What the answers of a request choose for its connection: followed to a run, and after the set-up was begun."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.models import Connection, DirectoryPerson, Draft, Invitation, Run, RunKind, RunOutcome
from integrations.services import drafts
from integrations.services.connections import sync_now
from integrations.services.invitations import look_after
from integrations.services.starts import SYNC_RUN
from portal.kit import queue
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.services.moves import make_move
from requests_app.services.setting_up import begin_set_up
from requests_app.services.wishes import NOTIFY, ORG, UPDATE_ORG, unheard
from tests.integrations.sources import ListSource, record
from tests.requests_app.factories import (
    ADP,
    PERSONIO,
    a_request,
    a_tl,
    complete,
    customer_of,
    give,
    put_in_stage,
)
from tests.support.confirmed import confirmed, people_from
from tests.support.pages import page

pytestmark = pytest.mark.django_db

OLD = {"location": "Lyon", "department": "Care", "job_title": "Nurse"}
NEW = {"location": "Paris", "department": "Surgery", "job_title": "Head nurse"}


def open_draft(req: Request) -> Draft:
    assert req.connection is not None
    found = drafts.open_draft(req.connection)
    assert found is not None
    return found


def with_customer(slug: str = PERSONIO, **answers: str) -> Request:
    """Begun to be set up by the customer, who has answered this."""
    req = put_in_stage(a_request(slug), Stage.WAITING_ON_CUSTOMER)
    for key, value in answers.items():
        give(req, key, value, customer_of(req))
    begin_set_up(req, by=customer_of(req))
    return req


def live(people: list[dict[str, Any]], **answers: str) -> Connection:
    """From the answers to the first run."""
    req = complete(a_request(PERSONIO), **answers)
    begin_set_up(req, by=customer_of(req))
    confirmed(open_draft(req), by=customer_of(req), source=ListSource(people))
    make_move(make_move(req, "submit", by=req.owner), "approve", by=a_tl())
    assert req.connection is not None
    run_of(req.connection, people)
    req.connection.refresh_from_db()
    return req.connection


def run_of(connection: Connection, people: list[dict[str, Any]]) -> None:
    run = Run.objects.filter(connection=connection).exclude(kind=RunKind.DRY).latest("pk")
    with people_from(ListSource(people)):
        queue.run_job(SYNC_RUN, run.pk)
    run.refresh_from_db()
    assert run.outcome == RunOutcome.APPLIED


def mails_to_come() -> int:
    look_after()
    return Effect.objects.filter(kind="invitation.mail").count()


# --- from the answer to the run --------------------------------------------------------------------------------


def test_notifications_answered_with_yes_mail_every_new_person_on_the_first_sync_and_later() -> None:
    connection = live([record("a"), record("b")], **{NOTIFY: "true"})
    assert mails_to_come() == 2
    sync_now(connection, a_tl("Later Lead"))
    run_of(connection, [record("a"), record("b"), record("c")])
    assert mails_to_come() == 3


def test_notifications_answered_with_no_mail_nobody() -> None:
    live([record("a")], **{NOTIFY: "false"})
    assert (mails_to_come(), Invitation.objects.count()) == (0, 0)


@pytest.mark.parametrize(("answer", "kept"), [("false", OLD), ("true", NEW)])
def test_location_department_and_position_stay_in_the_lms_where_the_answer_is_no(
    answer: str, kept: dict[str, str]
) -> None:
    connection = live([record("a", **OLD)], **{UPDATE_ORG: answer})
    sync_now(connection, a_tl("Later Lead"))
    run_of(connection, [record("a", first="Renamed", **NEW), record("b", **NEW)])
    one, other = DirectoryPerson.objects.order_by("source_id")
    assert one.first_name == "Renamed"
    assert {name: getattr(one, name) for name in ORG} == kept
    assert {name: getattr(other, name) for name in ORG} == NEW


# --- an answer after the set-up was begun --------------------------------------------------------------------


def test_a_set_up_that_has_begun_takes_over_what_is_answered_later() -> None:
    req = with_customer(ADP)
    customer, version = customer_of(req), open_draft(req).version
    give(req, "hris.location_source", "business_unit", customer)
    give(req, UPDATE_ORG, "false", customer)
    give(req, NOTIFY, "true", customer)
    rules = open_draft(req).rules
    location = rules.mapping.origin("location")
    assert location is not None
    assert (location.fields, location.when) == (("business_unit",), "new")
    assert (rules.policy.invites, rules.policy.mails) == (True, True)
    assert open_draft(req).version > version
    give(req, UPDATE_ORG, "true", customer)
    give(req, NOTIFY, "false", customer)
    rules = open_draft(req).rules
    assert rules.mapping.sometimes == {}
    assert (rules.policy.invites, rules.policy.mails) == (False, False)


def test_what_somebody_chose_otherwise_in_it_stays() -> None:
    req = with_customer(ADP, **{"hris.location_source": "home_work_location", NOTIFY: "false"})
    customer, draft = customer_of(req), open_draft(req)
    chosen = {**draft.mapping, "location": "city"}
    policy = {**draft.policy, "invites": True}
    drafts.save_mapping(draft, chosen, policy, by=customer, expected_version=draft.version)
    give(req, "hris.location_source", "business_unit", customer)
    give(req, UPDATE_ORG, "false", customer)
    rules = open_draft(req).rules
    location = rules.mapping.origin("location")
    assert location is not None
    assert (location.fields, location.when) == (("city",), "new")
    assert rules.policy.invites


def test_a_field_that_was_declined_is_not_taken_by_an_answer() -> None:
    req = with_customer(ADP)
    customer, draft = customer_of(req), open_draft(req)
    drafts.save_consent(draft, declined=["business_unit"], by=customer, expected_version=draft.version)
    give(req, "hris.location_source", "business_unit", customer)
    assert "business_unit" not in open_draft(req).rules.fields
    assert open_draft(req).rules.mapping.origin("location") is not None


# --- an answer after the plan was confirmed --------------------------------------------------------------------


def test_an_answer_after_the_confirmation_is_told_to_both_sides_until_it_is_set_up() -> None:
    req = with_customer(**{NOTIFY: "false"})
    customer, people = customer_of(req), ListSource([record("a")])
    confirmed(open_draft(req), by=customer, source=people)
    assert unheard(req) == []
    give(req, NOTIFY, "true", customer)
    assert [item.key for item in unheard(req)] == [NOTIFY]
    html = page(customer, "customer_request", req.public_id)
    assert "Your answer differs from the confirmed plan:" in html
    assert "Go on setting up" in html
    assert "Go on setting up" in page(req.owner, "request_detail", req.number)
    put_in_stage(req, Stage.SUBMITTED)
    assert "The answer differs from the confirmed plan:" in page(a_tl(), "request_review", req.number)
    begin_set_up(req, by=customer)
    assert open_draft(req).rules.policy.mails
    confirmed(open_draft(req), by=customer, source=people)
    assert unheard(req) == []


def test_what_was_chosen_before_the_confirmation_is_no_difference() -> None:
    req = with_customer(**{NOTIFY: "true"})
    customer = customer_of(req)
    confirmed(open_draft(req), by=customer, source=ListSource([record("a")]), policy={"mails": False})
    assert unheard(req) == []
    assert "differs from the confirmed plan" not in page(customer, "customer_request", req.public_id)
