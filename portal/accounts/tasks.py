"""Delivers mails. Their words are templates/emails/<name>/; a link in them is made here and nowhere kept."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage

from portal.accounts.models import AccessLink
from portal.accounts.services import link_url
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.text import render_text
from portal.outbox.models import Effect
from portal.outbox.services import effect


@effect("mail.send")
def send_mail(row: Effect) -> Mapping[str, Any]:
    """Raises RetryLater while the mail server is away, NeedsPerson when it refuses the address."""
    name, context = row.payload["template"], {"site_url": settings.SITE_URL, **row.payload["context"]}
    if link_id := row.payload.get("link"):
        link = AccessLink.objects.filter(pk=link_id, revoked_at=None, used_at=None).first()
        if link is None:
            return {"skipped": "the link ended before the mail was sent"}
        context["link"] = link_url(link)
    words = settings.BASE_DIR / "templates" / "emails" / name
    message = EmailMessage(
        subject=" ".join(render_text(words, ["subject.txt"], context).split()),
        body=render_text(words, ["body.txt"], context),
        to=row.payload["to"],
        # The same id on a second try lets the receiving side drop the twin.
        headers={
            "Message-ID": f"<effect-{row.pk}@{settings.SITE_URL.partition('://')[2].partition(':')[0]}>"
        },
    )
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused:
        raise NeedsPerson(
            "The mail server refused this address. Check its spelling.", code="refused"
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise RetryLater(f"The mail server did not take the mail ({type(error).__name__}).") from None
    return {"sent": True}
