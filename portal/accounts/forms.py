"""Forms of the doors: the code, a colleague's address, a forgotten password."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.forms import ResetPasswordForm
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.accounts.limits import client_network, take
from portal.kit import clock
from portal.outbox.services import request_effect

_HOUR = timedelta(hours=1)


class CodeForm(forms.Form):
    """Six digits; spaces and hyphens that came by copying do no harm."""

    code = forms.CharField(
        label=_("Code from the mail"),
        max_length=20,
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "class": "code-input",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
        error_messages={"required": _("Enter the six digits from the mail.")},
    )


class ForwardForm(forms.Form):
    email = forms.EmailField(
        label=_("Your e-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={
            "required": _("Enter your own e-mail address."),
            "invalid": _("This is not an e-mail address. It looks like name@company.example."),
        },
    )


class ForgottenPasswordForm(ResetPasswordForm):  # type: ignore[misc]
    """The same work whether or not somebody has this address: the worker looks, so that the time tells nothing (T9)."""

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()

    def save(self, request: HttpRequest, **_kwargs: Any) -> str:
        """Raises RateLimited: three mails an hour for an address, thirty for a network."""
        address = self.clean_email()
        take("password_reset", address, most=3, per=_HOUR)
        take("password_reset.network", client_network(request), most=30, per=_HOUR)
        payload = {"template": "password_reset", "to": [address], "context": {}, "reset_for": address}
        request_effect("mail.send", marker=f"mail:reset:{address}:{clock.now().isoformat()}", payload=payload)
        return address
