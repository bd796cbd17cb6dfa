"""What somebody changes here by hand. The HR system stays the source of truth: only protection outlives the next run."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from integrations.engine.normalise import address, capped
from integrations.models import Connection, DirectoryPerson, Group, Membership, PersonState
from integrations.people import ATTRIBUTES
from integrations.services.addresses import is_taken, one_at_a_time
from integrations.services.standing import look_again, standing_still
from integrations.targets.sql import NO_DIGEST
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.audit.services import record
from portal.kit.errors import NeedsPerson


def edit_person(person: DirectoryPerson, values: Mapping[str, str], *, by: User) -> tuple[str, ...]:
    """Sets attributes of an active person. Returns the names of those that differ; without any nothing is written.

    Raises NeedsPerson ("email", "duplicate_email", "deactivated", "already_running", "busy"), KeyError for no attribute.
    """
    wanted = {name: _clean(name, values[name]) for name in values}
    with standing_still(person.connection) as connection:
        if wanted.get("email", person.email) != person.email:
            one_at_a_time(connection.company_id)
        fresh = _active(person, connection)
        differing = {name: value for name, value in wanted.items() if getattr(fresh, name) != value}
        if not differing:
            return ()
        if "email" in differing and is_taken(fresh, differing["email"]):
            raise NeedsPerson(
                _("Somebody else of this company has this e-mail address."), code="duplicate_email"
            )
        DirectoryPerson.objects.filter(pk=fresh.pk).update(
            **differing, edited_at=Now(), updated_at=Now(), raw_digest=NO_DIGEST
        )
        look_again(connection)
        _record("person.edit", fresh, by, attributes=sorted(differing))
    person.refresh_from_db()
    return tuple(name for name in ATTRIBUTES if name in differing)


def protect(person: DirectoryPerson, *, on: bool, by: User) -> None:
    """A protected person is never deactivated by a run. Lifted, the next run looks at them again.

    Raises NeedsPerson while a run is going on: it might have planned to let them go.
    """
    with standing_still(person.connection) as connection:
        fresh = DirectoryPerson.objects.select_for_update().get(pk=person.pk)
        if fresh.protected != on:
            changed = {"protected": on, "updated_at": Now()} | ({} if on else {"raw_digest": NO_DIGEST})
            DirectoryPerson.objects.filter(pk=fresh.pk).update(**changed)
            if not on:
                look_again(connection)
            _record("person.protect" if on else "person.unprotect", fresh, by)
    person.refresh_from_db()


def protection_of(person: DirectoryPerson) -> Entry | None:
    """Who protected them last and when, from the audit log."""
    entries = Entry.objects.filter(subject=_subject(person), action="person.protect")
    return entries.order_by("-pk").first()


def join(group: Group, person: DirectoryPerson, *, by: User) -> None:
    """Raises NeedsPerson: of another connection, deactivated, or a run is going on."""
    with standing_still(group.connection) as connection:
        fresh = _active(person, connection)
        _membership, joined = Membership.objects.get_or_create(
            group=group, person=fresh, defaults={"by_hand": True}
        )
        if joined:
            _note_by_hand("group.join", group, fresh, connection, by)


def leave(group: Group, person: DirectoryPerson, *, by: User) -> None:
    """Raises NeedsPerson while a run is going on. Whoever is not in the group stays out of it."""
    with standing_still(group.connection) as connection:
        gone, _each = Membership.objects.filter(group=group, person=person).delete()
        if gone:
            _note_by_hand("group.leave", group, person, connection, by)


def _clean(name: str, value: str) -> str:
    if name != "email":
        return capped(name, value)[0]
    found = address(value)
    if found is None:
        raise NeedsPerson(_("This is no e-mail address."), code="email")
    return found


def _active(person: DirectoryPerson, connection: Connection) -> DirectoryPerson:
    fresh = DirectoryPerson.objects.select_for_update().filter(pk=person.pk, connection=connection).first()
    if fresh is None:
        raise NeedsPerson(_("This person does not belong to that connection."), code="other_connection")
    if fresh.state != PersonState.ACTIVE:
        raise NeedsPerson(
            _("This person is deactivated, so nothing about them can be changed."), code="deactivated"
        )
    return fresh


def _note_by_hand(
    action: str, group: Group, person: DirectoryPerson, connection: Connection, by: User
) -> None:
    look_again(connection, groups=True)
    _record(action, person, by, group=group.name)


def _record(action: str, person: DirectoryPerson, by: User, **details: object) -> None:
    """Names of attributes, never their values: the log outlives the person's data."""
    record(action, by=by, company_id=person.company_id, subject=_subject(person), details=details)


def _subject(person: DirectoryPerson) -> str:
    return f"person {person.public_id}"
