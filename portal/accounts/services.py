"""Access links: made, mailed, renewed, handed on, revoked. The token itself is never stored; codes open them (codes.py)."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.crypto import salted_hmac

from portal.accounts.limits import RateLimited, take
from portal.accounts.models import AccessLink, Company, Language, Role, User
from portal.accounts.signals import link_forwarded
from portal.kit import clock
from portal.kit.addresses import is_free_mail
from portal.kit.errors import NeedsPerson
from portal.outbox.services import request_effect

LINK_DAYS = 7
LIVE_PER_ADDRESS = 5
_HOUR = timedelta(hours=1)
_RENEWALS_APART = timedelta(minutes=1)  # a renewal costs its finder nothing, so that mails must be bounded


class LinkUnusable(Exception):
    """The link opens nothing. The page says the same whether it is expired, revoked, made up or of a disabled person."""


def _token(link: AccessLink) -> str:
    """256 bits, derived from a random nonce and the site's key, so that a mail can be sent again without storing it.

    In hex, because a run of 64 such characters is taken out of every log line (portal.kit.redact).
    """
    return salted_hmac("portal.accounts.access-link", bytes(link.nonce).hex(), algorithm="sha256").hexdigest()


def link_url(link: AccessLink, lands: str = "") -> str:
    """The address to mail. Never log it. `lands` is the page of ours that it opens, instead of the customer's part."""
    query = f"?{urlencode({'next': lands})}" if lands else ""
    return f"{settings.SITE_URL}{reverse('access_link', args=[_token(link)])}{query}"


def create_link(
    company: Company,
    request_id: uuid.UUID,
    email: str,
    *,
    by: User | None,
    language: str = Language.ENGLISH,
    item_keys: Iterable[str] = (),
    delegated_by: User | None = None,
) -> AccessLink:
    """A new link for this address; older unused ones for the same request and address end.

    With `item_keys` the link opens only these items of the customer's part.

    Raises NeedsPerson when the address belongs to a member of staff, who signs in instead, or when too many links
    were made lately: 5 an hour for an address, 20 for a company (reliability-security.md T10).
    """
    address = email.strip().lower()
    if User.objects.filter(email__iexact=address).exclude(role=Role.CUSTOMER_ADMIN).exists():
        raise NeedsPerson(
            "This address belongs to a colleague. Enter the customer's address.", code="staff_address"
        )
    _within_limits(company, address)
    with transaction.atomic():
        mine = AccessLink.objects.filter(email=address, used_at=None, revoked_at=None)
        mine.filter(company=company, request_id=request_id).update(revoked_at=Now())
        link = AccessLink(
            company=company,
            request_id=request_id,
            email=address,
            nonce=os.urandom(32),
            created_by=by,
            language=language,
            item_keys=sorted(set(item_keys)),
            delegated_by=delegated_by,
            expires_at=clock.now() + timedelta(days=LINK_DAYS),
        )
        link.token_hash = AccessLink.hash_of(_token(link))
        link.save()
        _end_the_oldest(address)
    return link


def _within_limits(company: Company, address: str) -> None:
    try:
        take("link", f"{company.pk}:{address}", most=5, per=_HOUR)
        take("links", str(company.pk), most=20, per=_HOUR)
    except RateLimited as limited:
        raise NeedsPerson(
            f"Many links were sent to this customer within the hour. Try again {limited.wait}.",
            code="too_many_links",
        ) from None


def _end_the_oldest(address: str) -> None:
    """At most five live links per address (T6): of those that nobody opened yet the oldest end."""
    live = usable_links().filter(email=address)
    too_many = live.count() - LIVE_PER_ADDRESS
    if too_many > 0:
        oldest = live.filter(used_at=None).order_by("created_at", "pk")[:too_many]
        AccessLink.objects.filter(pk__in=[link.pk for link in oldest]).update(revoked_at=Now())


