"""Who hears that something was handed on: the colleague, the owner, the timeline and the audit log."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from integrations.models import Connection
from integrations.provider import Audience, Owner
from portal.accounts.models import AccessLink, User
from portal.accounts.services import mail_link
from portal.audit.services import record
from portal.notices.services import notify
from requests_app.models import Event, Item, Request


def tell_of_link(req: Request, link: AccessLink, note: str, by: User, connection: Connection | None) -> None:
    """The colleague by mail, the owner by notice, everybody else by the timeline and the audit log."""
    _mail(req, link, note, by, connection)
    count = len(link.item_keys)
    what = f"{count} answer{'s' if count != 1 else ''}" if count else "the whole part"
    asked = f"{by} asked {link.email}"
    goal = "to set the connection up" if connection else f"for {what}"
    Event.objects.create(req=req, by=by, move="delegate", words=f"{asked} {goal}"[:500], for_customer=True)
    record(
        "request.delegate",
        by=by,
        company_id=req.company_id,
        subject=str(req),
        details={"email": link.email, "items": link.item_keys, **({"sets_up": True} if connection else {})},
    )
    if req.owner_id != by.pk:
        notify(
            [req.owner],
            "delegated",
            words=f"{req} {req.company.name}: {asked}{_where(link.email, by)} {goal}",
            url=reverse("request_detail", args=[req.number]),
            marker=f"delegated:{link.pk}",
            detail=note,
        )


def _mail(req: Request, link: AccessLink, note: str, by: User, connection: Connection | None) -> None:
    """`connection` is the one to set up: the link leads there."""
    labels = list(customers_items(req).filter(key__in=link.item_keys).values_list("label", flat=True))
    with translation.override(link.language):
        context = {
            "company": req.company.name,
            "provider": req.provider.name,
            "who": str(by),
            "who_email": by.email,
            "what": "\n".join(f"- {_(label)}" for label in labels),
            "sets_up": "yes" if connection else "",
            "note": note,
            "expires_on": date_format(link.expires_at, _("j F Y")),
        }
    lands = reverse("setup", args=[connection.public_id]) if connection else ""
    mail_link(link, template="delegated", context=context, lands=lands)


def _where(address: str, by: User) -> str:
    """A colleague outside their own domain may be a consultant, or a slip: the owner should see it."""
    same = address.rpartition("@")[2] == by.email.lower().rpartition("@")[2]
    return "" if same or by.is_desk_staff else " (another domain)"


def customers_items(req: Request) -> QuerySet[Item]:
    """The customer's part, in its order."""
    return Item.objects.filter(
        req=req, owner=Owner.CUSTOMER, visible_to__contains=Audience.CUSTOMER.value
    ).order_by("position")
