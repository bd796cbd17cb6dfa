"""Words of the set-up pages: comparisons, statuses, steps, and the sentence that says what a plan does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext_lazy

from integrations.engine.diff import LineKind
from integrations.engine.mapping import When
from integrations.engine.plan import REGROUPED
from integrations.engine.transforms import Do
from integrations.people import Status

STATUSES = {
    Status.ACTIVE.value: gettext_noop("Active"),
    Status.LEAVE.value: gettext_noop("On leave"),
    Status.PREHIRE.value: gettext_noop("Not started yet"),
    Status.TERMINATED.value: gettext_noop("Has left"),
}
DOES = {
    Do.TRIM: gettext_noop("Remove needless spaces"),
    Do.CASE: gettext_noop("Capital or small letters"),
    Do.LOOKUP: gettext_noop("Replace by a table"),
    Do.JOIN: gettext_noop("Join the fields"),
    Do.SPLIT: gettext_noop("Take a part"),
    Do.FIRST: gettext_noop("The first that is not empty"),
    Do.DATE: gettext_noop("Read as a date"),
    Do.CONSTANT: gettext_noop("The same text for everybody"),
}
CASES = {
    "lower": gettext_noop("all small"),
    "upper": gettext_noop("all capital"),
    "title": gettext_noop("each word with a capital"),
}
PARTS = {
    "0": gettext_noop("the first part"),
    "1": gettext_noop("the second part"),
    "2": gettext_noop("the third part"),
    "-1": gettext_noop("the last part"),
}
WHENS = {
    When.ALWAYS: gettext_noop("Always: the HR system overwrites it"),
    When.NEW: gettext_noop("Only when somebody is new"),
    When.EMPTY: gettext_noop("Only while it is empty here"),
}
# Removals first: what somebody must not overlook when they confirm.
CONSEQUENCES = {
    LineKind.DEACTIVATED: ngettext_lazy(
        "%(number)s person is deactivated", "%(number)s people are deactivated", "count"
    ),
    LineKind.ADDED: ngettext_lazy("%(number)s person comes in", "%(number)s people come in", "count"),
    LineKind.RETURNED: ngettext_lazy("%(number)s person comes back", "%(number)s people come back", "count"),
    LineKind.MATCHED: ngettext_lazy(
        "%(number)s person who is there already is taken over",
        "%(number)s people who are there already are taken over",
        "count",
    ),
    LineKind.CHANGED: ngettext_lazy("%(number)s person is changed", "%(number)s people are changed", "count"),
    REGROUPED: ngettext_lazy(
        "%(number)s person changes groups only", "%(number)s people change groups only", "count"
    ),
}
_GROUPS = {
    "groups_made": ngettext_lazy("%(number)s group is made.", "%(number)s groups are made.", "count"),
    "joined": ngettext_lazy("%(number)s membership begins.", "%(number)s memberships begin.", "count"),
    "left_groups": ngettext_lazy("%(number)s membership ends.", "%(number)s memberships end.", "count"),
}
_INVITED, _MAILED = (
    ngettext_lazy(
        "%(number)s invitation is made, without a mail.",
        "%(number)s invitations are made, without mails.",
        "count",
    ),
    ngettext_lazy(
        "%(number)s invitation is made, with a mail.",
        "%(number)s invitations are made, each with a mail.",
        "count",
    ),
)


def consequences(counts: Mapping[str, int]) -> str:
    """ "3 people are deactivated, 120 people come in and 4 people are changed." """
    said = [_counted(words, counts[kind]) for kind, words in CONSEQUENCES.items() if counts.get(kind)]
    if not said:
        return _("Nobody is changed.")
    if len(said) == 1:
        return _("%(what)s.") % {"what": said[0]}
    return _("%(first)s and %(last)s.") % {"first": _(", ").join(said[:-1]), "last": said[-1]}


def follows(counts: Mapping[str, int]) -> list[str]:
    """Sentences on groups and invitations: "8 groups are made.", "250 memberships begin." … None of an older receipt."""
    if "joined" not in counts:
        return []
    said = [_counted(words, counts[name]) for name, words in _GROUPS.items() if counts[name]]
    invited = _counted(_MAILED if counts["mailed"] else _INVITED, counts["invited"])
    return [
        *(said or [_("Groups stay as they are.")]),
        invited if counts["invited"] else _("Nobody is invited, and no mails are sent."),
    ]


def _counted(words: Any, number: int) -> str:
    """`words` are of ngettext_lazy."""
    return str(words % {"count": number, "number": intcomma(number)})
