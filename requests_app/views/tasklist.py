"""The task list of a request as lines with an address, a status in words, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from integrations.provider import Owner, Topic
from requests_app.models import AnswerState
from requests_app.queries import TopicState

OWNER_WORDS = {
    Owner.CSM: gettext_noop("CSM"),
    Owner.CUSTOMER: gettext_noop("customer"),
    Owner.SUPPORT: gettext_noop("support"),
}


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One line. Only what needs somebody has a tone; "Completed" is plain."""

    state: TopicState
    url: str

    @property
    def topic(self) -> Topic:
        return self.state.topic

    @property
    def label(self) -> str:
        return _(self.topic.label)

    @property
    def changes(self) -> int:
        return sum(line.answer.state == AnswerState.CHANGE_REQUESTED for line in self.state.lines)

    @property
    def words(self) -> str:
        if self.changes:
            return _("Change requested")
        if self.state.is_optional:
            return _("Optional")
        if self.state.is_done:
            return _("Completed")
        if self.state.state == "Not started" and not self.promised_on:
            return _("Not started")
        count = self.state.open_count
        return ngettext("%(count)d to do", "%(count)d to do", count) % {"count": count}

    @property
    def tone(self) -> str:
        return "warn" if self.changes else "" if self.state.is_done else "info"

    @property
    def note(self) -> str:
        owners = [_(OWNER_WORDS[owner]) for owner in self.state.waiting]
        return _("Waiting on %(owners)s") % {"owners": _(" and ").join(owners)} if owners else ""

    @property
    def promised_on(self) -> date | None:
        """The first day for which something open here was promised."""
        promised = (line.answer for line in self.state.lines if line.is_open)
        days = [
            answer.due_on for answer in promised if answer.state == AnswerState.POSTPONED and answer.due_on
        ]
        return min(days, default=None)

    @property
    def promise(self) -> str:
        day = self.promised_on
        return _("Promised for %(day)s") % {"day": date_format(day, _("j F"))} if day else ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many topics are complete."""

    done: int
    total: int


def task_list(states: Iterable[TopicState], url: Callable[[Topic], str]) -> tuple[TopicRow, ...]:
    return tuple(TopicRow(state, url(state.topic)) for state in states)


def progress_of(rows: Sequence[TopicRow]) -> Progress:
    return Progress(sum(row.state.is_done for row in rows), len(rows))


def next_topic(rows: Sequence[TopicRow], now: Topic, owner: Owner) -> TopicRow | None:
    """The topic after this one in which this owner still has something to do."""
    order = list(Topic)
    later = (row for row in rows if order.index(row.topic) > order.index(now))
    return next((row for row in later if row.state.waiting.get(owner)), None)
