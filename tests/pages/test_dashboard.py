"""The dashboard: right figures, a text for every drawing, the same cost with 8 and with 2,000 requests."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection as database

from portal.accounts.models import Company, Role, User
from portal.kit import clock
from requests_app import queries
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request
from requests_app.services import figures
from tests.requests_app.factories import a_csm
from tests.support.lives import a_life, ago
from tests.support.pages import page, queries_of
from tests.support.people import a_company, a_user

pytestmark = pytest.mark.django_db
NUMBERS = itertools.count(900_000)


def worth(name: str, mrr: str, currency: str = "USD") -> Company:
    return Company.objects.create(name=name, lms_id=name, mrr=Decimal(mrr), mrr_currency=currency)


def many(csm: User, count: int) -> None:
    """Half of them live with a whole life, the others open, in one statement per table."""
    company = a_company("Bulk")
    lives = [Stage.DRAFT, Stage.SUBMITTED, Stage.APPROVED, Stage.LIVE]
    made = Request.objects.bulk_create(
        Request(
            number=next(NUMBERS),
            company=company,
            provider_slug="personio",
            kind="hris",
            stage=lives[-1] if n % 2 else lives[n % 3],
            owner=csm,
            filed_by=csm,
            created_at=ago(days=n % 50 + 4),
            stage_since=ago(days=n % 50),
        )
        for n in range(count)
    )
    Event.objects.bulk_create(
        Event(
            req=req,
            at=ago(days=n % 50 + 3 - step),
            move=("", "submit", "approve", "go_live")[step],
            stage_after=stage,
            words="made",
        )
        for n, req in enumerate(made)
        for step, stage in enumerate(lives[: lives.index(Stage(req.stage)) + 1])
    )
    # Rows of an open transaction are unknown to the planner, whose joins would then be quadratic.
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")


def test_it_opens_with_no_request_and_says_so(lead: User) -> None:
    html = page(lead, "dashboard")
    for words in ("No request is open.", "Nothing went live", "Nothing was decided", "within its target"):
        assert words in html


@pytest.mark.slow
def test_it_costs_the_same_for_eight_and_for_two_thousand(csm: User, lead: User) -> None:
    many(csm, 8)
    few = queries_of(lead, "dashboard")
    many(csm, 2000)
    assert queries_of(lead, "dashboard") == few <= 16
    html = page(lead, "dashboard")
    assert "style=" not in html
    assert ">1004<" in html.replace(" ", "").replace("\n", "")


def test_only_team_leads_and_operators_see_it(csm: User) -> None:
    page(a_user(Role.OPERATOR, "Olu Adeyemi"), "dashboard")
    for user in (csm, a_user(Role.DEVELOPER, "Devi Rao"), a_user(Role.CUSTOMER_ADMIN, "Dana Whitfield")):
        page(user, "dashboard", status=403)


def test_what_is_open_is_counted_by_stage_and_age(csm: User, lead: User) -> None:
    a_life(worth("A", "1"), [(ago(days=1), Stage.DRAFT)], owner=csm)
    a_life(
        worth("B", "1"), [(ago(days=40), Stage.DRAFT), (ago(days=1), Stage.WAITING_ON_CUSTOMER)], owner=csm
    )
    a_life(worth("C", "1"), [(ago(days=40), Stage.DRAFT), (ago(days=1), Stage.LIVE)], owner=csm)
    ages = figures.open_by_stage_and_age(queries.requests_for(lead))
    counts = {line.stage: line.counts for line in ages if sum(line.counts)}
    assert counts == {Stage.DRAFT: (1, 0, 0, 0, 0), Stage.WAITING_ON_CUSTOMER: (0, 0, 0, 0, 1)}
    assert {turn.key: turn.count for turn in figures.whose_turn(ages)} == {
        "customer": 1,
        "csm": 1,
        "tl": 0,
        "connection": 0,
    }


def test_money_is_counted_once_per_company_and_currency(csm: User, lead: User) -> None:
    twice = worth("Twice", "100")
    a_life(twice, [(ago(days=40), Stage.DRAFT)], owner=csm)
    a_life(twice, [(ago(hours=0.1), Stage.DRAFT)], owner=csm, slug="bamboohr")
    a_life(worth("Euro", "900", "EUR"), [(ago(hours=0.1), Stage.DRAFT)], owner=csm)
    a_life(worth("Live", "5000"), [(ago(days=4), Stage.LIVE)], owner=csm)
    stakes = figures.mrr_at_stake(queries.requests_for(lead))
    assert [(stake.currency, stake.total, stake.late, stake.companies) for stake in stakes] == [
        ("EUR", Decimal(900), Decimal(0), 1),
        ("USD", Decimal(100), Decimal(100), 1),
    ]


def test_a_decision_counts_from_its_last_submission_in_the_week_of_the_decision(
    csm: User, lead: User
) -> None:
    monday = figures.weeks_before(clock.now())[-2]
    at = monday + timedelta(hours=9)
    hour = timedelta(hours=1)
    a_life(
        a_company(),
        [
            (at - 900 * hour, Stage.DRAFT),
            (at, Stage.SUBMITTED),
            (at + hour, Stage.DRAFT),
            (at + 2 * hour, Stage.SUBMITTED),
            (at + 5 * hour, Stage.CHANGES_REQUESTED),
            (at + 6 * hour, Stage.SUBMITTED),
            (at + 7 * hour, Stage.APPROVED),
            (at + 24 * hour, Stage.LIVE),
        ],
        owner=csm,
    )
    rows = queries.requests_for(lead)
    decisions = figures.decisions_by_week(rows)
    assert [week.decided for week in decisions.weeks] == [0, 0, 0, 0, 0, 0, 2, 0]
    assert (decisions.weeks[-2].median, decisions.weeks[-2].most) == (hour, 3 * hour)
    assert [count for _, count in figures.live_by_week(rows)] == [0, 0, 0, 0, 0, 0, 1, 0]
    done = figures.finished_lately(rows)
    assert done.count == 1
    assert {time.stage: time.median for time in done.stages}[Stage.SUBMITTED] == (1 + 3 + 1) * hour


def test_the_longest_overdue_is_first_and_the_filter_narrows_all(csm: User, lead: User) -> None:
    rosa = a_csm("Rosa Silva")
    a_life(worth("Older", "1"), [(ago(days=30), Stage.DRAFT)], owner=csm)
    a_life(worth("Oldest", "1"), [(ago(days=31), Stage.SUBMITTED)], owner=csm)
    a_life(worth("Hers", "1"), [(ago(days=50), Stage.DRAFT)], owner=rosa)
    html = page(lead, "dashboard", query=f"?owner={csm.pk}&kind=hris")
    assert html.index("Oldest") < html.index("Older")
    assert "Hers" not in html
    assert f"/requests/?kind=hris&amp;owner={csm.pk}&amp;stage=draft" in html
    for query in ("?owner=x", "?kind=zzz", "?owner=" + "9" * 40):
        assert "Hers" in page(lead, "dashboard", query=query)
