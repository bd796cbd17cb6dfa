"""What the portal knows of a request's Jira issue: recorded once, refreshed, linked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from integrations.models import Receipt
from portal.accounts.models import Role, User
from portal.kit.errors import NeedsPerson
from portal.kit.leases import JobState
from portal.notices.services import notify
from portal.outbox.models import Effect
from portal.outbox.services import request_effect
from requests_app.clients.jira import IssueNews, JiraDesk, is_issue_key
from requests_app.lifecycle import Stage
from requests_app.models import Event, Message, Origin, Reach, Request
from requests_app.services.moves import marker_of
from requests_app.services.setting_up import set_up_of, told
from requests_app.services.talk import address_of, write_message
from requests_app.services.tickets import attachments_of, refuse_secrets

CHECK_EVERY = timedelta(minutes=5)
_ACCOUNT_KEPT = 24 * 60 * 60  # seconds
_OVER = [Stage.REJECTED, Stage.CANCELLED, Stage.CLOSED]


def record_issue(req: Request, key: str, *, by: User | None = None, words: str = "") -> None:
    """Writes the key once, with its event, and asks for the attachments and the link back."""
    with transaction.atomic():
        taken = Request.objects.filter(pk=req.pk, jira_key="").update(jira_key=key, updated_at=Now())
        if not taken:
            return
        Event.objects.create(req=req, by=by, move="ticket", words=words or f"Jira issue {key} was created")
        payload = {"request": str(req.public_id), "key": key}
        request_effect(
            "jira.link", marker=f"jira.link:{req.public_id}", subject=str(req.public_id), payload=payload
        )
        request_effect(
            "jira.status", marker=f"jira.status:{req.public_id}", subject=str(req.public_id), payload=payload
        )
        for attachment in attachments_of(req):
            _attach(req, key, attachment.evidence)
        if receipt := set_up_of(Request.objects.select_related("connection").get(pk=req.pk)).receipt:
            send_receipt(req, receipt)


def send_receipt(req: Request, receipt: Receipt) -> None:
    """What was confirmed goes to the issue as a comment: how many people, by whom, and where the receipt is. Once."""
    request_effect(
        "jira.comment",
        marker=f"jira.receipt:{receipt.public_id}",
        subject=str(req.public_id),
        payload={"request": str(req.public_id), "receipt": receipt.pk},
    )


def refresh_jira_status(req: Request, desk: JiraDesk | None = None) -> Request:
    """Asks Jira for the issue's status, comments and files, and keeps them. Raises RetryLater and NeedsPerson.

    An issue that is gone is a status too: "Not found in Jira".
    """
    desk = desk or JiraDesk()
    news, name = None, "Not found in Jira"
    try:
        news = desk.news(req.jira_key) if comments_come_in() else IssueNews(desk.status(req.jira_key))
        name = news.status.name
    except NeedsPerson as error:
        if error.code != "jira_not_found":
            raise
    # Asked before the row is locked: nobody waits for Jira behind it.
    own = own_account(desk) if news and (news.comments or news.files) else ""
    with transaction.atomic():
        known = Request.objects.select_for_update(of=("self",)).get(pk=req.pk)
        if known.jira_status and known.jira_status != name:
            Event.objects.create(
                req=req,
                move="ticket",
                words=f"{known.jira_key} went from {known.jira_status} to {name} in Jira",
            )
        if news and own:
            _take_in(known, news, own)
        Request.objects.filter(pk=req.pk).update(jira_status=name, jira_checked_at=Now())
    req.refresh_from_db(fields=["jira_status", "jira_checked_at"])
    return req


def comments_come_in() -> bool:
    return settings.JIRA_COMMENTS in ("in", "both")


def comments_go_out() -> bool:
    return settings.JIRA_COMMENTS in ("out", "both")


def own_account(desk: JiraDesk) -> str:
    """Asked once a day: what our own account wrote must not come back as news."""
    key = f"jira-own-account:{settings.JIRA_URL}:{settings.JIRA_EMAIL}"
    if known := cache.get(key):
        return str(known)
    account = desk.own_account()
    cache.set(key, account, _ACCOUNT_KEPT)
    return account


def _take_in(req: Request, news: IssueNews, own: str) -> None:
    """What people said and attached there becomes a note here, each once, and its owner hears of it."""
    said = [(comment.id, comment.author_id, comment.author, comment.text) for comment in news.comments]
    said += [
        (
            f"file-{file.id}",
            file.author_id,
            file.author,
            f"Attached {file.name} in Jira ({_size(file.size)}).",
        )
        for file in news.files
    ]
    known = set(Message.objects.filter(req=req).exclude(jira_id="").values_list("jira_id", flat=True))
    for number, author_id, author, text in said:
        if number in known or author_id == own or not text:
            continue
        message = write_message(
            req, text, by=None, reach=Reach.INTERNAL, author=author, origin=Origin.JIRA, jira_id=number
        )
        notify(
            [req.owner],
            "jira_comment",
            words=f"{req} {req.company.name}: {author} wrote in Jira",
            url=address_of(message),
            marker=f"message:{message.pk}",
            detail=text,
        )


def send_note(message: Message) -> None:
    """An internal note goes to the issue as a comment, with its files, where the operator wants that. Once."""
    req = message.req
    if not (comments_go_out() and req.jira_key and message.reach == Reach.INTERNAL):
        return
    if message.origin != Origin.PORTAL or message.by is None:
        return
    payload = {"request": str(req.public_id), "message": message.pk}
    request_effect(
        "jira.comment", marker=f"jira.comment:{message.pk}", subject=str(req.public_id), payload=payload
    )
    for file in message.files.all():
        _attach(req, req.jira_key, str(file.public_id))


def tell_author(message_pk: int, sentence: str) -> None:
    """A note that Jira cannot get is no reason to stop anything, but whoever wrote it should know."""
    message = Message.objects.select_related("by", "req").filter(pk=message_pk).first()
    if message and message.by:
        notify(
            [message.by],
            "jira_comment",
            words=f"{message.req}: your note could not be sent to Jira",
            url=address_of(message),
            marker=f"unsent:{message.pk}",
            detail=sentence,
        )


def comment_of(req: Request, payload: Mapping[str, Any]) -> tuple[str, str]:
    """Heading and text of an outgoing comment. The heading is unique, so that a twin is recognised.

    Raises NeedsPerson when it would carry a secret.
    """
    if number := payload.get("message"):
        message = Message.objects.select_related("by").get(pk=number, req=req)
        heading, text = f"{message.by} noted in {req} (note {message.pk})", message.text
    elif number := payload.get("receipt"):
        receipt = Receipt.objects.select_related("confirmed_by", "connection").get(
            pk=number, connection__company=req.company_id
        )
        heading, text = f"The set-up of {req} was confirmed (receipt {receipt.digest[:12]})", told(receipt)
    else:
        heading, text = (
            f"{req} was approved again (version {payload.get('version', req.version)})",
            payload["text"],
        )
    refuse_secrets(req, text)
    return heading, text


def _attach(req: Request, key: str, evidence: str) -> None:
    request_effect(
        "jira.attach",
        marker=f"jira.attach:{evidence}",
        subject=str(req.public_id),
        payload={"request": str(req.public_id), "key": key, "evidence": evidence},
    )


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= 1_000_000 else f"{max(count // 1000, 1)} kB"


def due_for_check() -> QuerySet[Request]:
    """Requests whose issue has not been looked at for five minutes, longest ago first."""
    stale = Q(jira_checked_at=None) | Q(jira_checked_at__lt=Now() - CHECK_EVERY)
    found: QuerySet[Request] = Request.objects.exclude(jira_key="").exclude(stage__in=_OVER).filter(stale)
    return found.order_by("jira_checked_at", "pk")


def link_existing_issue(req: Request, key: str, *, by: User) -> None:
    """A person found the issue in Jira themself. Raises NeedsPerson."""
    _desk_only(by)
    key = key.strip().upper()
    if not is_issue_key(key):
        raise NeedsPerson("Enter the issue's key, such as INT-42.", code="issue_key")
    JiraDesk().status(key)
    with transaction.atomic():
        record_issue(req, key, by=by, words=f"{by} linked the Jira issue {key}")
        Effect.objects.filter(marker=marker_of(req)).exclude(job_state=JobState.RUNNING).update(
            job_state=JobState.DONE, result={"key": key}, failure="", failure_code="", unclear_at=None
        )


def _desk_only(by: User) -> None:
    if by.role not in (Role.CSM, Role.TL):
        raise NeedsPerson("Only a CSM or a team lead can do this.", code="not_yours")
