"""The forms of decisions about people: a reason, a number typed on purpose, and a person's attributes."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.engine.normalise import CAPS, address, text
from integrations.models import DirectoryPerson
from integrations.people import ATTRIBUTES
from integrations.services.holds import LONGEST_REASON

# A manager is named by a key of the HR system: nobody types that.
EDITABLE = tuple(name for name in ATTRIBUTES if name != "manager_id")


class ReasonForm(forms.Form):
    """Why somebody decides as they do."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        help_text=gettext_lazy("It is kept with the decision, with your name and the time."),
        error_messages={"required": gettext_lazy("Say why: it is kept with the decision.")},
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial, use_required_attribute=False)

    def clean_reason(self) -> str:
        said = text(str(self.cleaned_data["reason"]))
        if not said:
            raise forms.ValidationError(_("Say why: it is kept with the decision."))
        return said


class NumberForm(forms.Form):
    """The number of people that a deed is about, typed by whoever does it. The service compares it."""

    typed = forms.IntegerField(
        label=gettext_lazy("Number of people"),
        min_value=0,
        max_value=10_000_000,
        error_messages={
            "required": gettext_lazy("Type the number of people that this is about."),
            "invalid": gettext_lazy("Type the number with digits alone."),
        },
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, use_required_attribute=False)

    def name_number(self, number: int) -> None:
        """The number stands beside the field: it is typed to be thought about, not to be guessed."""
        self.fields["typed"].help_text = _("Type %(number)s to confirm.") % {"number": number}


class PersonForm(forms.Form):
    """The attributes of one person. `readonly` shows them to somebody who may only look."""

    def __init__(self, person: DirectoryPerson, data: Any = None, *, readonly: bool = False) -> None:
        super().__init__(data, use_required_attribute=False)
        self.person = person
        for name in EDITABLE:
            self.fields[name] = forms.CharField(
                label=_(ATTRIBUTES[name]),
                initial=getattr(person, name),
                max_length=CAPS[name],
                required=name == "email",
                disabled=readonly,
                error_messages={"required": _("Enter an e-mail address.")},
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )
        self.fields["hired_on"].help_text = _("Year, month and day, such as 2026-03-01.")

    def clean_email(self) -> str:
        found = address(str(self.cleaned_data["email"]))
        if found is None:
            raise forms.ValidationError(_("This is no e-mail address."))
        return found

    def clean_hired_on(self) -> str:
        """What the HR system sent in another form may stay as it is."""
        said = str(self.cleaned_data["hired_on"])
        if said and said != self.person.hired_on:
            try:
                date.fromisoformat(said)
            except ValueError:
                raise forms.ValidationError(_("Enter the date as year, month and day.")) from None
        return said
