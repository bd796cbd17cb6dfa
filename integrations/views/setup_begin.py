"""The first steps of a set-up: what it takes, who has the rights, and what will be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.engine.mapping import Origin
from integrations.engine.rules import Rules
from integrations.forms_setup import ConsentForm
from integrations.models import Draft, Purpose, SetupStep
from integrations.people import ATTRIBUTES
from integrations.provider import OurValue, Provider, Step
from integrations.services import drafts
from integrations.services.drafts import DraftRefused
from integrations.services.wording import field_label
from integrations.sources.blocking import NEVER_READ
from integrations.views.rule_words import filter_words
from integrations.views.setup_frame import current_step, goes_to, page, refused
from integrations.views.setup_keys import reads_and_goes_to, sight_of
from integrations.views.shared import DeskRequest

_NEEDED = ("first_name", "last_name", "email")
_PURPOSES = {
    "first_name": gettext_noop("Who it is: the name in the learning platform."),
    "last_name": gettext_noop("Who it is: the name in the learning platform."),
    "email": gettext_noop("The account's address, and how somebody is recognised."),
    "employee_number": gettext_noop("How somebody is recognised when the e-mail address changes."),
    "manager_id": gettext_noop("So that managers see their team's training."),
    "hired_on": gettext_noop("So that training can be assigned to people who are new."),
    "department": gettext_noop("Groups are made from it, and training is assigned by it."),
    "location": gettext_noop("Training is assigned by it."),
}
_OTHERWISE = gettext_noop("Shown on the profile; people can be found and grouped by it.")


@dataclass(frozen=True, slots=True)
class Shown:
    """One value of ours, ready to be copied."""

    name: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class GuideStep:
    step: Step
    values: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """One field that is read: what it is called there, what it becomes, and what for."""

    name: str
    label: str
    becomes: str
    purpose: str
    may_decline: bool
    is_declined: bool


def prerequisites(request: DeskRequest, draft: Draft) -> HttpResponse:
    if request.method == "POST":
        return _on(draft, SetupStep.ADMIN)
    return page(request, draft, SetupStep.PREREQUISITES, {"guide": guide_of(draft.connection.provider)})


def administrator(request: DeskRequest, draft: Draft) -> HttpResponse:
    """ "I am", or a link for the person who is: the request's own page sends it, once more checked by mail."""
    connection = draft.connection
    if request.method == "POST":
        if request.POST.get("who") == "other" and connection.started_by_request:
            return redirect("setup_forward", connection.public_id)
        return _on(draft, SetupStep.CONSENT)
    return page(request, draft, SetupStep.ADMIN, {"can_forward": bool(connection.started_by_request)})


def consent(request: DeskRequest, draft: Draft) -> HttpResponse:
    reads = reads_of(draft)
    optional = [(read.name, read.label) for read in reads if read.may_decline]
    form = ConsentForm(
        request.POST if request.method == "POST" else None,
        optional=optional,
        initial={"version": draft.version, "use": [one.name for one in reads if not one.is_declined]},
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                drafts.save_consent(
                    draft,
                    declined=form.declined,
                    by=request.user,
                    expected_version=form.cleaned_data["version"],
                )
            except DraftRefused as error:
                refused(request, error)
                draft.refresh_from_db(fields=["version"])
            else:
                return _after_consent(request, draft)
    return page(request, draft, SetupStep.CONSENT, _consent_words(draft, reads, form), status=status)


def _after_consent(request: DeskRequest, draft: Draft) -> HttpResponse:
    """A change goes on with its lists: read again where other fields are allowed than when they were read."""
    step = current_step(draft)
    is_to_read = draft.purpose == Purpose.CHANGE and sight_of(request, draft) is None
    return reads_and_goes_to(draft, step) if is_to_read else goes_to(draft, step)


def _consent_words(draft: Draft, reads: list[Read], form: ConsentForm) -> dict[str, Any]:
    chosen = set(form["use"].value() or ())
    return {
        "form": form,
        "needed": [read for read in reads if not read.may_decline],
        "optional": [(read, read.name in chosen) for read in reads if read.may_decline],
        "never": [_(topic) for topic in NEVER_READ],
        "filters": filter_words(draft.rules.filter, draft.connection),
    }


def reads_of(draft: Draft) -> list[Read]:
    """Every field that the mapping uses, as if nothing were declined, and what was declined; with what it is for."""
    card = draft.connection.provider
    rules = Rules.of(
        card.mapping,
        mapping=draft.mapping,
        filter=draft.filter,
        policy={**card.policy, **draft.policy},
        card_version=card.version,
    )
    uses: dict[str, list[str]] = {}
    for origin in rules.mapping.origins:
        for name in origin.fields:
            uses.setdefault(name, []).append(origin.attribute)
    if rules.mapping.instead_of_email:
        uses.setdefault(rules.mapping.instead_of_email, []).append("email")
    for name in draft.declined:  # it stays on the page, also when nothing is mapped from it any more
        uses.setdefault(name, _on_the_card(card, name))
    return [_read(name, attributes, draft) for name, attributes in uses.items()]


def _on_the_card(card: Provider, field: str) -> list[str]:
    return [name for name, spec in card.mapping.items() if field in Origin.of(name, spec).fields]


def _read(name: str, attributes: list[str], draft: Draft) -> Read:
    return Read(
        name,
        field_label(name),
        ", ".join(_(ATTRIBUTES[attribute]) for attribute in attributes),
        _(_PURPOSES.get(next(iter(attributes), ""), _OTHERWISE)),
        not set(attributes) & set(_NEEDED),
        name in draft.declined,
    )


def guide_of(card: Provider) -> list[GuideStep]:
    """The card's guide with the values of ours that a step asks to copy, as far as there are any."""
    ours = {
        OurValue.EGRESS_ADDRESSES: Shown(
            "egress", _("Our network addresses"), ", ".join(settings.EGRESS_ADDRESSES)
        ),
        OurValue.SUPPORT_EMAIL: Shown("support", _("E-mail address for questions"), settings.SUPPORT_EMAIL),
    }
    return [
        GuideStep(step, tuple(ours[one] for one in step.shows if one in ours and ours[one].value))
        for step in card.guide
    ]


def _on(draft: Draft, step: SetupStep) -> HttpResponse:
    """Never back: a step that was done before stays done."""
    order = list(SetupStep)
    if order.index(SetupStep(draft.step)) < order.index(step):
        drafts.go_to(draft, step)
    return goes_to(draft, step)
