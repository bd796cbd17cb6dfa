"""The page on which a team lead decides: everything at once, and two people never on different contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from integrations.provider import Audience, Owner, Topic
from portal.accounts.models import User
from requests_app import queries
from requests_app.lifecycle import Stage
from requests_app.models import AnswerState, Item, Request
from requests_app.queries import Line
from requests_app.services.changes import Changed, changes_since, last_decision
from requests_app.services.setting_up import has_set_up, set_up_of
from requests_app.services.warnings import warnings_of
from requests_app.views.detail import preview
from requests_app.views.shared import DeskRequest, staff_req

_TONES = {
    AnswerState.PROVIDED: "neutral",
    AnswerState.ACCEPTED: "good",
    AnswerState.WAIVED: "purple",
    AnswerState.CHANGE_REQUESTED: "warn",
    AnswerState.POSTPONED: "warn",
}


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into the page and not yet done, by the item's number; a refusal gives it back."""

    comments: Mapping[int, str] = field(default_factory=dict)
    waivers: Mapping[int, str] = field(default_factory=dict)
    reason: str = ""
    rejection: str = ""

    def __bool__(self) -> bool:
        return bool(self.comments or self.waivers or self.reason or self.rejection)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as the team lead reads it, with what they typed about it."""

    line: Line
    reader: User
    changed: Changed | None
    comment: str
    waiver: str

    @property
    def item(self) -> Item:
        return self.line.item

    @property
    def words(self) -> str:
        return queries.shown_value(self.line.answer)

    @property
    def tone(self) -> str:
        return _TONES.get(AnswerState(self.line.answer.state), "bad")

    @property
    def on_behalf(self) -> bool:
        """The desk answered what the customer was asked."""
        by = self.line.answer.provided_by
        return by is not None and by.is_desk_staff and self.line.item.owner == Owner.CUSTOMER

    @property
    def can_be_accepted(self) -> bool:
        answer = self.line.answer
        return answer.state == AnswerState.PROVIDED and answer.provided_by_id != self.reader.pk

    @property
    def is_waived(self) -> bool:
        return bool(self.line.answer.state == AnswerState.WAIVED)


@dataclass(frozen=True, slots=True)
class Section:
    """A topic with the answers that are asked or given."""

    topic: Topic
    told: tuple[Told, ...]

    @property
    def acceptable(self) -> int:
        return sum(each.can_be_accepted for each in self.told)


@require_safe
def request_review(request: DeskRequest, number: int) -> HttpResponse:
    return review_page(request, staff_req(request.user, number))


def review_page(
    request: DeskRequest, req: Request, typed: Typed | None = None, trouble: str = "", status: int = 200
) -> HttpResponse:
    """The page as the request is now; `trouble` is why the last decision was refused."""
    typed = typed or Typed()
    states = queries.checklist(req, Audience.TL)
    lines = {line.item.key: line for state in states for line in state.lines if line.applies}
    missing = [line.item for line in lines.values() if line.is_open]
    ticket, ticket_trouble = preview(req)
    own = request.user.pk in queries.editors(req)
    is_open = req.current_stage == Stage.SUBMITTED
    before = last_decision(req)
    changes = changes_since(req, before.at) if before else {}
    context = {
        "req": req,
        "own": own,
        "open": is_open,
        "can_waive": is_open or req.current_stage.is_in_preparation,
        "can_approve": is_open and not own and not missing and not ticket_trouble,
        "missing": missing,
        "warnings": _warnings(req, lines),
        "sections": _sections(request.user, states, changes, typed),
        "before": before,
        "changes": [changed for key, changed in changes.items() if key in lines],
        "ticket": ticket,
        "ticket_trouble": ticket_trouble,
        "evidence": queries.held_evidence(req).order_by("pk"),
        "has_setup": has_set_up(req),
        "setup": set_up_of(req),
        "typed": typed,
        "trouble": trouble,
    }
    return render(request, "requests_app/review.html", context, status=status)


def _sections(
    user: User, states: list[queries.TopicState], changes: Mapping[str, Changed], typed: Typed
) -> list[Section]:
    def told(line: Line) -> Told:
        pk = line.item.pk
        comment, waiver = typed.comments.get(pk, ""), typed.waivers.get(pk, "")
        return Told(line, user, changes.get(line.item.key), comment, waiver)

    sections = (
        Section(state.topic, tuple(told(line) for line in state.lines if _is_told(line))) for state in states
    )
    return [section for section in sections if section.told]


def _is_told(line: Line) -> bool:
    """What is required, and what was given although it is optional."""
    return line.applies and (line.required or line.answer.state != AnswerState.MISSING)


def _warnings(req: Request, lines: Mapping[str, Line]) -> list[dict[str, Any]]:
    """Each sentence with the items that it is about, as far as they are on the page."""
    return [
        {
            "sentence": warning.sentence,
            "items": [lines[key].item for key in warning.keys if key in lines and _is_told(lines[key])],
        }
        for warning in warnings_of(req)
    ]
