"""Filter and mapping in words, in the reader's language: what receipts and pages say alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from integrations import people
from integrations.engine.filtering import Clause, Rule
from integrations.engine.mapping import Origin, When
from integrations.engine.problems import shape_told
from integrations.engine.saying import in_words
from integrations.engine.transforms import Do, Step
from integrations.people import ATTRIBUTES

NOBODY: Mapping[str, str] = {}
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WHEN = {
    When.NEW: gettext_noop("only when somebody is new"),
    When.EMPTY: gettext_noop("only while it is empty here"),
}
_CASES = {
    "lower": gettext_noop("in small letters"),
    "upper": gettext_noop("in capital letters"),
    "title": gettext_noop("each word with a capital"),
}


def _part(step: Step) -> str:
    said = {"by": step.by if step.by.strip() else _("spaces"), "number": step.part + 1}
    if step.part == -1:
        return _("the last part between “%(by)s”") % said
    if step.part < 0:
        return _("part %(number)s from the end between “%(by)s”") % {**said, "number": -step.part}
    return _("part %(number)s between “%(by)s”") % said


def _table(step: Step) -> str:
    number = len(step.table)
    said = ngettext(
        "translated by a table of %(number)s value", "translated by a table of %(number)s values", number
    )
    return said % {"number": number}


_STEPS: Mapping[Do, Callable[[Step], str]] = {
    Do.TRIM: lambda step: _("without needless spaces"),
    Do.CASE: lambda step: _(_CASES[step.how]),
    Do.LOOKUP: _table,
    Do.JOIN: lambda step: _("joined with “%(by)s”") % {"by": step.by},
    Do.SPLIT: _part,
    Do.CONSTANT: lambda step: _("always “%(value)s”") % {"value": step.value},
    Do.DATE: lambda step: _("a date written as %(how)s") % {"how": step.how},
}


def field_label(field: str) -> str:
    """What a field is called; a custom one bears the vendor's name."""
    return _(people.field_label(field)) if field else ""


def attribute_label(name: str) -> str:
    """An attribute of the directory, or whatever else a change or a problem is about."""
    return _(ATTRIBUTES[name]) if name in ATTRIBUTES else field_label(name)


def shape_words(shape: str) -> str:
    """What a value looks like that could not be used: "12 characters", "text aaa-99"."""
    return in_words(shape_told(shape), _)


def day_words(value: str) -> str:
    """A value that is a day, such as 2026-03-01, as the reader writes it: "1 March 2026". Any other as it is."""
    if not _DAY.fullmatch(value):
        return value
    try:
        return date_format(date.fromisoformat(value), _("j F Y"))
    except ValueError:  # 31 February
        return value


def clause_words(clause: Clause, names: Mapping[str, str] = NOBODY) -> str:
    """ "Department is one of “Care”, “Surgery”". `names` are what managers are called, by the HR system's key."""
    known = names if clause.field == people.MANAGER else NOBODY
    said = (known.get(value) or day_words(value) for value in clause.values)
    values = _(", ").join(_("“%(value)s”") % {"value": value} for value in said)
    return " ".join(filter(None, (field_label(clause.field), _(clause.op.label), values)))


def rule_words(
    rule: Rule,
    names: Mapping[str, str] = NOBODY,
    words: Callable[[Clause, Mapping[str, str]], str] = clause_words,
) -> str:
    """ "Department is one of “Care”, “Surgery” and Country is “Germany”"."""
    return _(" and ").join(words(clause, names) for clause in rule)


def fields_words(origin: Origin) -> str:
    """ "Work e-mail, else Personal e-mail"."""
    joins = any(step.do is Do.JOIN for step in origin.steps)
    return (_(" and ") if joins else _(", else ")).join(map(field_label, origin.fields))


def steps_words(origin: Origin) -> Iterable[str]:
    """What is done with the value. That the first field wins is said by `fields_words`."""
    return (_STEPS[step.do](step) for step in origin.steps if step.do is not Do.FIRST)


def when_words(origin: Origin) -> str:
    """When the attribute is written; "" for always."""
    return _(_WHEN[origin.when]) if origin.when in _WHEN else ""
