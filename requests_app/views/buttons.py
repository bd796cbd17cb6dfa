"""The moves that somebody may try now, as buttons: first the one to press, last those that end things."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.urls import reverse

from portal.accounts.models import User
from requests_app.lifecycle import Move, Stage, moves_from
from requests_app.models import Request
from requests_app.views.shared import actor_of

# Decided on the review page, where the evidence is.
DECISIONS = frozenset({"approve", "send_back", "reject"})
_ENDS = frozenset({"cancel", "reject"})
_ASKS = {
    "cancel": "Why is it cancelled?",
}
_BUSY = {"submit": "Submitting…", "approve": "Approving…"}


@dataclass(frozen=True, slots=True)
class Button:
    """`href` for a page of its own; else a POST to request_move, through a dialog when `form` has to ask."""

    name: str
    label: str
    tone: str
    href: str = ""
    busy: str = ""
    form: forms.Form | None = None

    @property
    def dialog(self) -> str:
        return f"move-{self.name}"


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))


def buttons(
    req: Request, user: User, waits_for_customer: bool, something_missing: bool
) -> tuple[Button, ...]:
    """Primary first, what ends the request last. Decisions are one link to the review page."""
    actor = actor_of(user)
    moves = moves_from(req.current_stage, actor) if actor else ()
    asks_customer = waits_for_customer and req.current_stage != Stage.WAITING_ON_CUSTOMER
    first = "send_to_customer" if asks_customer else "" if something_missing else "submit"
    found = [_button(req, move, first) for move in moves if move.name not in DECISIONS]
    if any(move.name == "approve" for move in moves):
        found.append(Button("review", "Review", "primary", href=reverse("request_review", args=[req.number])))
    order = {"primary": 0, "": 1, "danger": 2}
    return tuple(sorted(found, key=lambda button: order[button.tone]))


def reason_form(name: str) -> ReasonForm:
    form = ReasonForm(auto_id=f"{name}-%s")
    form.fields["reason"].label = _ASKS[name]
    return form


def _button(req: Request, move: Move, first: str) -> Button:
    tone = "primary" if move.name == first else "danger" if move.name in _ENDS else ""
    if move.name == "send_to_customer":
        label = "Send again" if req.stage == move.to else move.label
        return Button(move.name, label, tone, href=reverse("request_invite", args=[req.number]))
    form = reason_form(move.name) if move.needs_reason else None
    return Button(move.name, move.label, tone, busy=_BUSY.get(move.name, ""), form=form)
