"""News from connections: a request goes live when its connection works, and fails when it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.dispatch import receiver
from django.urls import reverse

from integrations.models import Connection, Purpose, Receipt
from integrations.signals import connection_news, credentials_given, draft_confirmed, draft_saved
from portal.accounts.models import AccessLink, Role, User
from portal.accounts.services import scope_of
from portal.accounts.signals import link_forwarded, link_opened
from portal.audit.services import record
from portal.notices.services import notify
from requests_app.lifecycle import BY_NAME, Stage
from requests_app.models import AnswerState, Event, Item, Message, Request
from requests_app.services.answers import EditRefused, InvalidAnswer, give_answer, may_give
from requests_app.services.jira import send_note, send_receipt
from requests_app.services.moves import MoveRefused, make_move
from requests_app.services.news import tell
from requests_app.signals import message_written

_MOVES = {"connected": "go_live", "failed": "fail"}
_ANSWERED = (AnswerState.PROVIDED, AnswerState.ACCEPTED, AnswerState.WAIVED)
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


@receiver(credentials_given, dispatch_uid="requests_app.credentials_given")
def fill_in_credentials(
    sender: object, *, connection: Connection, settings: Mapping[str, str], by: User, **_: Any
) -> None:
    """What was entered and tried in the set-up answers the checklist too: nobody enters the same thing twice.

    Only what is still open there, and only what this person may answer.
    """
    for req in Request.objects.filter(connection=connection).exclude(stage=Stage.CLOSED):
        items = Item.objects.filter(req=req, is_credential=True, key__in=settings).select_related("answer")
        for item in items.exclude(answer__state__in=_ANSWERED).order_by("position"):
            scope = scope_of(by, req.public_id) if by.role == Role.CUSTOMER_ADMIN else None
            if not settings[item.key] or not may_give(item, by, req.current_stage, scope=scope):
                continue
            try:
                with transaction.atomic():
                    give_answer(req, item, settings[item.key], by=by)
            except (EditRefused, InvalidAnswer):
                # The connection has it and works; the checklist asks in its own words.
                continue


@receiver(draft_saved, dispatch_uid="requests_app.draft_saved")
def raise_version(sender: object, *, connection: Connection, **_: Any) -> None:
    """Whoever reviews a request has seen another plan: their decision is refused, as after any other edit."""
    rows = Request.objects.filter(connection=connection, stage=Stage.SUBMITTED)
    rows.update(version=F("version") + 1, updated_at=Now())


@receiver(draft_confirmed, dispatch_uid="requests_app.draft_confirmed")
def tell_of_set_up(sender: object, *, connection: Connection, receipt: Receipt, **_: Any) -> None:
    """The timeline, the owner and the ticket hear what was confirmed."""
    if receipt.purpose != Purpose.SETUP:
        return
    who = receipt.confirmed_by
    people = "1 person" if receipt.affected == 1 else f"{receipt.affected:,} people"
    for req in Request.objects.filter(connection=connection).select_related("company", "owner"):
        words = f"{who} confirmed the plan of the connection: {people}"
        Event.objects.create(req=req, by=who, move="set_up", words=words[:500], for_customer=True)
        if req.jira_key:
            send_receipt(req, receipt)
        if who.pk != req.owner_id:
            notify(
                [req.owner],
                "set_up",
                words=f"{who} has set the connection of {req} up: {req.provider.name} for {req.company.name}",
                url=reverse("request_detail", args=[req.number]),
                marker=f"set_up:{receipt.pk}:{req.pk}",
                detail=f"The plan for {people} is confirmed. It starts with the approval.",
            )


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
