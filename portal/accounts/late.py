"""What goes into a mail only when it is sent, because nobody may find it in the outbox: links, codes, reset addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from portal.accounts.codes import code_of
from portal.accounts.models import STAFF_ROLES, AccessLink, User
from portal.accounts.services import link_url, usable_links
from portal.kit import clock


class NotWanted(Exception):
    """The mail is no longer of use, and why. It is not sent, and nobody needs to act."""


def late_words(payload: Mapping[str, Any]) -> dict[str, str]:
    """The words to add to the mail's context. Raises NotWanted.

    `link`: the address of this link, leading to the page `lands` if one is named.
    `code_for`: the code of this link, if none was asked for since `asked_at`.
    `for_link`: nothing, but that link must not have ended. `reset_for`: where whoever has this address chooses a new
    password.
    """
    if pk := payload.get("for_link"):
        _live(pk)
    if pk := payload.get("link"):
        return {"link": link_url(_live(pk), payload.get("lands", ""))}
    if pk := payload.get("code_for"):
        return {"code": _code(pk, payload["asked_at"])}
    if address := payload.get("reset_for"):
        return {"link": _reset_url(address)}
    return {}


def _live(pk: int) -> AccessLink:
    link = usable_links().filter(pk=pk).first()
    if link is None:
        raise NotWanted("the link ended before the mail was sent")
    return link


def _code(pk: int, asked_at: str) -> str:
    link = _live(pk)
    newest = link.code_sent_at and link.code_sent_at.isoformat() == asked_at
    if not newest or link.code_hash is None or link.code_expires_at is None:
        raise NotWanted("a newer code was asked for, or this one was used")
    if link.code_expires_at <= clock.now():
        raise NotWanted("the code ran out before the mail was sent")
    return code_of(link)


def _reset_url(address: str) -> str:
    user = User.objects.filter(email__iexact=address, is_active=True, role__in=STAFF_ROLES).first()
    if user is None:
        raise NotWanted("nobody signs in with this address and a password")
    parts = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return f"{settings.SITE_URL}{reverse('account_reset_password_from_key', kwargs=parts)}"
