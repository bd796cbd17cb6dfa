"""The page of one person: what the LMS sees and where it comes from, why they are as they are, what runs did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from integrations.engine.policy import Leaving
from integrations.models import (
    Change,
    ChangeKind,
    ConnectionState,
    DirectoryPerson,
    Held,
    HeldState,
    Invitation,
    InvitationState,
    Membership,
    MembershipChange,
    PersonState,
    Run,
)
from integrations.people import ATTRIBUTES
from integrations.permissions import POLICY
from integrations.services.local import protection_of
from integrations.services.wording import day_words
from integrations.views import words
from integrations.views.rule_words import OriginWords, origins_of
from integrations.views.shared import DeskRequest, address_for, person_of
from portal.accounts.models import User
from portal.accounts.policy import POST

HISTORY_SHOWN = 50
_LEFT = {
    Leaving.TERMINATED.value: gettext_noop("The HR system says that they have left."),
    Leaving.ABSENT.value: gettext_noop("The HR system no longer lists them."),
    Leaving.OUTSIDE.value: gettext_noop("The filter no longer lets them in."),
    "undone": gettext_noop("The run that had brought them in was undone."),
    "expired": gettext_noop("They did not accept their invitation in time."),
    "released": gettext_noop("Their removal was held, and somebody released it."),
}
_INVITATION_TONES = {
    InvitationState.PENDING: "warn",
    InvitationState.ACCEPTED: "good",
    InvitationState.EXPIRED: "neutral",
    InvitationState.REMOVED: "neutral",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str
    label: str
    value: str
    origin: OriginWords | None


@dataclass(frozen=True, slots=True)
class Event:
    """What one run did to the person, in words and lines."""

    run: Run
    what: str
    tone: str
    lines: Sequence[words.Line]
    note: str = ""

    @property
    def title(self) -> str:
        return words.run_title(self.run)

    @property
    def at(self) -> datetime:
        return self.run.created_at


@require_safe
def person_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    person = person_of(request.user, public_id)
    invitation = Invitation.objects.filter(person=person).first()
    origins = origins_of(person.connection)
    context = {
        "person": person,
        "connection": person.connection,
        "tone": words.PERSON_TONES[PersonState(person.state)],
        "attributes": [
            Attribute(name, _(label), day_words(getattr(person, name)), origins.get(name))
            for name, label in ATTRIBUTES.items()
        ],
        "manager": _manager(person),
        "standing": _standing(person),
        "groups": list(
            Membership.objects.filter(person=person).select_related("group").order_by("group__name")
        ),
        "invitation": invitation,
        "invitation_tone": _INVITATION_TONES[InvitationState(invitation.state)] if invitation else "",
        "history": _history(person),
        **_links(request, person),
    }
    return render(request, "integrations/person_detail.html", context)


def _links(request: DeskRequest, person: DirectoryPerson) -> dict[str, str | bool]:
    user, live = request.user, person.connection.state != ConnectionState.DISCONNECTED
    return {
        "why_url": address_for(user, "why", person.connection.public_id),
        "edit_url": address_for(user, "person_edit", person.public_id) if live else "",
        "may_take_back": live and bool(person.kept) and POLICY["person_take_back"].allows(POST, user),
    }


def _manager(person: DirectoryPerson) -> DirectoryPerson | None:
    if not person.manager_id:
        return None
    return DirectoryPerson.objects.filter(connection=person.connection, source_id=person.manager_id).first()


def _standing(person: DirectoryPerson) -> list[tuple[str, str]]:
    """Tone and sentence for everything about the account that is not as usual."""
    found = []
    if person.state == PersonState.DEACTIVATED:
        known = _(_LEFT[person.left_because]) if person.left_because in _LEFT else ""
        found.append(("neutral", _("Deactivated: the account is kept. %(why)s") % {"why": known}))
    if Held.objects.filter(person=person, state=HeldState.WAITING).exists():
        found.append(("warn", _("A run wanted to deactivate them. It waits for a person’s decision.")))
    if person.kept:
        found.append(("info", _kept(person)))
    if person.protected:
        found.append(("info", f"{_('Protected: no run ever deactivates them.')} {_protected(person)}"))
    if person.edited_at and person.connection.state != ConnectionState.DISCONNECTED:
        found.append(("warn", _("Somebody changed them here. The next run overwrites that.")))
    return [(tone, said.strip()) for tone, said in found]


def _kept(person: DirectoryPerson) -> str:
    """Who decided that they stay, when and why, as far as that is known."""
    rejected = Held.objects.filter(person=person, state=HeldState.REJECTED).select_related("decided_by")
    last = rejected.order_by("-pk").first()
    if last is None or last.decided_at is None:
        return _("Somebody decided that they stay, until the HR system lists them as before.")
    told = {"who": last.decided_by or _("Somebody"), "day": _day(last.decided_at), "words": last.words}
    return (
        _(
            "%(who)s decided on %(day)s that they stay, until the HR system lists them as before. "
            "The reason: %(words)s"
        )
        % told
    )


def _protected(person: DirectoryPerson) -> str:
    """Who protected them and when; "" where the audit log does not know."""
    entry = protection_of(person)
    if entry is None:
        return ""
    who = User.objects.filter(pk=entry.actor_id).first() if entry.actor_id else None
    return _("%(who)s decided so on %(day)s.") % {"who": who or _("Somebody"), "day": _day(entry.at)}


def _day(at: datetime) -> str:
    return date_format(timezone.localtime(at), _("j M Y"))


def _history(person: DirectoryPerson) -> list[Event]:
    """What runs did to this person and to their groups, the newest first. Two queries."""
    changes = Change.objects.filter(run__connection=person.connection, source_id=person.source_id)
    moves = MembershipChange.objects.filter(person=person).select_related("run", "group").order_by("-pk")
    events = [_change(each) for each in changes.select_related("run").order_by("-pk")[:HISTORY_SHOWN]]
    events += [_move(each) for each in moves[:HISTORY_SHOWN]]
    events.sort(key=lambda event: event.run.pk, reverse=True)
    return events[:HISTORY_SHOWN]


def _change(change: Change) -> Event:
    kind = ChangeKind(change.kind)
    quiet = kind is ChangeKind.ADDED
    return Event(change.run, _(str(kind.label)), words.KIND_TONES[kind], [] if quiet else words.lines(change))


def _move(move: MembershipChange) -> Event:
    said = _("Joined the group %(group)s") if move.joined else _("Left the group %(group)s")
    note = _("It undid what somebody had done here.") if move.by_hand else ""
    return Event(move.run, said % {"group": move.group.name}, "good" if move.joined else "neutral", [], note)
