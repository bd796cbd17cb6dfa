"""The small forms of the set-up pages: consent, policy, a file to rehearse with, and the number that confirms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from integrations.engine.policy import BY_EVENT, NoAddress, OnLeave, Policy
from integrations.people import ATTRIBUTES

_GROUPED = ("department", "location", "office", "city", "country", "legal_entity", "job_title", "title")
_MATCHES = {
    "email,employee_number": gettext_noop("By e-mail address, then by employee number"),
    "employee_number,email": gettext_noop("By employee number, then by e-mail address"),
    "email": gettext_noop("By e-mail address only"),
    "employee_number": gettext_noop("By employee number only"),
    "": gettext_noop("Never: everybody is somebody new"),
}
_LEAVING = [
    (OnLeave.DEACTIVATE.value, gettext_lazy("Deactivate the account")),
    (OnLeave.KEEP.value, gettext_lazy("Keep the account")),
]


class ConsentForm(forms.Form):
    """`optional` are the fields that may be declined; all are ticked until somebody says no."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    use = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, optional: Collection[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.optional = [name for name, _label in optional]
        chosen = self.fields["use"]
        assert isinstance(chosen, forms.MultipleChoiceField)  # noqa: S101  declared above
        chosen.choices = list(optional)

    @property
    def declined(self) -> list[str]:
        used = self.cleaned_data["use"]
        return [name for name in self.optional if name not in used]


class PolicyForm(forms.Form):
    """Where a connection has a choice. `by_event` offers the vendor's events as groups."""

    no_address = forms.ChoiceField(
        label=gettext_lazy("Somebody without a usable e-mail address"),
        widget=forms.RadioSelect(attrs={"data-kind": "choices"}),
        choices=[
            (NoAddress.SKIP.value, gettext_lazy("Skip the person, and say so with the reason")),
            (NoAddress.PERSONAL.value, gettext_lazy("Use the personal e-mail address instead")),
        ],
    )
    group_by = forms.ChoiceField(
        label=gettext_lazy("Groups are made from"),
        required=False,
        help_text=gettext_lazy(
            "Groups are created when missing, and who is in them is worked out afresh by every run."
        ),
    )
    match_by = forms.ChoiceField(
        label=gettext_lazy("People who are there already are recognised"),
        required=False,
        help_text=gettext_lazy("Where several people could be meant, somebody decides; nobody is guessed."),
    )
    invites = forms.BooleanField(
        label=gettext_lazy("New people get an invitation"),
        required=False,
        widget=forms.CheckboxInput(attrs={"data-kind": "switch"}),
        help_text=gettext_lazy("It ends after six months if nobody accepts it, or when the person leaves."),
    )
    mails = forms.BooleanField(
        label=gettext_lazy("The invitation is sent by mail"),
        required=False,
        widget=forms.CheckboxInput(attrs={"data-kind": "switch"}),
    )
    terminated = forms.ChoiceField(
        label=gettext_lazy("The HR system says that somebody has left"),
        widget=forms.RadioSelect,
        choices=_LEAVING,
    )
    absent = forms.ChoiceField(
        label=gettext_lazy("The HR system no longer lists somebody"),
        widget=forms.RadioSelect,
        choices=_LEAVING,
        help_text=gettext_lazy("Only after a complete answer. Never because the system was away."),
    )
    outside = forms.ChoiceField(
        label=gettext_lazy("Somebody no longer matches the filter"),
        widget=forms.RadioSelect,
        choices=_LEAVING,
    )

    def __init__(
        self, policy: Policy, base: Policy, *, by_event: bool, data: Mapping[str, Any] | None = None
    ) -> None:
        initial = {**asdict(policy), "match_by": ",".join(policy.match_by)}
        super().__init__(data, initial=initial, auto_id="policy-%s", use_required_attribute=False)
        self.base = base
        grouped = [(name, _(ATTRIBUTES[name])) for name in _GROUPED]
        events = [(BY_EVENT, _("Events of the HR system"))] if by_event else []
        self._choices("group_by", [*events, *grouped, ("", _("No groups"))])
        self._choices("match_by", [(value, _(label)) for value, label in _MATCHES.items()])

    @property
    def data_to_store(self) -> dict[str, Any]:
        """Only what differs from what the card brings along."""
        given = {**self.cleaned_data, "match_by": self.cleaned_data["match_by"].split(",")}
        given["match_by"] = [name for name in given["match_by"] if name]
        plain = asdict(self.base)
        plain["match_by"] = list(plain["match_by"])
        return {name: _plain(value) for name, value in given.items() if value != plain[name]}

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        chosen = self.fields[name]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101  declared above
        chosen.choices = choices


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, NoAddress | OnLeave) else value


class RehearsalForm(forms.Form):
    """One file. What is wrong inside of it is said by the service, beside this field."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy("Names of the columns in the first line. It is not kept."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv", "data-kind": "csv"}),
        error_messages={"required": gettext_lazy("Choose the CSV file.")},
    )


class ConfirmForm(forms.Form):
    """`typed` is how many people are affected, as somebody read it off the plan."""

    plan_digest = forms.CharField(widget=forms.HiddenInput, max_length=32)
    typed = forms.CharField(
        label=gettext_lazy("How many people are affected?"),
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Enter the number of people.")},
    )

    def clean_typed(self) -> int:
        """ "1,200", "1.200" and "1 200" are the same number."""
        digits = "".join(str(self.cleaned_data["typed"]).replace(",", "").replace(".", "").split())
        if not digits.isdecimal():
            raise forms.ValidationError(_("Enter a number, such as 120."))
        return int(digits)
