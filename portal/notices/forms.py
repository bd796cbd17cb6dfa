"""What a person chooses: how each kind of news is mailed, and when the digest comes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms import BoundField

from portal.accounts.models import User
from portal.notices.models import By
from portal.notices.services import digest_of, kinds_for, set_wishes, wishes_of

_HOURS = [("", "No daily digest"), *((str(hour), f"{hour:02}:00") for hour in range(24))]


class WishesForm(forms.Form):
    """One choice per kind that concerns the person's role, then the hour of the digest."""

    digest_hour = forms.TypedChoiceField(
        label="Comes at", choices=_HOURS, coerce=int, empty_value=None, required=False
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        self.user, self.kinds = user, kinds_for(user)
        wishes, digest = wishes_of(user), digest_of(user)
        for kind in self.kinds:
            self.fields[kind.name] = forms.ChoiceField(
                label=kind.label,
                choices=By.choices,
                initial=wishes[kind.name],
                widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
            )
        self.fields["digest_hour"].initial = "" if digest.hour is None else str(digest.hour)
        self.fields["digest_hour"].help_text = f"In your time zone, {user.time_zone}. Nothing new: no mail."

    def rows(self) -> list[BoundField]:
        return [self[kind.name] for kind in self.kinds]

    def save(self) -> None:
        set_wishes(
            self.user,
            {kind.name: By(self.cleaned_data[kind.name]) for kind in self.kinds},
            digest_hour=self.cleaned_data["digest_hour"],
        )