def mail_link(link: AccessLink, *, template: str, context: dict[str, str], lands: str = "") -> None:
    """Asks the outbox for the mail. The payload names the link; the address is made when the mail is sent.

    `lands` as for `link_url`.
    """
    request_effect(
        "mail.send",
        marker=f"mail:link:{link.pk}",
        subject=str(link.request_id),
        payload={
            "template": template,
            "to": [link.email],
            "context": context,
            "link": link.pk,
            "lands": lands,
            "language": link.language,
        },
    )


def usable_links() -> QuerySet[AccessLink]:
    """Links that may be opened as far as they themselves can tell: neither revoked nor run out."""
    return AccessLink.objects.filter(revoked_at=None, expires_at__gt=clock.now())


def may_come_in(email: str) -> bool:
    """Whether links open for this address: not for colleagues, nor for somebody who was disabled."""
    user = User.objects.filter(email__iexact=email).first()
    return user is None or (user.is_active and user.role == Role.CUSTOMER_ADMIN)


def find_link(token: str) -> AccessLink:
    """The link of a token, if it can still be opened. Reads only. Raises LinkUnusable."""
    return _usable(usable_links().filter(token_hash=AccessLink.hash_of(token)))


def link_of(pk: int) -> AccessLink:
    """The link that this browser came in by before. Reads only. Raises LinkUnusable."""
    return _usable(usable_links().filter(pk=pk))


def _usable(found: QuerySet[AccessLink]) -> AccessLink:
    link = found.select_related("company").first()
    if link is None or not may_come_in(link.email):
        raise LinkUnusable
    return link


def renew_link(token: str, lands: str = "") -> bool:
    """Mails a fresh link to the address of an old one. True if a mail was asked for; pages do not tell.

    `lands` as for `link_url`.
    """
    old = AccessLink.objects.filter(token_hash=AccessLink.hash_of(token), revoked_at=None).first()
    if old is None or not may_come_in(old.email):
        return False
    try:
        take("renewal", f"{old.request_id}:{old.email}", most=1, per=_RENEWALS_APART)
        with transaction.atomic():
            link = _like(old, old.email)
            mail_link(link, template="fresh_link", context={"company": old.company.name}, lands=lands)
    except (RateLimited, NeedsPerson):
        return False
    return True


def forward_link(original: AccessLink, email: str) -> AccessLink | None:
    """The link for a colleague of whom it was sent to: the same scope, for an address of the same domain.

    None where that cannot be: another domain, a free-mail domain (everybody is a colleague there), a member of staff, a
    disabled person, too many. Pages do not tell which.
    """
    address = email.strip().lower()
    domain = address.rpartition("@")[2]
    if address == original.email:
        return original
    if domain != original.email.rpartition("@")[2] or is_free_mail(domain) or not may_come_in(address):
        return None
    same = usable_links().filter(request_id=original.request_id, email=address, item_keys=original.item_keys)
    if known := same.first():
        return known
    try:
        with transaction.atomic():
            link = _like(original, address)
            link_forwarded.send(AccessLink, link=link, original=original)
    except NeedsPerson:
        return None
    return link


def _like(old: AccessLink, address: str) -> AccessLink:
    """A link with the same scope; what was handed on stays handed on by the same person."""
    return create_link(
        old.company,
        old.request_id,
        address,
        by=old.created_by,
        language=old.language,
        item_keys=old.item_keys,
        delegated_by=old.delegated_by if address == old.email else None,
    )


def scope_of(user: User, request_id: uuid.UUID) -> frozenset[str] | None:
    """The keys of the items that were handed on to this customer admin; None when the whole part is theirs.

    Of several live links the widest counts. Without any it is empty.
    """
    links = AccessLink.objects.filter(request_id=request_id, used_by=user, revoked_at=None)
    keys = list(links.values_list("item_keys", flat=True))
    if any(not each for each in keys):
        return None
    return frozenset(key for each in keys for key in each)


def revoke_link(link: AccessLink) -> None:
    """Ends the link and, with it, the access that came by it, from the very next click."""
    AccessLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=Now())
