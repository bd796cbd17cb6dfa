"""Sentences that were stored in English, numbers and all, told in the reader's language.

"The HR system sent 3 people. Nobody was changed." is looked up as a whole, else sentence by sentence with a place for
each number and each day: "The HR system sent %(n1)s people."
"""

from __future__ import annotations

import calendar
import re
from datetime import date

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext

_MONTHS = {calendar.month_name[number]: number for number in range(1, 13)}
_DAY = rf"(?P<day>[12]?\d|3[01]) (?P<month>{'|'.join(_MONTHS)}) (?P<year>\d{{4}})"
_NUMBER = re.compile(rf"(?<![\w.,%-])(?:{_DAY}|\d{{1,3}}(?:,\d{{3}})+|\d+)(?!\w|[.,-]\d)")
_BETWEEN = re.compile(r"(?<=[.!?]) (?=[A-Z0-9“])")


def retold(text: str) -> str:
    """As it was stored where the catalogue does not know all of it."""
    if not text:
        return ""
    whole = gettext(text)
    if whole != text:
        return whole
    told = [_sentence(sentence) for sentence in _BETWEEN.split(text)]
    return " ".join(filter(None, told)) if all(told) else text


def templates(text: str) -> list[str]:
    """What the catalogue has to know for `retold` to tell this text."""
    return [_template(sentence)[0] for sentence in _BETWEEN.split(text)]


def _sentence(sentence: str) -> str:
    """ "" for a sentence that the catalogue does not know."""
    template, numbers = _template(sentence)
    told = gettext(template)
    if told == template:
        return ""
    return told % numbers if numbers else told


def _template(sentence: str) -> tuple[str, dict[str, str]]:
    numbers: dict[str, str] = {}

    def place(found: re.Match[str]) -> str:
        name = f"n{len(numbers) + 1}"
        numbers[name] = _localised(found)
        return f"%({name})s"

    return _NUMBER.sub(place, sentence), numbers


def _localised(found: re.Match[str]) -> str:
    if month := found["month"]:
        try:
            return date_format(date(int(found["year"]), _MONTHS[month], int(found["day"])), gettext("j F Y"))
        except ValueError:  # 31 February
            return found[0]
    return number_format(int(found[0].replace(",", "")), force_grouping=True)
