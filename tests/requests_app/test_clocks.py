"""Clocks and targets from the stored history and the settings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from portal.accounts.models import User
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.services import clocks
from requests_app.services.calendar import business_calendar, service_targets
from tests.requests_app.factories import a_csm
from tests.support.lives import a_life, ago
from tests.support.people import a_company

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest.fixture
def csm(db: None) -> User:
    return a_csm()


def lived(csm: User, *steps: tuple[float, Stage]) -> Request:
    """Steps at so many hours after Monday, 9:00."""
    return a_life(a_company(), [(MONDAY + hours * HOUR, stage) for hours, stage in steps], owner=csm)


def test_both_clocks_come_from_the_events_in_one_query(csm: User) -> None:
    one = lived(
        csm, (0, Stage.DRAFT), (2, Stage.WAITING_ON_CUSTOMER), (48, Stage.SUBMITTED), (50, Stage.LIVE)
    )
    two = lived(csm, (0, Stage.DRAFT))
    with CaptureQueriesContext(database) as queries:
        found = clocks.times_of([one, two], now=MONDAY + 5 * HOUR + 7 * DAY)
    assert len(queries) == 1
    assert (found[one.pk].ours, found[one.pk].total) == (4 * HOUR, 50 * HOUR)
    assert found[two.pk].ours == 45 * HOUR


def test_an_event_without_a_stage_changes_no_clock(csm: User) -> None:
    req = lived(csm, (0, Stage.DRAFT), (2, Stage.SUBMITTED))
    before = clocks.times_of([req], now=MONDAY + 4 * HOUR)
    req.events.create(words="Somebody reassigned it", at=MONDAY + HOUR)
    assert clocks.times_of([req], now=MONDAY + 4 * HOUR) == before


def test_due_late_and_the_databases_condition_agree_at_every_hour(csm: User) -> None:
    req = lived(csm, (0, Stage.DRAFT), (3.5, Stage.SUBMITTED))
    at = clocks.due_of(req.current_stage, req.stage_since, now=MONDAY)
    assert at is not None
    assert at.at == MONDAY + DAY + 3.5 * HOUR  # 8 business hours later
    for hours in range(0, 120):
        now = MONDAY + hours * HOUR
        late = Request.objects.filter(clocks.overdue(now)).exists()
        assert late == clocks.is_overdue(req, now=now) == (now >= at.at), now


def test_what_has_no_target_is_never_late(csm: User) -> None:
    req = lived(csm, (0, Stage.DRAFT), (1, Stage.WAITING_ON_CUSTOMER))
    assert clocks.due_of(req.current_stage, req.stage_since) is None
    assert not clocks.is_overdue(req, now=MONDAY + 900 * DAY)
    assert not Request.objects.filter(clocks.overdue(MONDAY + 900 * DAY)).exists()


def test_the_percentage_counts_business_time(csm: User) -> None:
    due = clocks.due_of(Stage.SUBMITTED, MONDAY, now=MONDAY + 6 * HOUR)
    late = clocks.due_of(Stage.SUBMITTED, MONDAY, now=MONDAY + DAY + 2 * HOUR)
    assert due is not None
    assert late is not None
    assert (due.used, due.is_late, due.late_words) == (75, False, "")
    assert (late.used, late.is_late, late.late_words) == (125, True, "2 h")


def test_what_is_due_first_comes_first_and_what_has_no_target_last(csm: User) -> None:
    lives = {
        "soon": [(ago(days=40), Stage.DRAFT), (ago(days=30), Stage.APPROVED)],
        "later": [(ago(days=29), Stage.DRAFT)],
        "latest": [(ago(days=40), Stage.DRAFT), (ago(days=2), Stage.CHANGES_REQUESTED)],
        "never": [(ago(days=90), Stage.DRAFT), (ago(days=80), Stage.WAITING_ON_CUSTOMER)],
    }
    made = {a_life(a_company(), steps, owner=csm).pk: name for name, steps in reversed(lives.items())}
    assert [made[key] for key in clocks.in_order_of_due(Request.objects.all())] == list(lives)


# --- settings -----------------------------------------------------------------------------------------------


def test_the_settings_make_the_calendar(settings: Settings) -> None:
    settings.BUSINESS_HOURS, settings.BUSINESS_DAYS = "08:30-16:30", "sun-thu"
    settings.BUSINESS_TIME_ZONE, settings.BUSINESS_CLOSED = "Asia/Dubai", ["2026-06-02"]
    calendar = business_calendar()
    assert (calendar.opens, calendar.closes, calendar.day) == (510, 990, 8 * HOUR)
    assert calendar.days == {6, 0, 1, 2, 3}
    assert date(2026, 6, 2) in calendar.closed
    assert calendar.zone.key == "Asia/Dubai"


@pytest.mark.parametrize(("country", "day"), [("US", date(2026, 11, 26)), ("DE-BE", date(2026, 3, 8))])
def test_public_holidays_of_a_country_or_a_part_of_it_are_closed(
    country: str, day: date, settings: Settings
) -> None:
    settings.BUSINESS_HOLIDAYS = country
    assert day in business_calendar().closed
    assert day + DAY not in business_calendar().closed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUSINESS_HOURS", "nine to five"),
        ("BUSINESS_HOURS", "17:00-09:00"),
        ("BUSINESS_HOURS", "09:70-17:00"),
        ("BUSINESS_DAYS", "mon-someday"),
        ("BUSINESS_TIME_ZONE", "Mars/Olympus"),
        ("BUSINESS_HOLIDAYS", "XX"),
        ("BUSINESS_CLOSED", ["tomorrow"]),
    ],
)
def test_a_calendar_that_cannot_be_read_names_its_settings(
    name: str, value: object, settings: Settings
) -> None:
    setattr(settings, name, value)
    with pytest.raises(ValueError, match="BUSINESS_"):
        business_calendar()


def test_targets_are_hours_of_stages_that_exist(settings: Settings) -> None:
    settings.SERVICE_TARGETS = "submitted = 2.5, approved=4"
    assert service_targets() == {Stage.SUBMITTED: 2.5 * HOUR, Stage.APPROVED: 4 * HOUR}
    assert clocks.target_of(Stage.DRAFT) is None
    for wrong in ("nothing=3", "draft=soon", "draft=0", "draft"):
        settings.SERVICE_TARGETS = wrong
        with pytest.raises(ValueError, match="SERVICE_TARGETS"):
            service_targets()
