"""Access links: made, mailed, opened once, revoked. The token itself is never stored."""

from __future__ import annotations

import base64
import os
import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.crypto import salted_hmac

from portal.accounts.models import AccessLink, Company, Language, Membership, Role, User
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.outbox.services import request_effect

LINK_DAYS = 7
RENEWALS_APART = timedelta(minutes=1)  # a renewal costs its finder nothing, so that mails must be bounded


class LinkUnusable(Exception):
    """The link does not open anything. The page says the same whether it is expired, used, revoked or made up."""


def _token(link: AccessLink) -> str:
    """256 bits, derived from a random nonce and the site's key, so that a mail can be sent again without storing it."""
    digest = salted_hmac("portal.accounts.access-link", bytes(link.nonce).hex(), algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def link_url(link: AccessLink) -> str:
    """The address to mail. Never log it."""
    return f"{settings.SITE_URL}{reverse('access_link', args=[_token(link)])}"


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

    Raises NeedsPerson when the address belongs to a member of staff, who signs in instead.
    """
    address = email.strip().lower()
    if User.objects.filter(email__iexact=address).exclude(role=Role.CUSTOMER_ADMIN).exists():
        raise NeedsPerson(
            "This address belongs to a colleague. Enter the customer's address.", code="staff_address"
        )
    with transaction.atomic():
        AccessLink.objects.filter(
            company=company, request_id=request_id, email=address, used_at=None, revoked_at=None
        ).update(revoked_at=Now())
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
    return link


def mail_link(link: AccessLink, *, template: str, context: dict[str, str]) -> None:
    """Asks the outbox for the mail. The payload names the link; the address is made when the mail is sent."""
    request_effect(
        "mail.send",
        marker=f"mail:link:{link.pk}",
        subject=str(link.request_id),
        payload={"template": template, "to": [link.email], "context": context, "link": link.pk},
    )


def find_link(token: str) -> AccessLink:
    """The link of a token, if it can still be opened. Reads only. Raises LinkUnusable."""
    link = AccessLink.objects.filter(token_hash=AccessLink.hash_of(token)).select_related("company").first()
    if link is None or link.used_at or link.revoked_at or link.expires_at <= clock.now():
        raise LinkUnusable
    return link


def open_link(token: str) -> tuple[AccessLink, User]:
    """Uses the link up and returns the customer admin it is for. Of many at once exactly one succeeds.

    Raises LinkUnusable.
    """
    link = find_link(token)
    with transaction.atomic():
        fresh = AccessLink.objects.filter(pk=link.pk, used_at=None, revoked_at=None, expires_at__gt=Now())
        if not fresh.update(used_at=Now(), last_seen_at=Now()):
            raise LinkUnusable
        user = User.objects.filter(email__iexact=link.email).first()
        if user is None:
            user = User.objects.create_user(link.email, name=link.email, role=Role.CUSTOMER_ADMIN)
        if not user.is_active or user.role != Role.CUSTOMER_ADMIN:
            raise LinkUnusable
        Membership.objects.get_or_create(user=user, company=link.company, defaults={"link": link})
        Membership.objects.filter(user=user, company=link.company).exclude(link=None).update(link=link)
        AccessLink.objects.filter(pk=link.pk).update(used_by=user)
    link.refresh_from_db()
    return link, user


def renew_link(token: str) -> bool:
    """Mails a fresh link to the address of an old one. True if a mail was asked for; pages do not tell."""
    old = AccessLink.objects.filter(token_hash=AccessLink.hash_of(token), revoked_at=None).first()
    if old is None:
        return False
    recent = AccessLink.objects.filter(
        request_id=old.request_id, email=old.email, created_at__gt=clock.now() - RENEWALS_APART
    )
    if recent.exists():
        return False
    with transaction.atomic():
        link = create_link(old.company, old.request_id, old.email, by=old.created_by)
        mail_link(link, template="fresh_link", context={"company": old.company.name})
    return True


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
