"""Invitations once a run has made them: mailed, accepted, and issued again by a person."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.models import (
    Connection,
    DirectoryPerson,
    Invitation,
    InvitationState,
    PersonState,
    Run,
)
from integrations.services.addresses import is_taken, one_at_a_time
from integrations.services.invitation_ends import EXPIRED, LASTS, STILL, expire_invitations
from integrations.services.locks import locked_connection
from integrations.services.records import record_of
from integrations.services.standing import look_again
from portal.accounts.limits import RateLimited, take
from portal.accounts.models import AccessLink, Company, Language, User
from portal.accounts.tasks import Mail, deliver
from portal.kit import clock
from portal.kit.clock import Clock
from portal.kit.errors import NeedsPerson
from portal.outbox.models import Effect
from portal.outbox.services import effect, request_effect

MAIL = "invitation.mail"
PER_TICK = 200
_SIGNER = Signer(salt="integrations.invitation")
_MOST_A_DAY = 3


def token_of(invitation: Invitation) -> str:
    """What the address in the mail holds. A new `public_id` makes every earlier one worthless."""
    return _SIGNER.sign(invitation.public_id.hex)


def address_of(invitation: Invitation) -> str:
    return f"{settings.SITE_URL}{reverse('invitation_accept', args=[token_of(invitation)])}"


def invitation_by(token: str, *, now: Clock = clock.now) -> Invitation | None:
    """The one that is open or was accepted. None alike for what is unknown, expired, replaced or removed."""
    try:
        public_id = uuid.UUID(hex=_SIGNER.unsign(token))
    except (BadSignature, ValueError):
        return None
    rows = Invitation.objects.select_related("person__company").filter(public_id=public_id)
    found = rows.filter(person__state=PersonState.ACTIVE).first()
    if found is None or found.state == InvitationState.ACCEPTED:
        return found
    is_open = found.state == InvitationState.PENDING and found.expires_at > now()
    return found if is_open else None


def accept(token: str, *, now: Clock = clock.now) -> Invitation | None:
    """Accepts it; a second time changes nothing. None as `invitation_by` gives it."""
    found = invitation_by(token, now=now)
    if found is None or found.state == InvitationState.ACCEPTED:
        return found
    pending = Invitation.objects.filter(pk=found.pk, state=InvitationState.PENDING, public_id=found.public_id)
    pending.order_by().update(state=InvitationState.ACCEPTED, accepted_at=now())
    return invitation_by(token, now=now)


# --- mails --------------------------------------------------------------------------------------------------


def mail_invitations(now: datetime) -> int:
    """Duty: asks for the mails of those that nobody was sent yet. Returns how many."""
    due = Invitation.objects.filter(
        state=InvitationState.PENDING, mails=True, sent_at=None, expires_at__gt=now
    )
    due = due.exclude(person__connection__state__in=STILL)
    with transaction.atomic():
        rows = list(due.select_for_update(skip_locked=True, of=("self",)).order_by("pk")[:PER_TICK])
        for row in rows:
            # The payload has neither address nor link: both are read when the mail is sent.
            marker = f"invitation:{row.public_id}"
            request_effect(MAIL, marker=marker, subject=marker, payload={"invitation": row.pk})
        Invitation.objects.filter(pk__in=[row.pk for row in rows]).order_by().update(sent_at=now)
    return len(rows)


@effect(MAIL)
def send_invitation(row: Effect) -> Mapping[str, Any]:
    """To the address that the directory has now; nothing once it was accepted, replaced, or the person left."""
    found = Invitation.objects.select_related("person__company").filter(pk=row.payload["invitation"]).first()
    stale = (
        found is None
        or found.state != InvitationState.PENDING
        or row.marker != f"invitation:{found.public_id}"
    )
    if found is None or stale or found.person.state != PersonState.ACTIVE:
        return {"skipped": "the invitation is no longer open"}
    company = found.person.company
    context = {
        "site_url": settings.SITE_URL,
        "to_name": found.person.first_name or str(found.person),
        "company": company.name,
        "link": address_of(found),
    }
    return deliver(row, Mail("invited", (found.person.email,), context, language_of(company), "person"))


def language_of(company: Company) -> str:
    """What its people read: the language in which we last wrote to its admins."""
    links = AccessLink.objects.filter(company=company).order_by("-created_at", "-pk")
    return links.values_list("language", flat=True).first() or Language.ENGLISH


def look_after() -> None:
    """Tick: what is due to be mailed, and what ran out."""
    now = clock.now()
    mail_invitations(now)
    expire_invitations(now)


# --- issued again -------------------------------------------------------------------------------------------


def reissue(invitation: Invitation, *, by: User, now: Clock = clock.now) -> Invitation:
    """A new invitation by mail for another six months; the earlier address opens nothing any more.

    Somebody who left because theirs had expired comes back. Raises NeedsPerson with the reason why not.
    """
    person = invitation.person
    try:
        take("invitation", str(person.public_id), most=_MOST_A_DAY, per=timedelta(days=1))
    except RateLimited as limited:
        raise NeedsPerson(_("This person was invited several times today."), code="limited") from limited
    with transaction.atomic():
        connection = locked_connection(person.connection)
        one_at_a_time(connection.company_id)
        locked = Invitation.objects.select_for_update(of=("self",)).select_related("person")
        row = locked.get(pk=invitation.pk)
        _may_be_reissued(row, connection)
        if row.state == InvitationState.EXPIRED:
            DirectoryPerson.objects.filter(pk=row.person_id, left_because=EXPIRED).update(
                state=PersonState.ACTIVE, left_because="", deactivated_at=None, updated_at=now()
            )
            look_again(connection, groups=True)  # their groups went with them
            row = Invitation(person=row.person)
        row.public_id = uuid.uuid4()
        row.state, row.mails = InvitationState.PENDING, True
        row.made_at, row.sent_at, row.expires_at = now(), None, now() + LASTS
        row.save()
        subject = f"invitation {row.person.public_id}"
        record_of(connection, "invitation.reissued", by=by, subject=subject)
    return row


def may_invite(connection: Connection) -> bool:
    """Whether anybody of it can be invited again now."""
    return connection.state not in STILL


def _may_be_reissued(row: Invitation, connection: Connection) -> None:
    if not may_invite(connection):
        raise NeedsPerson(_("The connection is not running. Resume it first."), code="not_running")
    if row.state == InvitationState.ACCEPTED:
        raise NeedsPerson(_("This invitation was accepted already."), code="accepted")
    others = Invitation.objects.filter(person=row.person_id, state=InvitationState.PENDING).exclude(pk=row.pk)
    if others.exists():
        raise NeedsPerson(_("This person has a newer invitation."), code="newer")
    if row.person.state != PersonState.ACTIVE and row.person.left_because != EXPIRED:
        raise NeedsPerson(_("This person has left. They are invited again if they come back."), code="left")
    if row.person.state != PersonState.ACTIVE:
        _may_come_back(row.person)


def _may_come_back(person: DirectoryPerson) -> None:
    """Whoever left because their invitation had expired is asked about again, by a person before the next run does."""
    if is_taken(person, person.email):
        raise NeedsPerson(
            _(
                "Somebody else of this company has their e-mail address by now, so they cannot come back with it."
            ),
            code="duplicate_email",
        )
    # The run after an expiry reads everybody: whom it did not bring back has left, or does not belong here any more.
    since = Run.objects.filter(connection=person.connection_id, finished_at__gt=person.deactivated_at)
    if since.that_read_everybody().exists():
        raise NeedsPerson(
            _(
                "A run has read the HR system since and did not bring them back. They are invited again as soon as "
                "one does."
            ),
            code="left",
        )
