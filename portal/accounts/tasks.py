"""Delivers mails. Their words are templates/emails/<name>/; a link in them is made here and nowhere kept."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils.translation import override

from portal.accounts.late import NotWanted, late_words
from portal.accounts.models import STAFF_ROLES, AccessLink, Language, User
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.mails import html_of
from portal.kit.text import render_text
from portal.outbox.models import Effect
from portal.outbox.services import effect

_ADDRESS = re.compile(r"[^\s,;:<>\"@]+@[^\s,;:<>\"@]+")
_FOLDER = Path("templates") / "emails"


@effect("mail.send")
def send_mail(row: Effect) -> Mapping[str, Any]:
    """Raises RetryLater while the mail server is away, NeedsPerson when it refuses the address, or we do.

    The payload: `template`, `to`, `context`; `language` of the reader; and what late_words makes a link, a code or a
    reset address of. A `reply_to` in the context must be one of the staff.
    """
    payload = row.payload
    try:
        late = late_words(payload)
    except NotWanted as reason:
        return {"skipped": str(reason)}
    context: dict[str, Any] = {"site_url": settings.SITE_URL, **payload["context"], **late}
    for_staff = _check_addresses(row, payload["to"], context.get("reply_to", ""))
    language = payload.get("language") or Language.ENGLISH
    foot = "staff" if for_staff else "customer"
    return deliver(row, Mail(payload["template"], tuple(payload["to"]), context, language, foot))


@dataclass(frozen=True, slots=True)
class Mail:
    """What is sent: the folder of its words, whom to, and the words at its foot that say why they get it."""

    template: str
    to: tuple[str, ...]
    context: Mapping[str, Any]
    language: str
    foot: str


def deliver(row: Effect, mail: Mail) -> Mapping[str, Any]:
    """Sends it. Whoever calls this has made sure that we know these people. Raises as send_mail does."""
    message = _message(row, mail)
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused:
        raise NeedsPerson(
            "The mail server refused this address. Check its spelling.", code="refused"
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise RetryLater(f"The mail server did not take the mail ({type(error).__name__}).") from None
    return {"sent": True}


def _check_addresses(row: Effect, to: list[str], reply_to: str) -> bool:
    """Only people whom we know are written to: the staff, and whoever has a link to the request that it is about.

    reliability-security.md T35. An address with anything else in it, a line break above all, is nobody's.
    Returns whether all of them are staff.
    """
    every = [*to, reply_to] if reply_to else to
    if not to or not all(_ADDRESS.fullmatch(address) for address in every):
        raise NeedsPerson("This is not one address of a person, so nothing was sent.", code="address")
    staff = [_is_staff(address) for address in to]
    links = _links_about(row.subject)
    strangers = any(
        not known and not _is_customer(address, links) for address, known in zip(to, staff, strict=True)
    )
    if strangers or (reply_to and not _is_staff(reply_to)):
        raise NeedsPerson(
            "This address has no account and no link to the request, so nothing was sent to it.",
            code="stranger",
        )
    return all(staff)


def _is_staff(address: str) -> bool:
    return User.objects.filter(email__iexact=address, is_active=True, role__in=STAFF_ROLES).exists()


def _is_customer(address: str, links: QuerySet[AccessLink] | None) -> bool:
    if links is not None:
        return bool(links.filter(email__iexact=address).exists())
    known = User.objects.filter(email__iexact=address, is_active=True).exists()
    return known or AccessLink.objects.filter(email__iexact=address).exists()


def _links_about(subject: str) -> QuerySet[AccessLink] | None:
    """The links to the request that a mail is about; None when it is about something else."""
    try:
        links = AccessLink.objects.filter(request_id=UUID(subject))
    except ValueError:
        return None
    return links if links.exists() else None


def _message(row: Effect, mail: Mail) -> EmailMultiAlternatives:
    folder = settings.BASE_DIR / _FOLDER
    language, context = mail.language, mail.context
    with override("en-gb" if language == Language.ENGLISH else language):
        words = folder / mail.template
        # All white space becomes one space: a value with a line break in it cannot begin another header.
        subject = " ".join(render_text(words, _names("subject", language), context).split())
        text = render_text(words, _names("body", language), context).strip()
        why = render_text(folder / "_foot", _names(mail.foot, language), context).strip()
        layout = {
            "language": language,
            "subject": subject,
            "body": html_of(text, site_url=settings.SITE_URL),
            "foot": html_of(why, site_url=settings.SITE_URL),
        }
        html = render_to_string("emails/_layout.html", layout)
    message = EmailMultiAlternatives(
        subject=subject,
        body=f"{text}\n\n-- \n{why}\n",
        to=list(mail.to),
        reply_to=[context["reply_to"]] if context.get("reply_to") else None,
        headers={
            # The same id on a second try lets the receiving side drop the twin.
            "Message-ID": f"<effect-{row.pk}@{settings.SITE_URL.partition('://')[2].partition(':')[0]}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: no out-of-office answers to us
        },
    )
    message.attach_alternative(html, "text/html")
    return message


def _names(part: str, language: str) -> list[str]:
    return [f"{part}.{language}.txt", f"{part}.txt"]
