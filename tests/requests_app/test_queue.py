"""The queue's filters and orders, against rows made for them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from integrations.provider import Owner
from portal.accounts.models import Company, User
from requests_app import queries
from requests_app.lifecycle import Stage
from requests_app.models import AnswerState, Request
from requests_app.services import queue
from requests_app.services.queue import Filters
from tests.requests_app.factories import a_csm, a_request, a_tl, answer_of
from tests.support.lives import a_life, ago
from tests.support.people import a_company


@pytest.fixture
def csm(db: None) -> User:
    return a_csm()


def worth(name: str, mrr: int | None, currency: str = "USD") -> Company:
    company = a_company(name)
    company.mrr, company.mrr_currency = (None, "") if mrr is None else (Decimal(mrr), currency)
    company.save()
    return company


def found(given: Mapping[str, str]) -> set[str]:
    return {req.company.name for req in Filters.of(given).apply(Request.objects.select_related("company"))}


# --- what an address means ----------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from(sorted(Filters.__dataclass_fields__)), st.text(max_size=90)))
def test_nonsense_filters_nothing_and_is_not_kept(given: dict[str, str]) -> None:
    filters = Filters.of(given)
    kept = filters.as_query()
    assert Filters.of(kept) == filters
    assert set(kept) <= set(given)
    assert kept.get("order", "due") in queue.ORDERS
    assert kept.get("stage", "draft") in set(Stage)


@pytest.mark.parametrize(
    "given",
    [
        {"mrr": "NaN"},
        {"mrr": "1e400"},
        {"mrr": "-5"},
        {"mrr": "1e-300"},
        {"mrr": "99999999999"},
        {"owner": "9" * 30},
        {"owner": "²"},
        {"age": "3-"},
        {"stage": "drafts"},
        {"late": "yes"},
        {"currency": "usd"},
        {"unknown": "1"},
    ],
)
def test_a_value_that_means_nothing_is_ignored(given: dict[str, str]) -> None:
    assert Filters.of(given) == Filters()


def test_filters_combine_and_an_order_alone_is_no_filter(csm: User) -> None:
    other = a_tl("Rosa Silva")
    a_life(worth("Big", 5000), [(ago(days=10), Stage.DRAFT)], owner=csm)
    a_life(worth("Small", 100), [(ago(days=10), Stage.DRAFT)], owner=csm)
    a_life(worth("Euro", 5000, "EUR"), [(ago(days=10), Stage.DRAFT)], owner=csm)
    a_life(worth("Fresh", 5000), [(ago(days=1), Stage.DRAFT)], owner=csm)
    a_life(worth("Hers", 5000), [(ago(days=10), Stage.DRAFT)], owner=other)
    assert found({"mrr": "4999", "currency": "USD", "age": "7-14", "owner": str(csm.pk)}) == {"Big"}
    assert found({"mrr": "4999", "currency": "EUR"}) == {"Euro"}
    assert found({"age": "0-3"}) == {"Fresh"}
    assert not Filters.of(QueryDict("order=due&currency=EUR").dict()).any


def test_the_age_bands_have_neither_gap_nor_overlap(csm: User) -> None:
    for days in (0.1, 2.99, 3.01, 6.99, 7.01, 13.9, 14.1, 27.9, 28.1, 400):
        a_life(a_company(f"{days}"), [(ago(days=days), Stage.DRAFT)], owner=csm)
    bands = [
        set(Request.objects.filter(band.condition()).values_list("pk", flat=True)) for band in queue.BANDS
    ]
    assert [len(band) for band in bands] == [2, 2, 2, 2, 2]
    assert len(set.union(*bands)) == 10


def test_over_the_target_is_filtered_by_the_database(csm: User) -> None:
    a_life(a_company("Late"), [(ago(days=30), Stage.DRAFT)], owner=csm)
    a_life(a_company("Fresh"), [(ago(hours=0.1), Stage.DRAFT)], owner=csm)
    a_life(a_company("Theirs"), [(ago(days=30), Stage.WAITING_ON_CUSTOMER)], owner=csm)
    assert found({"late": "1"}) == {"Late"}


# --- whom it waits for --------------------------------------------------------------------------------------


def waiting(whom: str) -> set[str]:
    rows = Request.objects.select_related("company")
    return {req.company.name for req in rows.filter(queue.waits_for(rows, whom).condition)}


def settle(req: Request, *owners: Owner) -> None:
    for item in req.items.filter(owner__in=owners).select_related("answer"):
        item.answer.state = AnswerState.PROVIDED
        item.answer.value = "false"
        item.answer.save()


def test_the_filter_finds_exactly_whom_the_rows_name(csm: User) -> None:
    fresh = a_request(by=csm, company=a_company("Fresh"))
    theirs = a_request(by=csm, company=a_company("Theirs"))
    settle(theirs, Owner.CSM, Owner.SUPPORT)
    ready = a_request(by=csm, company=a_company("Ready"))
    settle(ready, Owner.CSM, Owner.SUPPORT, Owner.CUSTOMER)
    a_life(a_company("Review"), [(ago(days=1), Stage.SUBMITTED)], owner=csm, checklist=True)
    a_life(a_company("Approved"), [(ago(days=1), Stage.APPROVED)], owner=csm, checklist=True)
    for row in queries.rows(Request.objects.filter(stage=Stage.DRAFT)):
        words = row.waiting_words
        assert (row.req.company.name in waiting("customer")) == ("customer" in words), words
        assert (row.req.company.name in waiting("csm")) == ("CSM" in words), words
    assert fresh.company.name in waiting("customer") & waiting("csm")
    assert waiting("csm") == {"Fresh", "Ready"}
    assert (waiting("tl"), waiting("connection")) == ({"Review"}, {"Approved"})


def test_a_question_that_only_a_condition_asks_decides_too(csm: User) -> None:
    req = a_request("adp_workforce_now", by=csm)
    settle(req, Owner.CSM, Owner.SUPPORT)
    answer = answer_of(req, "hris.company_exists")
    assert waiting("csm") == set()
    answer.value = True
    answer.save()
    other = answer_of(req, "hris.company_age")
    other.state, other.value = AnswerState.MISSING, None
    other.save()
    assert waiting("csm") == {req.company.name}


def test_more_than_can_be_looked_at_is_said(csm: User) -> None:
    for name in ("One", "Two"):
        settle(a_request(by=csm, company=a_company(name)), Owner.CSM, Owner.CUSTOMER)
    rows = Request.objects.all()
    assert not queue.waits_for(rows, "csm").is_cut
    assert queue.waits_for(rows, "csm", most=1).is_cut


# --- orders -------------------------------------------------------------------------------------------------


def in_order(order: str) -> list[str]:
    rows = Request.objects.select_related("company")
    page: Any = queue.in_order(rows, order)
    return [req.company.name for req in queue.page_of(page, rows)]


def test_money_times_days_is_compared_within_a_currency_only(csm: User) -> None:
    for name, mrr, currency, days in (
        ("Most", 1000, "USD", 20),
        ("Euros", 9000, "EUR", 20),
        ("None", None, "", 90),
        ("Richest", 5000, "USD", 1),
        ("Pounds", 9999, "GBP", 20),
    ):
        a_life(worth(name, mrr, currency), [(ago(days=days), Stage.DRAFT)], owner=csm)
    assert in_order("value") == ["Most", "Richest", "Euros", "Pounds", "None"]


def test_the_other_orders(csm: User) -> None:
    a_life(
        a_company("Old"), [(ago(days=9), Stage.DRAFT), (ago(days=8), Stage.WAITING_ON_CUSTOMER)], owner=csm
    )
    a_life(a_company("New"), [(ago(days=5), Stage.DRAFT)], owner=csm)
    assert in_order("newest") == ["New", "Old"]
    assert in_order("waiting") == ["Old", "New"]
    assert in_order("due") == ["New", "Old"]
