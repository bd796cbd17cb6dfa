"""Whom a mail about a request reaches at the customer, in which language, and how they get in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.formats import date_format
from django.utils.translation import override

from portal.accounts.models import AccessLink, Language
from portal.accounts.services import create_link, may_come_in
from portal.kit.errors import NeedsPerson
from portal.outbox.services import request_effect
from requests_app.models import Request

_LEAST_LEFT = timedelta(days=1)  # a link in a mail should still work tomorrow


@dataclass(frozen=True, slots=True)
class Reader:
    """An address with its newest live link. `scope`: the keys of what was handed on to it; None is the whole part."""

    link: AccessLink
    scope: frozenset[str] | None

    def sees(self, key: str) -> bool:
        return self.scope is None or key in self.scope


def readers_of(req: Request) -> list[Reader]:
    """Everybody at the customer whose access was not revoked, opened or not; of several links the widest counts."""
    links = AccessLink.objects.filter(request_id=req.public_id, revoked_at=None).order_by("created_at", "pk")
    by_address: dict[str, list[AccessLink]] = {}
    for link in links.select_related("company", "created_by", "delegated_by"):
        by_address.setdefault(link.email, []).append(link)
    return [Reader(found[-1], _scope(found)) for email, found in by_address.items() if may_come_in(email)]


def _scope(links: list[AccessLink]) -> frozenset[str] | None:
    if any(not link.item_keys for link in links):
        return None
    return frozenset(key for link in links for key in link.item_keys)


def speaking(link: AccessLink) -> override:
    """The language of this link, for what is put into words before its mail is rendered."""
    return override(link.language)


def date_words(day: date, link: AccessLink) -> str:
    """ "30 March 2027", "30. März 2027"."""
    with speaking(link):
        return date_format(day, "j. F Y" if link.language == Language.GERMAN else "j F Y")


def mail_reader(
    req: Request, reader: Reader, template: str, context: dict[str, object], *, marker: str, now: datetime
) -> bool:
    """Asks for the mail, in the reader's language; replies go to the request's owner. False if they cannot get in.

    The mail carries their link, which asks for a code. One that has run out is followed by a new one of the same
    scope: whoever overlooked the invitation needs the reminder most.
    """
    try:
        link = _lasting(reader.link, now)
    except NeedsPerson:  # many links went to them within the hour
        return False
    shared = {"company": req.company.name, "provider": req.provider.name, "csm": str(req.owner)}
    payload = {
        "template": template,
        "to": [link.email],
        "language": link.language,
        "link": link.pk,
        "context": {**shared, "reply_to": req.owner.email if req.owner.is_active else "", **context},
    }
    request_effect("mail.send", marker=marker, subject=str(req.public_id), payload=payload)
    return True


def _lasting(link: AccessLink, now: datetime) -> AccessLink:
    if link.expires_at > now + _LEAST_LEFT:
        return link
    return create_link(
        link.company,
        link.request_id,
        link.email,
        by=link.created_by,
        language=link.language,
        item_keys=link.item_keys,
        delegated_by=link.delegated_by,
    )
