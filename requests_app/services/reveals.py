"""Showing a held secret to one person, once, with a reason: recorded, and told to whoever gave it (T18)."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from integrations.provider import ItemKind
from portal.accounts.limits import take
from portal.accounts.models import Role, User
from portal.audit.services import record
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.kit.vault import SecretUnreadable
from portal.notices.services import notify
from portal.outbox.services import request_effect
from requests_app.lifecycle import Stage
from requests_app.models import Answer, Event, Item, Request, Reveal
from requests_app.services.secrets import opened

MAY_REVEAL = frozenset({Role.TL, Role.DEVELOPER})
SHORTEST_REASON = 10
MOST_AN_HOUR = 10
_OVER = frozenset({Stage.CLOSED, Stage.CANCELLED, Stage.REJECTED})


def reveal_secret(item: Item, *, by: User, reason: str) -> str:
    """The secret, to be shown in one answer and kept nowhere. Its row, entry and mail come with it, or not at all.

    That `by` proved who they are a moment ago is the caller's to see to (portal.accounts.confirming).
    Raises NeedsPerson when it may not or cannot be shown, RateLimited after ten within an hour.
    """
    why = reason.strip()
    answer = _held(item, by)
    if len(why) < SHORTEST_REASON:
        raise NeedsPerson("Say in a few words why you need it.", code="reason")
    take("reveal", str(by.pk), most=MOST_AN_HOUR, per=timedelta(hours=1))
    try:
        with transaction.atomic():
            secret = opened(answer)
            _write(answer, by, why)
            return secret
    except SecretUnreadable:
        raise NeedsPerson(
            "This secret can no longer be read. Ask the customer for a new one.", code="unreadable"
        ) from None


def may_reveal(item: Item, by: User) -> bool:
    """Whether a page offers it: the role, and something that is held."""
    return by.role in MAY_REVEAL and item.kind == ItemKind.SECRET


def _held(item: Item, by: User) -> Answer:
    visible = Request.objects.for_actor(by).filter(pk=item.req_id).exists()
    if not may_reveal(item, by) or not visible:
        raise NeedsPerson("You cannot see this secret.", code="forbidden")
    if item.req.current_stage in _OVER:
        words = item.req.current_stage.label.lower()
        raise NeedsPerson(f"This request is {words}, so that its secrets are no longer shown.", code="over")
    answer = Answer.objects.select_related("item__req__company", "item__req__owner", "provided_by").get(
        item=item
    )
    if not answer.sealed:
        raise NeedsPerson("No value is held for this item.", code="nothing_held")
    return answer


def _write(answer: Answer, by: User, why: str) -> None:
    item, req = answer.item, answer.item.req
    reveal = Reveal.objects.create(item=item, by=by, reason=why[:500])
    words = f"{by} looked at “{item.label}”"
    Event.objects.create(req=req, by=by, words=words[:500], reason=why)
    record(
        "secret.revealed",
        by=by,
        company_id=req.company_id,
        subject=str(req),
        details={"item": item.key, "reason": why[:500]},
    )
    giver = answer.provided_by
    if giver is None or giver.pk == by.pk or not giver.is_active:
        return
    if giver.is_desk_staff:
        url = reverse("request_detail", args=[req.number])
        sentence = f"{words}, which you gave for {req.company}."
        notify([giver], "revealed", words=sentence, url=url, marker=f"revealed:{reveal.pk}", detail=why)
    else:
        _mail(reveal, giver, req)


def _mail(reveal: Reveal, giver: User, req: Request) -> None:
    now = clock.now()
    with translation.override(giver.language):
        item, role = gettext(reveal.item.label), gettext(reveal.by.get_role_display())
    context = {
        "company": req.company.name,
        "provider": req.provider.name,
        "item": item,
        "who": str(reveal.by),
        "role": role,
        "reason": reveal.reason,
        "at": f"{now:%Y-%m-%d %H:%M} UTC",
        "reply_to": req.owner.email if req.owner.is_active else "",
    }
    request_effect(
        "mail.send",
        marker=f"mail:revealed:{reveal.pk}",
        subject=str(req.public_id),
        payload={
            "template": "revealed",
            "to": [giver.email],
            "context": context,
            "language": giver.language,
        },
    )
