"""What all set-up pages share: the draft, which steps there are, which one may be entered, and the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.models import Connection, Draft, DraftState, Purpose, SetupStep
from integrations.people import COMPUTED, EVENT_FIELD, FIELDS, STATUS_FIELD
from integrations.permissions import SETTERS
from integrations.services.draft_choices import sendable
from integrations.services.drafts import DraftRefused
from integrations.views.shared import DeskRequest, connection_of
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson

LABELS = {
    SetupStep.PREREQUISITES: gettext_noop("Before you start"),
    SetupStep.ADMIN: gettext_noop("Who has the rights"),
    SetupStep.CONSENT: gettext_noop("What is read"),
    SetupStep.AUTHENTICATE: gettext_noop("Connect"),
    SetupStep.FILTER: gettext_noop("Who comes in"),
    SetupStep.MAP: gettext_noop("What is shown"),
    SetupStep.PLAN: gettext_noop("See the plan"),
    SetupStep.DONE: gettext_noop("Confirmed"),
}
_ORDER = tuple(SetupStep)
_OF_SETUP = _ORDER[:-1]
_OF_CHANGE = (
    SetupStep.CONSENT,
    SetupStep.AUTHENTICATE,
    SetupStep.FILTER,
    SetupStep.MAP,
    SetupStep.PLAN,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One step in the stepper; `url` is empty where one cannot go yet."""

    number: int
    title: str
    state: str
    url: str


def open_draft_of(request: DeskRequest, public_id: UUID) -> tuple[Connection, Draft | None]:
    """Raises Http404 as `connection_of` does."""
    connection = connection_of(request.user, public_id)
    drafts = Draft.objects.filter(connection=connection, state=DraftState.OPEN)
    draft = drafts.select_related("plan", "created_by").first()
    if draft is not None:
        draft.connection = connection
    return connection, draft


def step_of(slug: str) -> SetupStep:
    """Raises Http404."""
    try:
        return SetupStep(slug)
    except ValueError:
        raise Http404 from None


def steps_of(draft: Draft) -> tuple[SetupStep, ...]:
    return _OF_CHANGE if draft.purpose == Purpose.CHANGE else _OF_SETUP


def may_enter(draft: Draft, step: SetupStep) -> bool:
    """A change begins with everything settled already; a set-up goes as far as its own steps have come."""
    if step not in steps_of(draft):
        return False
    return draft.purpose == Purpose.CHANGE or _ORDER.index(step) <= _ORDER.index(_reached(draft))


def _reached(draft: Draft) -> SetupStep:
    """The furthest step whose predecessors are done, wherever somebody went back to meanwhile."""
    if not draft.consented_at:
        return min(SetupStep(draft.step), SetupStep.CONSENT, key=_ORDER.index)
    if not (draft.authenticated_at or draft.rehearses):
        return SetupStep.AUTHENTICATE
    if not draft.filter_confirmed_at:
        return SetupStep.FILTER
    return SetupStep.PLAN if draft.plan_id or draft.step == SetupStep.PLAN else SetupStep.MAP


def current_step(draft: Draft) -> SetupStep:
    """Where the draft goes on; the last step when everything is there."""
    step = SetupStep(draft.step)
    return step if may_enter(draft, step) else _reached(draft)


def step_url(connection: Connection, step: SetupStep, query: QueryDict | None = None) -> str:
    return reverse("setup_step", args=[connection.public_id, step.value], query=query)


def goes_to(draft: Draft, step: SetupStep) -> HttpResponse:
    return redirect(step_url(draft.connection, step))


def step_behind(request: DeskRequest, connection: Connection, step: SetupStep) -> HttpResponse:
    """Whoever looks at the address of a form, where its refusal was shown, comes to the form's own page."""
    return redirect(step_url(connection, step, request.GET))


def may_change(user: User) -> bool:
    return user.role in SETTERS


def refused(request: DeskRequest, error: DraftRefused | NeedsPerson) -> None:
    """In case "changed" the page comes back with what was typed, ready to be saved over what a colleague did."""
    messages.error(request, error.sentence)


def version_of(request: DeskRequest) -> int:
    """Which version of the draft the page had seen; 0, which no draft has, for nonsense."""
    text = request.POST.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def page(
    request: DeskRequest, draft: Draft, step: SetupStep, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The page of a step inside the frame."""
    marks = _marks(draft, step)
    at = next((number for number, mark in enumerate(marks) if mark.state == "now"), 0)
    return render(
        request,
        f"integrations/setup/{step.value}.html",
        {
            "connection": draft.connection,
            "company": draft.connection.company,
            "card": draft.connection.provider,
            "draft": draft,
            "step": step,
            "marks": marks,
            "mark": marks[at],
            "back": marks[at - 1].url if at else "",
            "is_change": draft.purpose == Purpose.CHANGE,
            "was_confirmed": draft.connection.confirmed_at is not None,
            "can_change": may_change(request.user),
            **context,
        },
        status=status,
    )


def _marks(draft: Draft, step: SetupStep) -> list[Mark]:
    reached = _ORDER.index(SetupStep.PLAN if draft.purpose == Purpose.CHANGE else _reached(draft))
    marks = []
    for number, each in enumerate(steps_of(draft), 1):
        state = "now" if each == step else "done" if _ORDER.index(each) < reached else "next"
        url = step_url(draft.connection, each) if may_enter(draft, each) else ""
        marks.append(Mark(number, _(LABELS[each]), state, url))
    return marks


# --- fields ----------------------------------------------------------------------------------------------------


def source_fields(draft: Draft, counts: dict[str, int]) -> list[str]:
    """Fields that may be mapped: what the mapping has, what the HR system sent, and nothing that was declined."""
    known = FIELDS if draft.rehearses else sendable(draft.connection.provider)
    found = {*known, *draft.rules.mapping.fields, *counts} - set(COMPUTED)
    return _in_order(found - set(draft.declined))


def filter_fields(draft: Draft, counts: dict[str, int]) -> list[str]:
    """Fields that a filter may ask about: those that may be mapped and what is computed from a record."""
    computed = {STATUS_FIELD} | ({EVENT_FIELD} if draft.connection.provider.events else set())
    asked = dict.fromkeys(draft.rules.filter.fields, 0)
    return [*source_fields(draft, {**asked, **counts}), *_in_order(computed)]


def _in_order(names: set[str]) -> list[str]:
    order = {name: number for number, name in enumerate((*FIELDS, *COMPUTED))}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))
