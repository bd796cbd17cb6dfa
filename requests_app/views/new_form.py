"""The form of a new request: the company, the system, what to do beside a duplicate, and whom to invite."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction

from integrations import catalog
from integrations.provider import ItemKind
from portal.accounts.models import Company, Language, User
from portal.kit.errors import NeedsPerson, RetryLater
from requests_app.clients.salesforce import Account
from requests_app.models import Request
from requests_app.services.companies import adopt_salesforce_account, create_unverified_company, find_account
from requests_app.services.filing import find_duplicates
from requests_app.services.kinds import Asked, InvalidAnswer, money_of, parse
from requests_app.services.starting import AnswersRefused, start_request
from requests_app.views.new_questions import QuestionsForm

_MONEY = Asked()


class NewRequestForm(forms.Form):
    """`by_hand` is the page's other mode; without it a name that nobody picked is not taken as typed."""

    company = forms.CharField(label="Company", max_length=200)
    salesforce_id = forms.CharField(required=False, max_length=18, widget=forms.HiddenInput)
    lms_id = forms.CharField(label="LMS ID", required=False, max_length=40)
    mrr = forms.CharField(label="MRR", required=False, max_length=40)
    by_hand = forms.BooleanField(required=False, widget=forms.HiddenInput)
    provider = forms.CharField(label="System to connect", max_length=60, required=False)
    beside = forms.CharField(label="What to do", max_length=20, required=False)
    duplicate_reason = forms.CharField(label="Why another one is needed", max_length=300, required=False)
    invite = forms.EmailField(
        label="E-mail address of the customer's admin",
        max_length=254,
        required=False,
        help_text="The person who looks after the system at the customer. Leave it empty to send the link later.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    language = forms.ChoiceField(
        label="Language of the mail and their pages", choices=Language.choices, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["company"].widget.attrs["autofocus"] = not self.is_bound
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
        if data.get("beside") == "anyway" and not data.get("duplicate_reason"):
            self.add_error("duplicate_reason", "Say why another one is needed.")
        if not self.is_by_hand and data.get("company") and not data.get("salesforce_id"):
            self.add_error(
                "company", f"Pick “{data['company']}” from the list, or type the details in by hand."
            )
        return data

    def clean_invite(self) -> str:
        """Needed by the one button that sends."""
        address = str(self.cleaned_data["invite"])
        if not address and self.data.get("then") == "send":
            raise forms.ValidationError("Enter the address that the link goes to, or create the draft alone.")
        return address

    def save(self, by: User, questions: QuestionsForm) -> Request | None:
        """The request, all or nothing; or None, with each refusal beside its field and everything still in the form."""
        data = self.cleaned_data
        try:
            account = None if self.is_by_hand else self._account()
            with transaction.atomic():
                company = self._company(account, by)
                return start_request(
                    company,
                    data["provider"],
                    by=by,
                    answers=questions.answers(),
                    invite=data["invite"] if self.data.get("then") == "send" else "",
                    language=data["language"] or Language.ENGLISH,
                    duplicate_reason=data["duplicate_reason"],
                    related_to=self._related(company),
                )
        except AnswersRefused as refused:
            for key, sentence in refused.sentences.items():
                questions.add_error(key, sentence)
        except NeedsPerson as error:
            self.add_error(_FIELD_OF.get(error.code, "company"), error.sentence)
        except RetryLater as error:
            self.add_error("company", error.reason)
        return None

    def _account(self) -> Account | Company:
        """Raises NeedsPerson and RetryLater. While Salesforce is away, what it told before is good enough."""
        number = self.cleaned_data["salesforce_id"]
        try:
            account = find_account(number)
        except (RetryLater, NeedsPerson):
            if known := Company.objects.filter(salesforce_id=number).first():
                return known
            raise
        if account is None:
            raise NeedsPerson("Salesforce no longer has this company. Pick another one.", code="gone")
        return account

    def _company(self, account: Account | Company | None, by: User) -> Company:
        if isinstance(account, Company):
            return account
        if account is not None:
            return adopt_salesforce_account(account, by)
        data = self.cleaned_data
        amount, currency = money_of(data["mrr"]) if data["mrr"] else (None, "")
        return create_unverified_company(data["company"], data["lms_id"], amount, currency, by)

    def _related(self, company: Company) -> Request | None:
        """The request that was chosen with "Link to it": one of those that were shown."""
        number = str(self.cleaned_data["beside"]).removeprefix("link-")
        if not (number.isascii() and number.isdecimal()):
            return None
        same = find_duplicates(company, self.cleaned_data["provider"])
        found: Request | None = same.filter(number=int(number[:9])).first()
        return found


_FIELD_OF = {
    "duplicate": "duplicate_reason",
    "unknown_provider": "provider",
    "not_entitled": "provider",
    "mrr": "mrr",
    "invite": "invite",
}
