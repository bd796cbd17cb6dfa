"""Salesforce, read only: the only importer of the library `simple_salesforce`.

Facts: jira-salesforce-intake.md §3.
`sf.Account` is never used: a refused token makes it log in for ever (§3.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import requests
from django.conf import settings
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError
from simple_salesforce.format import format_soql

from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Egress
from portal.kit.outbound import egress

MOST = 10
_CENT = Decimal("0.01")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(?:\.[A-Za-z][A-Za-z0-9_]{0,79}){0,4}")
_VERSION = re.compile(r"\d{2,3}\.\d")
_SOSL_RESERVED = re.compile(r"""([?&|!{}\[\]()^~*:\\"'+-])""")
_SOSL_OPERATORS = frozenset({"AND", "OR", "NOT"})
_BY_HAND = "You can type the company in by hand."


class SalesforceAway(RetryLater):
    """Salesforce cannot be asked right now. `reason` is a sentence for the page."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer as Salesforce has it. `mrr` is per month in `currency` (ISO 4217, "" where there is one)."""

    id: str
    name: str
    lms_id: str
    mrr: Decimal | None
    currency: str
    owner: str


@dataclass(frozen=True, slots=True)
class SalesforceSettings:
    """`domain` is the My Domain ("acme.my"), whatever was pasted. The secret stays out of reprs."""

    domain: str
    key: str
    secret: str = field(repr=False)
    version: str = "64.0"
    lms_id_field: str = "LMS_ID__c"
    mrr_field: str = "MRR__c"

    @classmethod
    def configured(cls) -> SalesforceSettings:
        """Raises NeedsPerson when it is not configured, or with names that no field can have."""
        found = cls(
            domain_of(settings.SALESFORCE_DOMAIN),
            settings.SALESFORCE_KEY,
            settings.SALESFORCE_SECRET,
            settings.SALESFORCE_API_VERSION,
            settings.SALESFORCE_LMS_ID_FIELD,
            settings.SALESFORCE_MRR_FIELD,
        )
        if not (found.domain and found.key and found.secret):
            raise NeedsPerson(f"Salesforce is not configured. {_BY_HAND}", code="salesforce_not_configured")
        names = (found.lms_id_field, found.mrr_field)
        if not _VERSION.fullmatch(found.version) or not all(_FIELD.fullmatch(name) for name in names):
            raise NeedsPerson(
                f"The Salesforce settings hold an impossible field name or version. {_BY_HAND}",
                code="salesforce_settings",
            )
        return found


class SalesforceDesk:
    """Looks accounts up. Every method raises SalesforceAway or NeedsPerson. Not kept: it holds a token."""

    def __init__(self, to: SalesforceSettings | None = None, through: Egress | None = None) -> None:
        self._to = to or SalesforceSettings.configured()
        session = requests.Session()
        session.trust_env, session.max_redirects = False, 0
        # The library has no time limits of its own; the egress's adapter puts its limits in their place.
        adapter = (through or egress()).adapter()
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        with _answers():
            self._client = Salesforce(
                consumer_key=self._to.key,
                consumer_secret=self._to.secret,
                domain=self._to.domain,
                version=self._to.version,
                session=session,
                parse_float=Decimal,
            )

    def has_currencies(self) -> bool:
        """Whether accounts have a currency of their own: elsewhere, asking for it is an error (§3.5)."""
        with _answers():
            described: Any = self._client.restful("sobjects/Account/describe")
            return any(field["name"] == "CurrencyIsoCode" for field in described["fields"])

    def search_accounts(self, text: str, *, currencies: bool) -> list[Account]:
        """At most ten accounts whose name has these words; the slower LIKE if the search index knows none.

        Fewer than two letters or digits find nothing. `text` may hold anything: it is escaped.
        """
        if sum(character.isalnum() for character in text) < 2:
            return []
        fields = self._fields(currencies)
        with _answers():
            returning = f"Account({fields} ORDER BY Name LIMIT {MOST})"
            found = self._client.search(f"FIND {{{sosl_term(text)}}} IN NAME FIELDS RETURNING {returning}")
            rows = (found or {}).get("searchRecords", [])
            if not rows:
                like = format_soql(
                    "WHERE Name LIKE '%{:like}%' ORDER BY Name LIMIT {}", " ".join(text.split()), MOST
                )
                rows = self._client.query(f"SELECT {fields} FROM Account {like}")["records"]  # noqa: S608
            return [self._account(row) for row in rows[:MOST]]

    def account(self, salesforce_id: str, *, currencies: bool) -> Account | None:
        """One account, or None where it is gone or the id is none."""
        if not _ID.fullmatch(salesforce_id):
            return None
        where = format_soql("WHERE Id = {} LIMIT 1", salesforce_id)
        with _answers():
            query = f"SELECT {self._fields(currencies)} FROM Account {where}"  # noqa: S608 - whitelisted names
            rows = self._client.query(query)["records"]
            return self._account(rows[0]) if rows else None

    def _fields(self, currencies: bool) -> str:
        names = ["Id", "Name", self._to.lms_id_field, self._to.mrr_field, "Owner.Name"]
        return ", ".join([*names, "CurrencyIsoCode"] if currencies else names)

    def _account(self, row: Mapping[str, Any]) -> Account:
        return Account(
            id=str(row["Id"]),
            name=" ".join(str(row["Name"]).split())[:200],
            lms_id=_text_of(_value(row, self._to.lms_id_field))[:40],
            mrr=_money(_value(row, self._to.mrr_field)),
            currency=str(row.get("CurrencyIsoCode") or ""),
            owner=_text_of(_value(row, "Owner.Name"))[:120],
        )


def sosl_term(text: str) -> str:
    """The words of `text` for FIND, escaped; the last may go on. AND, OR and NOT are quoted to be words."""
    words = [word for word in text.split() if any(character.isalnum() for character in word)]
    terms = [
        f'"{word}"' if word.upper() in _SOSL_OPERATORS else _SOSL_RESERVED.sub(r"\\\1", word)
        for word in words
    ]
    if terms and terms[-1][-1].isalnum():
        terms[-1] += "*"
    return " ".join(terms)


def domain_of(text: str) -> str:
    """ "https://acme.my.salesforce.com/" is the domain "acme.my": the library adds the rest itself (§3.1)."""
    host = re.sub(r"^[a-z]+://", "", text.strip().lower()).partition("/")[0]
    return host.removesuffix(".salesforce.com").rstrip(".")


@contextmanager
def _answers() -> Iterator[None]:
    """Turns the library's errors into ours. `from None`: they quote the query and sometimes the token."""
    try:
        yield
    except SalesforceAuthenticationFailed as error:
        raise _refused_sign_in(error) from None
    except SalesforceError as error:
        raise _refused(error) from None
    except requests.RequestException:
        raise SalesforceAway(f"Salesforce does not answer at the moment. {_BY_HAND}") from None
    except (ValueError, KeyError, TypeError, AttributeError, LookupError, ArithmeticError):
        # The library trips over answers of an unexpected shape, such as a 401 that is no list (§3.3).
        raise SalesforceAway(f"Salesforce sent an answer that we cannot read. {_BY_HAND}") from None


def _refused_sign_in(error: SalesforceAuthenticationFailed) -> SalesforceAway | NeedsPerson:
    code = error.code
    if code in ("server_error", "temporarily_unavailable") or (isinstance(code, int) and code >= 429):
        return SalesforceAway(f"Salesforce does not let anybody sign in at the moment. {_BY_HAND}")
    return NeedsPerson(
        f"Salesforce does not accept our credentials; an operator must renew them. {_BY_HAND}",
        code="salesforce_credentials",
    )


def _refused(error: SalesforceError) -> SalesforceAway | NeedsPerson:
    content: Any = error.content
    parts = content if isinstance(content, list) else []
    codes = {str(part.get("errorCode")) for part in parts if isinstance(part, dict)}
    if "REQUEST_LIMIT_EXCEEDED" in codes:
        return SalesforceAway(f"Salesforce's daily limit of requests is used up. {_BY_HAND}")
    if error.status in (401, 403):
        return NeedsPerson(
            f"Salesforce does not let our account read customers; an operator must look. {_BY_HAND}",
            code="salesforce_rights",
        )
    if codes & {"INVALID_FIELD", "INVALID_TYPE"}:
        return NeedsPerson(
            f"Salesforce does not know one of the configured fields; an operator must correct it. {_BY_HAND}",
            code="salesforce_fields",
        )
    return SalesforceAway(f"Salesforce is away (status {error.status}). {_BY_HAND}")


def _value(row: Mapping[str, Any], name: str) -> Any:
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text_of(value: Any) -> str:
    """Ids that the organisation keeps as numbers come as 10423.0."""
    if isinstance(value, Decimal | float) and value == int(value):
        return str(int(value))
    return "" if value is None else str(value).strip()


def _money(value: Any) -> Decimal | None:
    try:
        amount = Decimal(str(value)).quantize(_CENT) if value is not None else None
    except InvalidOperation:
        return None
    return amount if amount is not None and amount.is_finite() and amount >= 0 else None
