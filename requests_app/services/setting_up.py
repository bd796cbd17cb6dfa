"""The set-up of a connection as part of its request: begun from the answers, shown to everybody, waited for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from integrations.models import Connection, ConnectionState, Draft, DraftState, Purpose, Receipt
from integrations.provider import Kind
from integrations.services import draft_answers, drafts
from integrations.services.receipts import counted
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request
from requests_app.services.secrets import credential_givers, credential_settings
from requests_app.services.wishes import chosen_by, parts_unheard

_ENDED = frozenset({Stage.REJECTED, Stage.CANCELLED, Stage.CLOSED, Stage.LIVE})


@dataclass(frozen=True, slots=True)
class SetUp:
    """Where the set-up of a request stands. Without a `draft` it has not begun."""

    connection: Connection | None = None
    draft: Draft | None = None
    receipt: Receipt | None = None

    @property
    def is_confirmed(self) -> bool:
        return self.receipt is not None

    @property
    def is_begun(self) -> bool:
        return self.draft is not None

    @property
    def counted(self) -> list[tuple[str, str, int]]:
        """What the plan came to, as the approver reads it."""
        return counted(self.receipt) if self.receipt else []

    @property
    def confirmed_at(self) -> datetime | None:
        return self.receipt.confirmed_at if self.receipt else None


def has_set_up(req: Request) -> bool:
    """Whether there is anything to set up: people are read, so somebody must say whom and what of them."""
    return bool(req.kind == Kind.HRIS and req.provider.source is not None)


def may_set_up(req: Request) -> bool:
    """Before the review, during it, and after an approval that waits for it."""
    return has_set_up(req) and req.current_stage not in _ENDED


def set_up_of(req: Request) -> SetUp:
    """At most three queries; none where there is nothing to set up."""
    if not has_set_up(req) or req.connection is None:
        return SetUp()
    connection = req.connection
    rows = connection.drafts.filter(purpose=Purpose.SETUP).exclude(state=DraftState.WITHDRAWN)
    # Begun anew, it is not what was confirmed before it was ended.
    found = rows.filter(state=DraftState.OPEN).first() if connection.confirmed_at is None else rows.first()
    receipts = connection.receipts.filter(purpose=Purpose.SETUP).select_related("confirmed_by")
    receipt = receipts.filter(draft=found).first() if found else None
    return SetUp(connection, found, receipt)


def begin_set_up(req: Request, *, by: User) -> Connection:
    """Makes the connection, not yet running, with what the answers say already; or takes the one that is there.

    Raises NeedsPerson when nothing can be set up now, drafts.DraftRefused as begin_setup does.
    """
    if not may_set_up(req):
        raise NeedsPerson(_("There is nothing to set up now."), code="stage")
    with transaction.atomic():
        fresh = Request.objects.select_for_update(no_key=True).get(pk=req.pk)
        if not may_set_up(fresh):
            raise NeedsPerson(_("There is nothing to set up now."), code="stage")
        is_new, chosen = fresh.connection is None, chosen_by(fresh)
        draft = drafts.begin_setup(
            fresh.company,
            fresh.provider_slug,
            settings=credential_settings(fresh),
            mapping=chosen.mapping,
            by=by,
            request_number=str(fresh),
            given=credential_givers(fresh),
            policy=chosen.policy,
        )
        connection: Connection = draft.connection
        Request.objects.filter(pk=req.pk).update(connection=connection)
        if is_new:
            words = f"{by} began to set the connection up"
            Event.objects.create(req=fresh, by=by, move="begin_set_up", words=words[:500], for_customer=True)
        elif parts := parts_unheard(fresh):
            draft_answers.take_over(drafts.begin_change(connection, by=by), parts, by=by)
    req.connection = connection
    return connection


def whom_it_waits_for(req: Request, setup: SetUp) -> str:
    """ "Dana Whitfield" where somebody has begun, else who was invited, else the customer."""
    if setup.draft is not None:
        return str(setup.draft.created_by)
    return req.company.name


def told(receipt: Receipt) -> str:
    """A receipt as the ticket and the timeline tell it: numbers, who, and its address. No names of people."""
    with override("en"):
        counts = ", ".join(f"{number:,} {label.lower()}" for _name, label, number in counted(receipt))
    address = f"{settings.SITE_URL}{reverse('receipt_detail', args=[receipt.public_id])}"
    return (
        f"{receipt.confirmed_by} confirmed the plan for {receipt.affected:,} people on "
        f"{receipt.confirmed_at:%Y-%m-%d %H:%M} UTC: {counts or 'nobody'}.\n"
        f"Receipt {receipt.digest}: {address}"
    )


def waits_for_set_up(req: Request) -> bool:
    """Approved, and the connection is still not confirmed by anybody."""
    connection = req.connection
    return (
        req.current_stage == Stage.APPROVED
        and connection is not None
        and connection.state == ConnectionState.SETTING_UP
    )
