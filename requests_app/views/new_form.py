"""The form of a new request: a company picked from Salesforce or, chosen openly, typed in by hand."""

from __future__ import annotations

from typing import Any

from django import forms

from integrations import catalog
from integrations.provider import ItemKind
from portal.accounts.models import Company, User
from portal.kit.errors import NeedsPerson, RetryLater
from requests_app.models import Request
from requests_app.services.companies import adopt_salesforce_account, create_unverified_company, find_account
from requests_app.services.filing import file_request
from requests_app.services.kinds import Asked, InvalidAnswer, money_of, parse

_MONEY = Asked()


class NewRequestForm(forms.Form):
    """`by_hand` is the page's other mode; without it a name that nobody picked is not taken as typed."""

    company = forms.CharField(label="Company", max_length=200)
    salesforce_id = forms.CharField(required=False, max_length=18, widget=forms.HiddenInput)
    lms_id = forms.CharField(label="LMS ID", required=False, max_length=40)
    mrr = forms.CharField(label="MRR", required=False, max_length=40)
    by_hand = forms.BooleanField(required=False, widget=forms.HiddenInput)
    provider = forms.CharField(label="System to connect", max_length=60, required=False)
    duplicate_reason = forms.CharField(label="Why another one is needed", max_length=300, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_by_hand:
            self.fields["lms_id"].help_text = "The number in the company's LMS address."
            self.fields["mrr"].help_text = "Per month, with its currency, such as 4250.00 USD."
            return
        self.fields["company"].help_text = "Type three letters or more, then pick the company from the list."
        for name in ("lms_id", "mrr"):
            self.fields[name].widget.attrs["readonly"] = True
            self.fields[name].help_text = "Comes from Salesforce."

    @property
    def is_by_hand(self) -> bool:
        return str(self["by_hand"].value() or "").lower() in ("1", "on", "true")

    def clean_mrr(self) -> str:
        typed = str(self.cleaned_data["mrr"])
        if not typed.strip() or not self.is_by_hand:
            return typed
        try:
            return str(parse(ItemKind.MONEY, typed, _MONEY))
        except InvalidAnswer as invalid:
            raise forms.ValidationError(invalid.message) from None

    def clean_provider(self) -> str:
        slug = str(self.cleaned_data["provider"])
        if slug not in catalog.load():
            raise forms.ValidationError("Choose the system to connect.")
        return slug

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.is_by_hand and data.get("company") and not data.get("salesforce_id"):
            self.add_error(
                "company", f"Pick “{data['company']}” from the list, or type the details in by hand."
            )
        return data

    def save(self, by: User) -> Request | None:
        """The filed request; or None, with the refusal beside its field and everything still in the form."""
        data = self.cleaned_data
        try:
            return file_request(
                self._company(by), data["provider"], by=by, duplicate_reason=data["duplicate_reason"]
            )
        except NeedsPerson as error:
            self.add_error(_FIELD_OF.get(error.code, "company"), error.sentence)
        except RetryLater as error:
            self.add_error("company", error.reason)
        return None

    def _company(self, by: User) -> Company:
        """Raises NeedsPerson and RetryLater. While Salesforce is away, what it told before is good enough."""
        data = self.cleaned_data
        if self.is_by_hand:
            amount, currency = money_of(data["mrr"]) if data["mrr"] else (None, "")
            return create_unverified_company(data["company"], data["lms_id"], amount, currency, by)
        try:
            account = find_account(data["salesforce_id"])
        except (RetryLater, NeedsPerson):
            if known := Company.objects.filter(salesforce_id=data["salesforce_id"]).first():
                return known
            raise
        if account is None:
            raise NeedsPerson("Salesforce no longer has this company. Pick another one.", code="gone")
        return adopt_salesforce_account(account, by)


_FIELD_OF = {
    "duplicate": "duplicate_reason",
    "unknown_provider": "provider",
    "not_entitled": "provider",
    "mrr": "mrr",
}
