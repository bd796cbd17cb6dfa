"""The code of six digits that opens a link: asked for in one browser, mailed to the link's address, good once there.

reliability-security.md T6. Nothing secret is stored: the code is derived from what the link has and the site's key,
when the mail is sent; the row keeps a keyed hash of link, browser and code.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.utils.crypto import salted_hmac

from portal.accounts.limits import take
from portal.accounts.models import AccessLink, Membership, Role, User
from portal.accounts.services import LinkUnusable
from portal.accounts.signals import link_opened
from portal.kit import clock
from portal.outbox.services import request_effect

CODE_LASTS = timedelta(minutes=10)
MOST_TRIES = 5
_IN_USE = timedelta(days=90)  # whoever opened their link may come back with fresh codes for so long
_SOON, _HOUR = timedelta(seconds=30), timedelta(hours=1)


class WrongCode(Exception):
    """Not the newest code of this link in this browser, or its tries or minutes are over. Pages do not tell which."""


def code_of(link: AccessLink) -> str:
    """The six digits of the code that was asked for last. For the mail alone; never log or store them."""
    asked = f"{bytes(link.nonce).hex()}:{link.code_sent_at and link.code_sent_at.isoformat()}"
    digest = salted_hmac("portal.accounts.code", asked, algorithm="sha256").digest()
    return f"{int.from_bytes(digest[:16], 'big') % 1_000_000:06d}"


def _hash_of(link: AccessLink, browser: str, code: str) -> bytes:
    """`browser` is the random word that the session of whoever asked holds: elsewhere the code is wrong."""
    value = f"{link.pk}:{browser}:{code}"
    return salted_hmac("portal.accounts.code-hash", value, algorithm="sha256").digest()


def count_door(door: AccessLink) -> None:
    """From one link's page: one code every 30 seconds, five an hour. Raises RateLimited."""
    take("code.door.soon", str(door.pk), most=1, per=_SOON)
    take("code.door", str(door.pk), most=5, per=_HOUR)


def count_address(address: str, *, sent: bool = True) -> None:
    """To one address the same. Raises RateLimited.

    `sent` False counts alike what only looks like sending: waiting tells nobody anything, and the address that was
    typed keeps its own codes.
    """
    name = "code.address" if sent else "code.untold"
    take(f"{name}.soon", address, most=1, per=_SOON)
    take(name, address, most=5, per=_HOUR)


def send_code(link: AccessLink, *, browser: str) -> None:
    """Mails a new code, which ends the one before. Count it first."""
    asked_at = clock.now()
    link.code_sent_at = asked_at
    with transaction.atomic():
        AccessLink.objects.filter(pk=link.pk).update(
            code_hash=_hash_of(link, browser, code_of(link)),
            code_sent_at=asked_at,
            code_expires_at=asked_at + CODE_LASTS,
            code_tries=0,
        )
        request_effect(
            "mail.send",
            marker=f"mail:code:{link.pk}:{asked_at.isoformat()}",
            subject=str(link.request_id),
            payload={
                "template": "link_code",
                "to": [link.email],
                "context": {"company": link.company.name},
                "code_for": link.pk,
                "asked_at": asked_at.isoformat(),
                "language": link.language,
            },
        )


def open_link(link: AccessLink, code: str, *, browser: str) -> User:
    """The customer admin whom the link lets in. The code works once: of many at the same time one succeeds.

    Raises WrongCode, and LinkUnusable when the link ended meanwhile.
    """
    digits = "".join(character for character in code if character.isdecimal() and character.isascii())
    _count_try(link)
    with transaction.atomic():
        now = clock.now()
        right = AccessLink.objects.filter(pk=link.pk, code_hash=_hash_of(link, browser, digits))
        won = right.filter(code_expires_at__gt=now, revoked_at=None, expires_at__gt=now).update(
            code_hash=None,
            code_expires_at=None,
            used_at=Coalesce("used_at", Now()),
            last_seen_at=Now(),
            expires_at=now + _IN_USE,
        )
        if not won:
            raise WrongCode
        user = _let_in(link)
        link_opened.send(AccessLink, link=link, user=user)
    return user


def _count_try(link: AccessLink) -> None:
    """Counted, and kept, before the code is looked at: guesses at the same time are guesses too."""
    tried = AccessLink.objects.filter(pk=link.pk, code_tries__lt=MOST_TRIES)
    if not tried.update(code_tries=F("code_tries") + 1):
        raise WrongCode


def _let_in(link: AccessLink) -> User:
    user = User.objects.filter(email__iexact=link.email).first()
    if user is None:
        user = User.objects.create_user(
            link.email, name=link.email, role=Role.CUSTOMER_ADMIN, language=link.language
        )
    if not user.is_active or user.role != Role.CUSTOMER_ADMIN:
        raise LinkUnusable
    Membership.objects.get_or_create(user=user, company=link.company, defaults={"link": link})
    Membership.objects.filter(user=user, company=link.company).exclude(link=None).update(link=link)
    AccessLink.objects.filter(pk=link.pk).update(used_by=user)
    return user
