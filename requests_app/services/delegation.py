"""Handing on: an item, some, or the whole of the customer's part goes to a colleague by a link of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from portal.accounts.models import AccessLink, Role, User
from portal.accounts.services import create_link, revoke_link, scope_of
from portal.audit.services import record
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request
from requests_app.services.delegation_told import customers_items, tell_of_link
from requests_app.services.setting_up import begin_set_up, may_set_up, set_up_of

MOST_OPEN = 10  # colleagues per request: more is a mailing list
LONGEST_NOTE = 1_000


@dataclass(frozen=True, slots=True)
class Held:
    """A colleague and what was handed on to them; `keys` empty is the whole part."""

    link: AccessLink
    keys: frozenset[str]
    labels: tuple[str, ...]

    @property
    def email(self) -> str:
        return self.link.email

    @property
    def is_opened(self) -> bool:
        return self.link.used_at is not None

    def holds(self, key: str) -> bool:
        return not self.keys or key in self.keys


def delegate(
    req: Request,
    email: str,
    *,
    by: User,
    item_keys: Iterable[str] = (),
    note: str = "",
    sets_up: bool = False,
    language: str = "",
) -> AccessLink:
    """Hands items on by a link in the colleague's mail; without keys all that `by` holds.

    `by` is a customer admin, who hands on what they hold and keeps it, or the desk. With `sets_up` the link leads to
    the set-up of the connection, which is the whole part of somebody who holds it, as long as there is one to do.
    Raises NeedsPerson, and drafts.DraftRefused as begin_set_up does.
    """
    address, note = email.strip().lower(), " ".join(note.replace("\x00", "").split("\n")).strip()
    keys = _keys(req, by, frozenset(item_keys))
    if sets_up and keys:
        raise NeedsPerson(_("You cannot hand this on."), code="not_yours")
    _check(req, address, note, by)
    with transaction.atomic():
        fresh = Request.objects.select_for_update(no_key=True).get(pk=req.pk)
        if fresh.current_stage != Stage.WAITING_ON_CUSTOMER and not sets_up:
            raise NeedsPerson(_("This part is no longer open, so nothing can be handed on."), code="stage")
        if len({link.email for link in open_links(req)} - {address}) >= MOST_OPEN:
            raise NeedsPerson(
                _("%(most)d colleagues are asked already. Take one back first.") % {"most": MOST_OPEN},
                code="too_many",
            )
        link = create_link(
            req.company,
            req.public_id,
            address,
            by=by,
            language=language or by.language,
            item_keys=keys,
            delegated_by=by,
        )
        # Begun here if it was not before, so that the link leads to a step of it. Refused where there is nothing to do.
        connection = begin_set_up(req, by=by) if sets_up else None
        tell_of_link(req, link, note, by, connection)
    return link


def may_hand_set_up_on(req: Request, by: User) -> bool:
    """Whether there is a set-up to do, and it is `by`'s to hand on."""
    if by.role == Role.CUSTOMER_ADMIN and scope_of(by, req.public_id) is not None:
        return False
    return may_set_up(req) and not set_up_of(req).is_confirmed


def take_back(req: Request, link: AccessLink, *, by: User) -> None:
    """Ends what was handed on to this address, and what that person handed on in turn. Raises NeedsPerson.

    By whoever handed it on, or by the desk. What the colleague answered stays.
    """
    mine = by.is_desk_staff or link.delegated_by_id == by.pk
    if not mine or link.request_id != req.public_id or link.delegated_by_id is None or not _may_see(req, by):
        raise NeedsPerson(_("Only whoever asked this colleague can take it back."), code="not_yours")
    with transaction.atomic():
        Request.objects.select_for_update(no_key=True).get(pk=req.pk)
        ended = open_links(req).filter(email=link.email)
        if not by.is_desk_staff:
            ended = ended.filter(delegated_by=by)
        _end(req, list(ended))
        record(
            "request.take_back",
            by=by,
            company_id=req.company_id,
            subject=str(req),
            details={"email": link.email},
        )
        Event.objects.create(
            req=req,
            by=by,
            move="undelegate",
            words=f"{by} took back what {link.email} was asked for"[:500],
            for_customer=True,
        )


def open_links(req: Request) -> QuerySet[AccessLink]:
    """The links by which somebody was asked and still is, the newest first."""
    usable = Q(used_at__isnull=False) | Q(expires_at__gt=clock.now())
    links = AccessLink.objects.filter(usable, request_id=req.public_id, revoked_at=None)
    return links.exclude(delegated_by=None).select_related("delegated_by", "used_by").order_by("-pk")


def held_by_colleagues(req: Request) -> list[Held]:
    """Who was asked for what, one entry per link, the newest first. Two queries."""
    links = list(open_links(req))
    if not links:
        return []
    labels = dict(customers_items(req).values_list("key", "label"))
    return [
        Held(link, frozenset(link.item_keys), tuple(labels[key] for key in link.item_keys if key in labels))
        for link in links
    ]


def _keys(req: Request, by: User, wanted: frozenset[str]) -> frozenset[str]:
    """What the link will open: a part of what `by` holds. Empty is the customer's whole part."""
    if not _may_see(req, by) or by.role not in (Role.CUSTOMER_ADMIN, Role.CSM, Role.TL):
        raise NeedsPerson(_("You cannot hand this on."), code="not_yours")
    held = scope_of(by, req.public_id) if by.role == Role.CUSTOMER_ADMIN else None
    known = set(customers_items(req).values_list("key", flat=True))
    if not wanted <= known or (held is not None and not wanted <= held):
        raise NeedsPerson(_("You cannot hand this on."), code="not_yours")
    return wanted or held or frozenset()


def _check(req: Request, address: str, note: str, by: User) -> None:
    try:
        validate_email(address)
    except ValidationError:
        raise NeedsPerson(
            _("Enter one e-mail address, such as jane.roe@example.com."), code="email"
        ) from None
    if address == by.email.lower():
        raise NeedsPerson(_("That is your own address. Enter your colleague's."), code="email")
    if len(note) > LONGEST_NOTE:
        raise NeedsPerson(_("Say it in at most %(most)d characters.") % {"most": LONGEST_NOTE}, code="note")


def _end(req: Request, links: Sequence[AccessLink]) -> None:
    """Revokes these, and whatever was handed on by those who thereby lose their access."""
    for link in links:
        revoke_link(link)
    users = {link.used_by_id for link in links if link.used_by_id}
    inside = AccessLink.objects.filter(request_id=req.public_id, revoked_at=None, used_by__in=users)
    outside = users - set(inside.values_list("used_by", flat=True))
    onward = list(open_links(req).filter(delegated_by__in=outside)) if outside else []
    if onward:
        _end(req, onward)


def _may_see(req: Request, by: User) -> bool:
    return Request.objects.for_actor(by).filter(pk=req.pk).exists()
