"""The audit log as a page: filtered, newest first, the same cost on every page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from portal.accounts.models import Company, Role, User
from portal.audit.models import Entry
from portal.audit.services import record
from portal.kit import clock
from tests.support.pages import page, queries_of
from tests.support.people import a_company, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> User:
    return a_user(Role.TL, "Maya Ortiz")


@pytest.fixture
def company() -> Company:
    return a_company("Amber Clinic", "A-1")


def listed(lead: User, query: str = "") -> list[str]:
    return re.findall(r'<td class="mono">(test\.[\w.]+)</td>', page(lead, "audit_list", query=query))


def test_entries_are_listed_newest_first_with_the_words_for_them(lead: User, company: Company) -> None:
    record(
        "test.one",
        by=lead,
        company_id=company.pk,
        subject="REQ-1",
        details={"reason": "<b>x</b>", "n": [1, 2]},
    )
    record("test.two", by=None)
    assert listed(lead) == ["test.two", "test.one"]
    html = page(lead, "audit_list")
    for words in (
        "Maya Ortiz",
        "maya.ortiz@support.example",
        "Amber Clinic",
        "&lt;b&gt;x&lt;/b&gt;",
        "1, 2",
        "Integration Desk",
    ):
        assert words in html


def test_every_filter_leaves_the_others_out(lead: User, company: Company) -> None:
    other = a_user(Role.CSM, "Robin Hill")
    record("test.mine", by=lead, company_id=company.pk, subject="REQ-1")
    record("test.other", by=other, company_id=a_company("Birch", "B-1").pk, subject="REQ-10")
    for query in (
        "who=maya",
        "who=Maya+Ort",
        "action=test.m",
        "subject=REQ-1",
        "company=amber",
        "company=A-1",
    ):
        assert listed(lead, f"?{query}") == ["test.mine"], query
    today = f"{clock.now():%Y-%m-%d}"
    yesterday = f"{clock.now() - timedelta(days=1):%Y-%m-%d}"
    assert len(listed(lead, f"?from={today}&until={today}")) == 2
    assert listed(lead, f"?until={yesterday}") == []
    assert listed(lead, "?who=nobody") == []


@pytest.mark.parametrize(
    "query", ["from=2026-99-99", "from=0001-01-01", "until=9999-12-31", "before=x", "before=-1", "before=" + "9" * 30,
              "who=%00", "subject='--", "company=%25"]
)  # fmt: skip
def test_the_page_takes_whatever_the_address_says(lead: User, query: str) -> None:
    record("test.one", by=lead)
    page(lead, "audit_list", query=f"?{query}")


def test_older_entries_are_a_page_away_with_the_filters_kept(lead: User) -> None:
    for number in range(120):
        record(f"test.n{number:03}", by=lead)
    seen: list[str] = []
    query = "?who=maya"
    while True:
        seen += listed(lead, query)
        older = re.search(r'rel="next" href="([^"]+)"', page(lead, "audit_list", query=query))
        if not older:
            break
        query = "?" + older[1].split("?")[1].replace("&amp;", "&")
    assert seen == [f"test.n{number:03}" for number in reversed(range(120))]


def test_the_page_takes_as_many_queries_for_many_entries(lead: User) -> None:
    record("test", by=lead, company_id=a_company("One", "1").pk)
    few = queries_of(lead, "audit_list")
    for number in range(40):
        record(
            "test",
            by=a_user(Role.CSM, f"Person {number}"),
            company_id=a_company(f"C{number}", str(number)).pk,
        )
    assert queries_of(lead, "audit_list") == few


def test_the_navigation_leads_there_for_those_who_may(lead: User) -> None:
    address = reverse("audit_list")
    assert f'href="{address}"' in page(lead, "my_work")
    assert f'href="{address}"' not in page(a_user(Role.CSM, "Robin Hill"), "my_work")
    page(a_user(Role.OPERATOR, "Olu Adeyemi"), "audit_list")
    page(a_user(Role.CSM, "Sam Low"), "audit_list", status=403)


def test_an_empty_log_says_so(lead: User) -> None:
    assert "Nothing was recorded yet." in page(lead, "audit_list")
    assert Entry.objects.count() == 0
    assert "Nothing matches." in page(lead, "audit_list", query="?subject=REQ-1")
