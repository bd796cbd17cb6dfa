"""The form of a connection's credentials, made from its card. Secrets go in and never come out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django import forms

from integrations.provider import Item, ItemKind, Provider
from integrations.sources.oidc import Discovery
from portal.kit.certificates import ClientCertificate
from portal.kit.errors import NeedsPerson

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
                    key, "The certificate and its private key are replaced together. Paste this one too."
                )
        if {"certificate", "private_key"} & set(self.errors):
            return
        try:
            ClientCertificate.from_text(
                values["certificate"], values["private_key"], values.get("passphrase", "")
            )
        except NeedsPerson as error:
            if error.code == "wrong_passphrase" and "passphrase" in self.fields:
                self.add_error("passphrase", error.sentence)
            else:
                self.add_error("private_key" if error.code in _KEY_FAULTS else "certificate", error.sentence)

    def _check_entries(self, sign_in: Discovery, values: Mapping[str, Any]) -> None:
        """The card's own rules about mixed-up ids, told before anything is sent."""
        typed = {key: str(value) for key, value in values.items() if value}
        for lint in sign_in.lints:
            if lint.setting in self.fields and lint.setting not in self.errors and lint.slips(typed):
                self.add_error(lint.setting, lint.words)


def _field(item: Item, shown: str, *, held: bool) -> forms.CharField:
    required = item.required.holds({}) and not held
    label, help_text = item.label, item.help
    if item.kind is not ItemKind.SECRET:
        return _line(label, help_text, required=required, initial=shown)
    if item.multiline:
        kept = "Leave it empty to keep the one that we hold. " if held else ""
        widget = forms.Textarea(
            attrs={"rows": 5, "autocomplete": "off", "spellcheck": "false", "class": "mono"}
        )
        return _Block(
            label=label,
            required=required,
            max_length=_LONGEST_BLOCK,
            widget=widget,
            help_text=f"{help_text} {kept}It is stored encrypted and never shown again.".strip(),
            error_messages={"required": f"Paste the {_lower(label)}."},
        )
    secret = forms.PasswordInput(render_value=False, attrs={"data-kind": "secret", "autocomplete": "off"})
    return _line(label, help_text, required=required, widget=secret)


class _Block(forms.CharField):
    """Text of several lines. What was pasted is never sent back, not even with an error beside it."""

    def prepare_value(self, value: Any) -> str:
        return ""


def _line(
    label: str, help_text: str, *, required: bool, initial: str = "", widget: Any = None
) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=required,
        initial=initial,
        max_length=_LONGEST_LINE,
        widget=widget or forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": f"Enter the {_lower(label)}."},
    )


def _lower(label: str) -> str:
    """ "Client ID" stays, "Private key" becomes "private key"."""
    return label if label[1:2].isupper() or label.split()[-1].isupper() else label[:1].lower() + label[1:]
