"""Check your answers: everything that was given, section by section, before the request is submitted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from integrations.provider import Owner, Topic
from portal.accounts.models import User
from portal.accounts.policy import DESK
from requests_app import queries
from requests_app.models import AnswerState, Request
from requests_app.queries import Line, TopicState
from requests_app.services.answers import may_give
from requests_app.views.buttons import Button, buttons
from requests_app.views.shared import DeskRequest, staff_req
from requests_app.views.tasklist import OWNER_WORDS

_NOT_GIVEN = (AnswerState.MISSING, AnswerState.POSTPONED)


@dataclass(frozen=True, slots=True)
class Checked:
    """One line: the question, the answer, who gave it, and the address where it is changed (empty: not by you)."""

    line: Line
    change_url: str

    @property
    def shown(self) -> str:
        return "" if self.line.answer.state in _NOT_GIVEN else queries.shown_value(self.line.answer)

    @property
    def given_by(self) -> str:
        """Whoever answered for the customer is named as such."""
        answer = self.line.answer
        if answer.provided_by is None or not self.shown:
            return ""
        behalf = self.line.item.owner == Owner.CUSTOMER and answer.provided_by.is_desk_staff
        return f"answered by {answer.provided_by}{' for the customer' if behalf else ''}"

    @property
    def waits(self) -> str:
        return f"Waiting on {OWNER_WORDS[Owner(self.line.item.owner)]}" if self.line.is_open else ""

    @property
    def comment(self) -> str:
        """Why it was waived, postponed or sent back."""
        answer = self.line.answer
        words = {
            AnswerState.WAIVED: "Waived",
            AnswerState.POSTPONED: f"Not there yet, promised for {_day(answer.due_on)}",
            AnswerState.CHANGE_REQUESTED: "Sent back",
        }.get(AnswerState(answer.state), "")
        return f"{words}: {answer.comment}" if words and answer.comment else words


@dataclass(frozen=True, slots=True)
class Section:
    topic: Topic
    lines: tuple[Checked, ...]


@require_safe
def request_check(request: DeskRequest, number: int) -> HttpResponse:
    req = staff_req(request.user, number)
    states = queries.checklist(req, queries.audience_of(request.user))
    waiting = queries.waiting_on(req)
    context = {
        "req": req,
        "sections": [_section(req, state, request.user) for state in states],
        "waiting_words": queries.waiting_words(req.current_stage, waiting),
        "open_count": sum(waiting.values()),
        "submit": _submit(req, request.user, missing=bool(waiting)),
    }
    return render(request, "requests_app/check.html", context)


def _section(req: Request, state: TopicState, user: User) -> Section:
    """Without what is asked only under a condition that does not hold."""
    shown = [line for line in state.lines if line.applies]
    return Section(state.topic, tuple(Checked(line, _change_url(req, line, user)) for line in shown))


def _change_url(req: Request, line: Line, user: User) -> str:
    """The topic's page leads back here (`next=check`)."""
    if user.role not in DESK or not may_give(line.item, user, req.current_stage):
        return ""
    return f"{reverse('request_topic', args=[req.number, line.item.topic])}?next=check#item-{line.item.pk}"


def _submit(req: Request, user: User, *, missing: bool) -> Button | None:
    found = buttons(req, user, waits_for_customer=False, something_missing=missing)
    return next((button for button in found if button.name == "submit"), None)


def _day(when: date | None) -> str:
    return f"{when.day} {when:%B %Y}" if when else "later"
