"""The desk's business calendar and its service targets, read from the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import holidays
from django.conf import settings

from requests_app.business_time import Calendar
from requests_app.lifecycle import Stage

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class ClosedOn:
    """The public holidays of a country ("US", "DE-BE") and further dates; `in` computes a year when it is asked for.

    Raises ValueError for a country that the library does not know.
    """

    def __init__(self, country: str, dates: Iterable[date]) -> None:
        code, _, part = country.strip().partition("-")
        try:
            known = holidays.country_holidays(code, subdiv=part or None) if code else None
        except NotImplementedError:
            raise ValueError(f"BUSINESS_HOLIDAYS: no holidays are known for {country!r}.") from None
        self._holidays: Mapping[date, str] | None = known
        self._dates = frozenset(dates)

    def __contains__(self, day: object) -> bool:
        return day in self._dates or (self._holidays is not None and day in self._holidays)


def business_calendar() -> Calendar:
    """As the settings have it. Raises ValueError, naming the setting that cannot be read."""
    return _calendar(
        settings.BUSINESS_HOURS,
        settings.BUSINESS_DAYS,
        settings.BUSINESS_TIME_ZONE,
        settings.BUSINESS_HOLIDAYS,
        tuple(settings.BUSINESS_CLOSED),
    )


def service_targets() -> Mapping[Stage, timedelta]:
    """How long a stage may last in business time. Raises ValueError for a target that cannot be read."""
    return _targets(settings.SERVICE_TARGETS)


@lru_cache(maxsize=8)
def _calendar(hours: str, days: str, zone: str, country: str, closed: tuple[str, ...]) -> Calendar:
    opens, _, closes = hours.partition("-")
    try:
        dates = [date.fromisoformat(day.strip()) for day in closed]
        return Calendar(
            opens=_minutes(opens),
            closes=_minutes(closes),
            days=_weekdays(days),
            zone=ZoneInfo(zone),
            closed=ClosedOn(country, dates) if country or dates else frozenset(),
        )
    except (ValueError, KeyError) as error:
        raise ValueError(f"The business calendar cannot be read (BUSINESS_…): {error}") from error


def _minutes(text: str) -> int:
    """ "09:00" in minutes; "24:00" is the end of the day."""
    hour, _, minute = text.strip().partition(":")
    if not 0 <= int(minute) < 60:
        raise ValueError(f"{text!r} is no time.")
    return int(hour) * 60 + int(minute)


def _weekdays(text: str) -> frozenset[int]:
    """ "mon-fri" or "sun-thu" or "mon,wed,fri"."""
    found: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        begin, end = _WEEKDAYS.index(first[:3]), _WEEKDAYS.index((last or first)[:3])
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(found)


@lru_cache(maxsize=8)
def _targets(text: str) -> Mapping[Stage, timedelta]:
    pairs = [part.partition("=") for part in text.replace(" ", "").split(",") if part]
    try:
        found = {Stage(name): timedelta(hours=float(hours)) for name, _, hours in pairs}
    except ValueError as error:
        raise ValueError(f"SERVICE_TARGETS cannot be read: {error}") from error
    if any(hours <= timedelta() for hours in found.values()):
        raise ValueError("SERVICE_TARGETS must be hours above zero.")
    return MappingProxyType(found)
