"""A card's guide as the customer's pages show it: its steps, and the values of ours that a step asks to copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.provider import OurValue, Provider, Step


@dataclass(frozen=True, slots=True)
class Shown:
    """One value of ours, ready to be copied."""

    name: str
    label: str | Promise
    value: str


@dataclass(frozen=True, slots=True)
class GuideStep:
    step: Step
    values: tuple[Shown, ...]


_LABELS: Mapping[OurValue, str | Promise] = {
    OurValue.PORTAL_NAME: _("Name"),
    OurValue.REDIRECT_URI: _("Redirect URI"),
    OurValue.SIGN_OUT_URL: _("Sign-out address"),
    OurValue.EGRESS_ADDRESSES: _("Our network addresses"),
    OurValue.SUPPORT_EMAIL: _("E-mail address for questions"),
}


def our_values() -> dict[OurValue, str]:
    """What the settings say today; "" for what this installation does not have."""
    return {
        OurValue.PORTAL_NAME: settings.PORTAL_NAME,
        OurValue.REDIRECT_URI: settings.LMS_REDIRECT_URI,
        OurValue.SIGN_OUT_URL: settings.LMS_SIGN_OUT_URL,
        OurValue.EGRESS_ADDRESSES: ", ".join(settings.EGRESS_ADDRESSES),
        OurValue.SUPPORT_EMAIL: settings.SUPPORT_EMAIL,
    }


def guide_of(card: Provider) -> tuple[GuideStep, ...]:
    """The steps in order; a value that this installation does not have is left out."""
    values = our_values()
    return tuple(
        GuideStep(
            step,
            tuple(Shown(name.value, _LABELS[name], values[name]) for name in step.shows if values[name]),
        )
        for step in card.guide
    )
