"""Companies: looked up in Salesforce, taken over from it, or typed in by hand while it is away."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from portal.accounts.models import Company, Role, User
from portal.audit.services import record
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from requests_app.clients.salesforce import Account, SalesforceAway, SalesforceDesk

log = logging.getLogger(__name__)

_KEPT = 5 * 60  # seconds
_AWAY = 30  # how long nobody waits for a Salesforce that just did not answer
_DESCRIBED = 60 * 60
_CURRENCY = re.compile(r"[A-Z]{3}")
_COLOUR = re.compile(r"#?([0-9a-f]{6})")


@dataclass(frozen=True, slots=True)
class Lookup:
    """What Salesforce knows, or why it could not be asked; then the page offers typing by hand."""

    accounts: tuple[Account, ...]
    trouble: str = ""


def look_up_companies(text: str) -> Lookup:
    """At most ten accounts by name, kept for five minutes. Salesforce's troubles are never raised."""
    words = " ".join(text.split())[:100]
    key = f"salesforce:search:{hashlib.sha256(words.lower().encode()).hexdigest()}"
    if (known := cache.get(key)) is not None:
        return Lookup(tuple(known))
    if trouble := cache.get("salesforce:away"):
        return Lookup((), trouble)
    try:
        desk = SalesforceDesk()
        found = desk.search_accounts(words, currencies=_currencies(desk))
    except (SalesforceAway, NeedsPerson) as error:
        log.warning("salesforce_lookup_failed", extra={"why": str(error)})
        cache.set("salesforce:away", str(error), _AWAY)
        return Lookup((), str(error))
    cache.set(key, found, _KEPT)
    return Lookup(tuple(found))


def find_account(salesforce_id: str) -> Account | None:
    """One account, fresh from Salesforce. Raises SalesforceAway and NeedsPerson."""
    desk = SalesforceDesk()
    return desk.account(salesforce_id, currencies=_currencies(desk))


def adopt_salesforce_account(account: Account, by: User) -> Company:
    """The company of an account, made or brought up to date. One typed in by hand becomes verified."""
    _desk_only(by)
    currency = account.currency or getattr(settings, "SALESFORCE_CURRENCY", "USD")
    facts = {
        "name": account.name,
        "lms_id": account.lms_id,
        "mrr": account.mrr,
        "mrr_currency": currency if account.mrr is not None else "",
        "salesforce_owner": account.owner,
        "verified_at": clock.now(),
    }
    with transaction.atomic():
        if account.lms_id and not Company.objects.filter(salesforce_id=account.id).exists():
            typed = Company.objects.filter(salesforce_id="", lms_id=account.lms_id, name__iexact=account.name)
            if company := typed.select_for_update().first():
                company.salesforce_id = account.id
                company.save(update_fields=["salesforce_id"])
        company, _ = Company.objects.update_or_create(salesforce_id=account.id, defaults=facts)
    return company


def create_unverified_company(
    name: str, lms_id: str, mrr: Decimal | None, currency: str, by: User
) -> Company:
    """A company typed in by hand: no Salesforce id, not verified. Raises NeedsPerson.

    The same name and LMS ID twice is one company, so that a second try does not make a twin.
    """
    _desk_only(by)
    name, lms_id, currency = " ".join(name.split())[:200], lms_id.strip()[:40], currency.strip().upper()
    if not name:
        raise NeedsPerson("Enter the company's name.", code="name")
    if mrr is not None and (
        not mrr.is_finite() or not 0 <= mrr < 10**10 or not _CURRENCY.fullmatch(currency)
    ):
        raise NeedsPerson("Enter the MRR as an amount with its currency, such as 4250.00 USD.", code="mrr")
    facts = {"mrr": mrr, "mrr_currency": currency if mrr is not None else ""}
    with transaction.atomic():
        same = Company.objects.filter(salesforce_id="", name__iexact=name, lms_id=lms_id).first()
        return same or Company.objects.create(name=name, lms_id=lms_id, **facts)


def set_company_colour(company: Company, colour: str, *, by: User) -> Company:
    """The colour of the customer's own pages, as #rrggbb; "" goes back to ours. Raises NeedsPerson."""
    _desk_only(by)
    typed = colour.strip().lower()
    found = _COLOUR.fullmatch(typed)
    if typed and not found:
        raise NeedsPerson(
            "Enter the colour as # and six digits or letters a to f, such as #0054a6.", code="colour"
        )
    kept = f"#{found[1]}" if found else ""
    with transaction.atomic():
        fresh = Company.objects.select_for_update().get(pk=company.pk)
        if fresh.color != kept:
            details = {"before": fresh.color, "after": kept}
            fresh.color = kept
            fresh.save(update_fields=["color"])
            record("company.colour", by=by, company_id=fresh.pk, subject=fresh.name, details=details)
    return fresh


def _currencies(desk: SalesforceDesk) -> bool:
    known: bool | None = cache.get("salesforce:currencies")
    if known is None:
        known = desk.has_currencies()
        cache.set("salesforce:currencies", known, _DESCRIBED)
    return known


def _desk_only(by: User) -> None:
    if by.role not in (Role.CSM, Role.TL):
        raise NeedsPerson("Only a CSM or a team lead can add or change a company.", code="not_yours")
