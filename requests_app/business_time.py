"""Business time and the two clocks of a request: pure arithmetic on instants, without Django."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from requests_app.lifecycle import Stage

ONE_DAY = timedelta(days=1)
NOTHING = timedelta()
_GREENWICH = ZoneInfo("UTC")
PAUSED = frozenset({Stage.WAITING_ON_CUSTOMER})
ENDS = frozenset(stage for stage in Stage if not stage.is_open)
_MOST_DAYS = 3660  # a calendar that is closed for ten years will not open again
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the desk works: `opens` and `closes` in minutes after midnight on the wall clock of `zone`.

    `days` are weekdays (Monday is 0), `closed` the dates without work. Raises ValueError for hours that cannot be.
    """

    opens: int = 9 * 60
    closes: int = 17 * 60
    days: frozenset[int] = frozenset(range(5))
    zone: ZoneInfo = _GREENWICH
    closed: Container[date] = frozenset()
    _spans: dict[date, Span | None] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.opens < self.closes <= 24 * 60:
            raise ValueError("Business hours must begin before they end, within one day.")
        if not self.days or not self.days <= set(range(7)):
            raise ValueError("Business days must be some of the seven weekdays.")

    @property
    def day(self) -> timedelta:
        """How long one business day is."""
        return timedelta(minutes=self.closes - self.opens)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The business time from `start` to `end`; nothing when `end` is earlier. Both are aware."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        total, day, last = NOTHING, self._date_of(start), self._date_of(end)
        while day <= last:
            if span := self._span(day):
                total += max(min(span[1], end) - max(span[0], start), NOTHING)
            day += ONE_DAY
        return total

    def after(self, start: datetime, worked: timedelta) -> datetime:
        """The first instant at which `worked` of business time has passed since `start`.

        Raises ValueError when the calendar does not open for ten years.
        """
        if worked <= NOTHING:
            return start
        start, day = start.astimezone(UTC), self._date_of(start)
        for _ in range(_MOST_DAYS):
            if span := self._span(day):
                begin = max(span[0], start)
                if begin + worked <= span[1]:
                    return begin + worked
                worked -= max(span[1] - begin, NOTHING)
            day += ONE_DAY
        raise ValueError("The business calendar never opens.")

    def before(self, end: datetime, worked: timedelta) -> datetime:
        """The latest instant from which `worked` of business time has passed at `end`: what began by then is due."""
        if worked <= NOTHING:
            return end
        end, day = end.astimezone(UTC), self._date_of(end)
        for _ in range(_MOST_DAYS):
            if span := self._span(day):
                finish = min(span[1], end)
                if finish - worked >= span[0]:
                    return finish - worked
                worked -= max(finish - span[0], NOTHING)
            day -= ONE_DAY
        raise ValueError("The business calendar never opens.")

    def _date_of(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def _span(self, day: date) -> Span | None:
        """When the desk opens and closes on this day, in UTC, where a day of clock changes is no special case."""
        if day not in self._spans:
            is_open = day.weekday() in self.days and day not in self.closed
            self._spans[day] = (self._at(day, self.opens), self._at(day, self.closes)) if is_open else None
        return self._spans[day]

    def _at(self, day: date, minutes: int) -> datetime:
        days, minutes = divmod(minutes, 24 * 60)
        wall = time(*divmod(minutes, 60))
        return datetime.combine(day + days * ONE_DAY, wall, tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long a request has taken: `ours` in business time, without the customer's turns; `total` by the calendar.

    `by_stage` is business time too, the customer's turns included, in the order in which the stages were first met.
    `ended_at` is when it became live or was otherwise over; None while it is open. `day` is one business day.
    """

    ours: timedelta
    total: timedelta
    by_stage: Mapping[Stage, timedelta]
    ended_at: datetime | None = None
    day: timedelta = 8 * timedelta(hours=1)

    @property
    def ours_words(self) -> str:
        return words_of(self.ours, day=self.day)

    @property
    def total_words(self) -> str:
        return words_of(self.total)

    @property
    def stage_words(self) -> dict[Stage, str]:
        return {stage: words_of(spent, day=self.day) for stage, spent in self.by_stage.items()}


def clocks_of(steps: Sequence[tuple[datetime, Stage]], calendar: Calendar, now: datetime) -> Clocks:
    """The clocks of a life given as (instant, stage entered), oldest first. No step: both clocks stand at nothing."""
    if not steps:
        return Clocks(NOTHING, NOTHING, {}, None, calendar.day)
    ended = next((at for at, stage in steps if stage in ENDS), None)
    until = ended or now
    by_stage: dict[Stage, timedelta] = {}
    for (at, stage), following in zip(steps, [*(step[0] for step in steps[1:]), until], strict=True):
        if stage not in ENDS and at <= until:
            spent = calendar.between(at, min(following, until))
            by_stage[stage] = by_stage.get(stage, NOTHING) + spent
    ours = sum((spent for stage, spent in by_stage.items() if stage not in PAUSED), NOTHING)
    return Clocks(ours, max(until - steps[0][0], NOTHING), by_stage, ended, calendar.day)


def words_of(duration: timedelta, *, day: timedelta = ONE_DAY) -> str:
    """ "1 d 3 h", "2 h 10 min", "5 min": at most two units, where a day is as long as `day`."""
    days, rest = divmod(max(duration, NOTHING), day)
    hours, rest = divmod(rest, timedelta(hours=1))
    minutes = rest // timedelta(minutes=1)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    first = next((index for index, (count, _) in enumerate(parts) if count), 2)
    shown = [f"{count} {unit}" for count, unit in parts[first : first + 2] if count]
    return " ".join(shown) or "0 min"


def median_of(durations: Iterable[timedelta]) -> timedelta | None:
    """The middle one; None of none."""
    return share_of(durations, 50)


def share_of(durations: Iterable[timedelta], percent: int) -> timedelta | None:
    """The shortest duration within which `percent` of them lie (nearest rank); None of none."""
    known = sorted(durations)
    return known[max(-(-len(known) * percent // 100), 1) - 1] if known else None
