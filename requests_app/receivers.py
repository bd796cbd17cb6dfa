"""News from connections: a request goes live when its connection works, and fails when it does not."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.urls import reverse

from integrations.models import Connection
from integrations.signals import connection_news
from portal.accounts.models import AccessLink, User
from portal.accounts.signals import link_forwarded, link_opened
from portal.audit.services import record
from portal.notices.services import notify
from requests_app.lifecycle import BY_NAME
from requests_app.models import Message, Request
from requests_app.services.jira import send_note
from requests_app.services.moves import MoveRefused, make_move
from requests_app.services.news import tell
from requests_app.signals import message_written

_MOVES = {"connected": "go_live", "failed": "fail"}
_UNTOLD = {"fail": "No reason was given."}


@receiver(connection_news, dispatch_uid="requests_app.connection_news")
def tell_requests(sender: object, *, connection: Connection, news: str, reason: str = "", **_: Any) -> None:
    """Makes the move for every request that waits for this news; a request that is past it stays as it is."""
    name = _MOVES.get(news)
    if name is None:
        return
    for req in Request.objects.filter(connection=connection, stage__in=BY_NAME[name].frm):
        words = reason or _UNTOLD.get(name, "")
        try:
            with transaction.atomic():
                tell(make_move(req, name, by=None, reason=words), name, by=None, reason=words)
        except MoveRefused as refused:
            if refused.code not in ("already_done", "wrong_stage", "changed"):
                raise


@receiver(message_written, dispatch_uid="requests_app.message_written")
def tell_jira(sender: object, *, message: Message, **_: Any) -> None:
    """An internal note goes across where the operator wants that."""
    send_note(message)


@receiver(link_opened, dispatch_uid="requests_app.link_opened")
def record_opening(sender: object, *, link: AccessLink, user: User, **_: Any) -> None:
    subject = _request_of(link)
    record("link.opened", by=user, company_id=link.company_id, subject=str(subject or link.request_id))


@receiver(link_forwarded, dispatch_uid="requests_app.link_forwarded")
def tell_of_forwarding(sender: object, *, link: AccessLink, original: AccessLink, **_: Any) -> None:
    """The owner hears that somebody else of the customer's is coming in."""
    req = _request_of(link)
    details = {"from": original.email, "to": link.email}
    subject = str(req or link.request_id)
    record("link.forwarded", by=None, company_id=link.company_id, subject=subject, details=details)
    if req is not None:
        notify(
            [req.owner],
            "delegated",
            words=f"{original.email} forwarded the link for {req.company} to {link.email}.",
            url=reverse("request_detail", args=[req.number]),
            marker=f"forwarded:{link.pk}",
        )


def _request_of(link: AccessLink) -> Request | None:
    found: Request | None = (
        Request.objects.filter(public_id=link.request_id).select_related("company", "owner").first()
    )
    return found
