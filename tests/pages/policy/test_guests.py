"""Whoever was asked for single answers only has their own request; all else of the company is as if it did not exist."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Issue
from integrations.services.issues import count_for_customer, issue_count
from integrations.services.ladder import admins_of
from portal.accounts.models import AccessLink, Membership, Role
from portal.accounts.policy import GET
from portal.policy import POLICY
from tests.pages.policy.matrix import (
    HTMX,
    Report,
    call,
    cells,
    judge_foreign,
    names_a_row,
    relation_of,
    sign_in,
)
from tests.pages.policy.rows import Rows, args_of, query_of
from tests.support.people import a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]
CUSTOMER = Role.CUSTOMER_ADMIN
# What else a guest may look at: their own request, and what is nobody's in particular.
THEIRS = {
    "home",
    "search",
    "account_set_password",
    "company_style",
    "customer_request",
    "customer_topic",
    "customer_check",
    "customer_postpone",
    "customer_message",
    "customer_delegate",
}


@pytest.fixture
def guest(alder: Rows) -> Rows:
    """Sam answers one item of Alder's request. The rows are Alder's, of its people there is Sam alone."""
    sam = a_user(CUSTOMER, "Sam Lee", "sam.lee@elsewhere.example")
    link = a_link(alder, alder.asked.key)
    AccessLink.objects.filter(pk=link.pk).update(used_by=sam)
    Membership.objects.create(user=sam, company=alder.side.company, link=link)
    sign_in(sam)
    return replace(alder, people={CUSTOMER: sam})


def a_link(rows: Rows, *keys: str) -> AccessLink:
    return AccessLink.objects.create(
        company=rows.side.company,
        request_id=rows.side.req.public_id,
        email="sam.lee@elsewhere.example",
        nonce=uuid.uuid4().bytes * 2,
        token_hash=uuid.uuid4().bytes * 2,
        expires_at=timezone.now() + timedelta(days=7),
        used_at=timezone.now(),
        item_keys=list(keys),
        delegated_by=rows.side.customer,
    )


@pytest.mark.slow
def test_a_row_of_the_company_answers_a_guest_like_one_that_is_missing(guest: Rows, alder: Rows) -> None:
    report = Report()
    for name, method in cells():
        if names_a_row(name) and POLICY[name].whole_company and relation_of(name, method, CUSTOMER):
            judge_foreign(report, guest, alder, CUSTOMER, name, method)
    assert report.all_right(at_least=150)


def test_a_guest_opens_their_own_request_and_no_other_page(guest: Rows) -> None:
    reached = set()
    for name, method in cells():
        if method != GET or not relation_of(name, method, CUSTOMER):
            continue
        args = args_of(name, guest, CUSTOMER)
        if "topic" in args:
            args["topic"] = guest.asked.topic
        seen = call(guest.people[CUSTOMER], method, name, args, query=query_of(name, guest))
        assert seen.status in (200, 302, 404), (name, seen.status)
        reached |= {name} if seen.status != 404 else set()
    assert reached == THEIRS


def test_a_page_without_a_row_does_not_exist_for_a_guest(guest: Rows) -> None:
    report = Report()
    for name, method in cells():
        if POLICY[name].whole_company and relation_of(name, method, CUSTOMER):
            report.asked += 1
            seen = call(guest.people[CUSTOMER], method, name, args_of(name, guest, CUSTOMER))
            report.note(seen.status != 404, name, method, seen.status)
    assert report.all_right(at_least=90)


def test_whoever_was_asked_for_the_whole_part_sees_the_company(guest: Rows) -> None:
    sam = guest.people[CUSTOMER]
    assert not {"connection_list", "directory"} & opened(guest)
    AccessLink.objects.filter(pk=a_link(guest).pk).update(used_by=sam)
    assert {"connection_list", "directory", "setup", "why"} <= opened(guest)


def opened(rows: Rows) -> set[str]:
    names = ("connection_list", "directory", "setup", "why", "connection_detail")
    person = rows.people[CUSTOMER]
    return {name for name in names if call(person, GET, name, args_of(name, rows, CUSTOMER)).status != 404}


@pytest.mark.parametrize("name", ["connection_list", "issue_list", "directory"])
def test_a_page_asks_once_whether_a_customer_sees_a_whole_company(alder: Rows, name: str) -> None:
    with CaptureQueriesContext(database) as asked:
        assert call(alder.people[CUSTOMER], GET, name, {}).status == 200
    about_companies = [
        query["sql"]
        for query in asked
        if "accounts_membership" in query["sql"].partition(" WHERE ")[2]
        and ("COUNT(DISTINCT" in query["sql"] or query["sql"].startswith('SELECT 1 AS "a"'))
    ]
    assert len(about_companies) == 1


def test_what_a_guest_searches_for_names_nobody_of_the_company(guest: Rows) -> None:
    person, connection = guest.side.person, guest.side.connection
    for text in (person.last_name, person.email, "Personio"):
        page = call(guest.people[CUSTOMER], GET, "search", {}, query=f"?q={text}", headers=HTMX).text
        assert str(person.public_id) not in page
        assert str(connection.public_id) not in page


def test_news_of_a_connection_is_not_mailed_to_a_guest(guest: Rows) -> None:
    assert guest.people[CUSTOMER] not in admins_of(guest.side.connection)
    assert guest.side.customer in admins_of(guest.side.connection)


def test_the_way_in_leads_a_guest_to_their_request_also_when_it_has_ended(guest: Rows) -> None:
    type(guest.side.req).objects.filter(pk=guest.side.req.pk).update(stage="closed")
    seen = call(guest.people[CUSTOMER], GET, "home", {})
    assert seen.response["Location"] == f"/your/{guest.side.req.public_id}/"
    menu = call(guest.people[CUSTOMER], GET, "search", {}).text
    assert "/connections/" not in menu
    assert "/directory/" not in menu


def test_the_issues_of_a_company_are_counted_for_its_own_people_alone(
    guest: Rows, alder: Rows, birch: Rows
) -> None:
    customer, connection = alder.people[CUSTOMER], alder.side.connection
    tomorrow = timezone.now() + timedelta(days=1)
    for code, times in (
        ("one", {}),
        ("back", {"snoozed_until": timezone.now() - timedelta(days=1)}),
        ("aside", {"snoozed_until": tomorrow}),
        ("over", {"resolved_at": timezone.now()}),
    ):
        Issue.objects.create(connection=connection, code=code, words="…", **times)
    assert count_for_customer(customer) == issue_count(customer) == 3
    Membership.objects.create(user=customer, company=birch.side.company)
    assert count_for_customer(customer) == issue_count(customer) == 4
    Issue.objects.all().delete()
    assert count_for_customer(customer) == 0
    assert count_for_customer(guest.people[CUSTOMER]) is None
