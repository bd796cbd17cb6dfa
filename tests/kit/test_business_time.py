"""Business time: additive, never negative, right on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.business_time import Calendar, clocks_of, share_of, words_of
from requests_app.lifecycle import Stage

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
CALENDARS = st.builds(
    Calendar,
    opens=st.integers(0, 10).map(lambda hour: hour * 60),
    closes=st.sampled_from([11 * 60, 17 * 60, 17 * 60 + 30, 24 * 60]),
    days=st.sets(st.integers(0, 6), min_size=1).map(frozenset),
    zone=st.sampled_from([ZoneInfo("UTC"), BERLIN, NEW_YORK, ZoneInfo("Asia/Kathmandu")]),
    closed=st.sets(st.dates(date(2024, 1, 1), date(2027, 12, 31)), max_size=4).map(frozenset),
)


@given(CALENDARS, INSTANTS, INSTANTS, INSTANTS)
def test_intervals_add_up_and_are_never_negative(
    calendar: Calendar, one: datetime, two: datetime, three: datetime
) -> None:
    first, second, third = sorted([one, two, three])
    whole = calendar.between(first, third)
    assert calendar.between(first, second) + calendar.between(second, third) == whole
    assert timedelta() <= calendar.between(first, second) <= whole <= third - first
    assert calendar.between(third, first) == timedelta()


@given(CALENDARS, INSTANTS, st.integers(1, 200).map(lambda quarters: quarters * 15))
def test_after_and_before_agree_with_between(calendar: Calendar, start: datetime, minutes: int) -> None:
    worked = timedelta(minutes=minutes)
    end = calendar.after(start, worked)
    assert calendar.between(start, end) == worked
    assert calendar.between(start, end - timedelta(seconds=1)) < worked
    latest = calendar.before(end, worked)
    assert latest >= start
    assert calendar.between(latest, end) == worked
    assert calendar.between(latest + timedelta(seconds=1), end) < worked


@given(st.dates(date(2024, 1, 1), date(2027, 12, 31)), st.sampled_from([BERLIN, NEW_YORK]))
def test_an_open_day_has_eight_hours_also_when_the_clocks_change(day: date, zone: ZoneInfo) -> None:
    calendar = Calendar(zone=zone)
    start = datetime.combine(day, datetime.min.time(), tzinfo=zone)
    end = datetime.combine(day + DAY, datetime.min.time(), tzinfo=zone)
    assert calendar.between(start, end) == (8 * HOUR if day.weekday() < 5 else timedelta())


def test_a_whole_day_is_as_long_as_it_really_is() -> None:
    whole = Calendar(opens=0, closes=24 * 60, days=frozenset(range(7)), zone=BERLIN)
    spring, autumn = datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)
    assert whole.between(spring, spring + DAY) == 23 * HOUR
    assert whole.between(autumn, autumn + DAY) == 25 * HOUR


def test_the_hours_are_those_of_the_wall_clock_of_the_zone() -> None:
    berlin = Calendar(zone=BERLIN)
    assert berlin.after(datetime(2026, 7, 1, tzinfo=UTC), HOUR) == datetime(2026, 7, 1, 8, tzinfo=UTC)
    assert berlin.after(datetime(2026, 1, 7, tzinfo=UTC), HOUR) == datetime(2026, 1, 7, 9, tzinfo=UTC)


def test_weekends_and_closed_days_do_not_count() -> None:
    calendar = Calendar(closed=frozenset({date(2026, 12, 25)}))
    thursday = datetime(2026, 12, 24, 16, tzinfo=UTC)
    assert calendar.after(thursday, 2 * HOUR) == datetime(2026, 12, 28, 10, tzinfo=UTC)
    assert calendar.between(thursday, datetime(2026, 12, 28, 10, tzinfo=UTC)) == 2 * HOUR


def test_hours_and_days_that_cannot_be_are_refused() -> None:
    for opens, closes in ((600, 600), (540, 24 * 60 + 1), (-1, 60)):
        with pytest.raises(ValueError, match="hours"):
            Calendar(opens=opens, closes=closes)
    for days in (frozenset[int](), frozenset({7})):
        with pytest.raises(ValueError, match="days"):
            Calendar(days=days)


# --- the two clocks -----------------------------------------------------------------------------------------

MONDAY = datetime(2026, 6, 1, 9, tzinfo=UTC)
LIFE = [
    (MONDAY, Stage.DRAFT),
    (MONDAY + 2 * HOUR, Stage.WAITING_ON_CUSTOMER),
    (MONDAY + 3 * DAY, Stage.DRAFT),
    (MONDAY + 3 * DAY + HOUR, Stage.SUBMITTED),
    (MONDAY + 4 * DAY, Stage.APPROVED),
    (MONDAY + 4 * DAY + 3 * HOUR, Stage.LIVE),
]


def test_our_clock_pauses_for_the_customer_and_stops_at_the_end_the_total_does_not_pause() -> None:
    clocks = clocks_of(LIFE, Calendar(), MONDAY + 300 * DAY)
    assert clocks.ours == (2 + 1 + 7 + 3) * HOUR
    assert clocks.total == 4 * DAY + 3 * HOUR
    assert clocks.by_stage == {
        Stage.DRAFT: 3 * HOUR,
        Stage.WAITING_ON_CUSTOMER: 22 * HOUR,
        Stage.SUBMITTED: 7 * HOUR,
        Stage.APPROVED: 3 * HOUR,
    }
    assert clocks.ended_at == LIFE[-1][0]
    assert (clocks.ours_words, clocks.total_words) == ("1 d 5 h", "4 d 3 h")


def test_an_open_life_runs_until_now_and_no_life_stands_still() -> None:
    clocks = clocks_of(LIFE[:2], Calendar(), MONDAY + 5 * DAY)
    assert (clocks.ours, clocks.total, clocks.ended_at) == (2 * HOUR, 5 * DAY, None)
    assert clocks_of([], Calendar(), MONDAY).total == timedelta()


@given(CALENDARS, st.lists(st.tuples(INSTANTS, st.sampled_from(list(Stage))), max_size=8), INSTANTS)
def test_the_clocks_of_any_life_hold_together(
    calendar: Calendar, steps: list[tuple[datetime, Stage]], now: datetime
) -> None:
    steps = sorted((step for step in steps if step[0] <= now), key=lambda step: step[0])
    clocks, later = clocks_of(steps, calendar, now), clocks_of(steps, calendar, now + DAY)
    waited = clocks.by_stage.get(Stage.WAITING_ON_CUSTOMER, timedelta())
    assert sum(clocks.by_stage.values(), timedelta()) == clocks.ours + waited
    assert timedelta() <= clocks.ours <= clocks.total
    assert (later.ours, later.total) >= (clocks.ours, clocks.total)


def test_words_have_two_units_at_most() -> None:
    assert words_of(27 * HOUR) == "1 d 3 h"
    assert words_of(11 * HOUR, day=8 * HOUR) == "1 d 3 h"
    assert words_of(timedelta(minutes=130)) == "2 h 10 min"
    assert words_of(2 * DAY + timedelta(minutes=5)) == "2 d"
    assert words_of(-HOUR) == words_of(timedelta(seconds=59)) == "0 min"


def test_nine_of_ten_is_the_nearest_rank() -> None:
    assert share_of([n * HOUR for n in range(1, 11)], 90) == 9 * HOUR
    assert share_of([HOUR], 90) == HOUR
    assert share_of([], 90) is None
