"""The form of a connection's credentials, made from its card. Secrets go in and never come out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from integrations.provider import Item, ItemKind, Provider
from integrations.sources.oidc import Discovery
from portal.kit.certificates import ClientCertificate
from portal.kit.errors import NeedsPerson
from portal.kit.retold import retold

_LONGEST_LINE = 500
_LONGEST_BLOCK = 20_000  # a certificate with its chain
_KEY_FAULTS = frozenset({"no_private_key", "pair_mismatch"})


class CredentialsForm(forms.Form):
    """`shown` are the values in the clear, `held` the keys of secrets that we have: they may be left empty.

    `cleaned_data` has what was typed; `settings` is what the service gets.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        shown: Mapping[str, str],
        held: Collection[str],
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, auto_id="credential-%s", use_required_attribute=False)
        self.provider, self.held = provider, frozenset(held)
        for item in provider.credentials:
            self.fields[item.key] = _field(item, shown.get(item.key, ""), held=item.key in self.held)

    @property
    def settings(self) -> dict[str, str]:
        """What was typed. A secret that was left empty keeps its old value and is not in here."""
        return {key: value for key, value in self.cleaned_data.items() if value or key not in self.held}

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("certificate") or values.get("private_key"):
            self._check_certificate(values)
        if isinstance(self.provider.sign_in, Discovery):
            self._check_entries(self.provider.sign_in, values)
        return values

    def _check_certificate(self, values: Mapping[str, Any]) -> None:
        """A pair is renewed together. What is wrong with it is said beside the right field."""
        for key in ("certificate", "private_key"):
            if key in self.fields and not values.get(key) and key not in self.errors:
                self.add_error(
                    key, _("The certificate and its private key are replaced together. Paste this one too.")
                )
        if {"certificate", "private_key"} & set(self.errors):
            return
        try:
            ClientCertificate.from_text(
                values["certificate"], values["private_key"], values.get("passphrase", "")
            )
        except NeedsPerson as error:
            if error.code == "wrong_passphrase" and "passphrase" in self.fields:
                self.add_error("passphrase", retold(error.sentence))
            else:
                self.add_error(
                    "private_key" if error.code in _KEY_FAULTS else "certificate", retold(error.sentence)
                )

    def _check_entries(self, sign_in: Discovery, values: Mapping[str, Any]) -> None:
        """The card's own rules about mixed-up ids, told before anything is sent."""
        typed = {key: str(value) for key, value in values.items() if value}
        for lint in sign_in.lints:
            if lint.setting in self.fields and lint.setting not in self.errors and lint.slips(typed):
                self.add_error(lint.setting, _(lint.words))


def _field(item: Item, shown: str, *, held: bool) -> forms.CharField:
    required = item.required.holds({}) and not held
    label, help_text = _(item.label), _(item.help) if item.help else ""
    if item.kind is not ItemKind.SECRET:
        return _line(item, required=required, initial=shown)
    if item.multiline:
        kept = _("Leave it empty to keep the one that we hold.") if held else ""
        stored = _("It is stored encrypted and never shown again.")
        widget = forms.Textarea(
            attrs={"rows": 5, "autocomplete": "off", "spellcheck": "false", "class": "mono"}
        )
        return _Block(
            label=label,
            required=required,
            max_length=_LONGEST_BLOCK,
            widget=widget,
            help_text=" ".join(filter(None, (help_text, kept, stored))),
            error_messages={"required": _("Paste the %(label)s.") % {"label": _in_sentence(item.label)}},
        )
    secret = forms.PasswordInput(render_value=False, attrs={"data-kind": "secret", "autocomplete": "off"})
    return _line(item, required=required, widget=secret)


class _Block(forms.CharField):
    """Text of several lines. What was pasted is never sent back, not even with an error beside it."""

    def prepare_value(self, value: Any) -> str:
        return ""


def _line(item: Item, *, required: bool, initial: str = "", widget: Any = None) -> forms.CharField:
    return forms.CharField(
        label=_(item.label),
        help_text=_(item.help) if item.help else "",
        required=required,
        initial=initial,
        max_length=_LONGEST_LINE,
        widget=widget or forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Enter the %(label)s.") % {"label": _in_sentence(item.label)}},
    )


def _in_sentence(label: str) -> str:
    """In English its first letter is small; a German noun keeps its capital."""
    said = _(label)
    return _lower(label) if said == label else said


def _lower(label: str) -> str:
    """ "Client ID" stays, "Private key" becomes "private key"."""
    return label if label[1:2].isupper() or label.split()[-1].isupper() else label[:1].lower() + label[1:]
