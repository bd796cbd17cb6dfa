"""What a connection needs to get in: stored sealed, opened only for a worker, never logged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F, Q
from django.utils.translation import gettext as _

from integrations.models import Connection, Credential, Draft
from integrations.provider import Item, ItemKind, Method, Provider, Settings
from portal.accounts.models import User
from portal.kit import clock
from portal.kit.certificates import ends_at
from portal.kit.errors import NeedsPerson
from portal.kit.keys import vault
from portal.kit.vault import SecretUnreadable, hint

EXPIRES_ON = "expires_on"  # what the keys of such dates end in
EMPTY = Q(sealed=None, value="")
_CLEAR_LENGTH = Credential._meta.get_field("value").max_length or 0


def connection_settings(
    connection: Connection, draft: Draft | None = None, *, without: Collection[str] = ()
) -> dict[str, str]:
    """The opened credentials by key; those that `draft` tries take the place of the others.

    Those of the keys in `without` are left alone.

    Raises NeedsPerson when one cannot be opened any more.
    """
    opened: dict[str, str] = {}
    rows = connection.credentials.filter(Q(draft=None) | Q(draft=draft)).select_related("connection")
    # One that cannot be read any more must not stand in the way of the one that takes its place.
    chosen = {row.key: row for row in rows.order_by(F("draft").asc(nulls_first=True))}
    for credential in chosen.values():
        if credential.key in without:
            continue
        if credential.sealed is None:
            opened[credential.key] = credential.value
            continue
        try:
            opened[credential.key] = vault().decrypt(bytes(credential.sealed), credential.place())
        except SecretUnreadable:
            raise NeedsPerson(
                _("The stored credentials can no longer be read. Enter them again."),
                code="credentials_unreadable",
            ) from None
    return opened


def has_new_credentials(connection: Connection, draft: Draft | None = None) -> bool:
    """Whether something of what opens the HR system was given since the last success, or is only tried in `draft`."""
    since = connection.last_success_at
    newer = Q(draft=None) if since is None else Q(draft=None, given_at__gt=since)
    tried = Q(draft=draft) if draft else Q(pk=None)
    return connection.credentials.filter(newer | tried).exists()


@dataclass(frozen=True, slots=True)
class Given:
    """Who entered a value, and when."""

    by: User
    at: datetime


def newer_settings(
    connection: Connection, settings: Mapping[str, str], given: Mapping[str, Given] | None = None
) -> dict[str, str]:
    """Of `settings` those that the connection does not have, or that were given after what it has.

    What only one way to authenticate needs is as old as what the connection has for another one.
    """
    held = dict(connection.credentials.filter(draft=None).values_list("key", "given_at"))
    who = given or {}

    def is_newer(key: str) -> bool:
        since = [
            at for other, at in held.items() if other == key or _are_rivals(connection.provider, key, other)
        ]
        return not since or (key in who and who[key].at > max(since))

    return {key: value for key, value in settings.items() if is_newer(key)}


def store_credentials(
    connection: Connection,
    settings: Mapping[str, str],
    by: User,
    given: Mapping[str, Given] | None = None,
    *,
    draft: Draft | None = None,
) -> None:
    """Writes the values that the card asks for. An empty secret keeps the stored one, an equal value its giver.

    `given` says by key who entered a value before; what it does not name, `by` enters now. With `draft` they are only
    tried there.
    """
    now = Given(by, clock.now())
    held = dict(connection.credentials.filter(sealed=None, draft=draft).values_list("key", "value"))
    own = dict(connection.credentials.filter(sealed=None, draft=None).values_list("key", "value"))
    for item in connection.provider.credentials:
        value = settings.get(item.key, "").strip()
        secret = item.kind is ItemKind.SECRET or len(value) > _CLEAR_LENGTH
        if item.key not in settings or (item.kind is ItemKind.SECRET and not value):
            continue
        if draft and not secret and own.get(item.key) == value:
            # As the connection has it: nothing new is tried, whatever was tried before.
            Credential.objects.filter(connection=connection, key=item.key, draft=draft).delete()
            continue
        if not secret and held.get(item.key) == value:
            continue
        place = Credential(connection=connection, key=item.key).place()
        who = (given or {}).get(item.key, now)
        values = {
            "value": "" if secret else value,
            "sealed": vault().encrypt(value, place) if secret else None,
            "hint": hint(value) if secret else "",
            "expires_on": _expiry_of(item, value),
            "given_by": who.by,
            "given_at": who.at,
        }
        Credential.objects.update_or_create(connection=connection, key=item.key, draft=draft, defaults=values)


def note_expiry(credential: Credential) -> None:
    """The end of a certificate that was stored before ends were noted; nothing of what is none, or cannot be read."""
    try:
        value = vault().decrypt(bytes(credential.sealed or b""), credential.place())
    except SecretUnreadable:
        return
    if day := _certificate_ends(value):
        # Another value may have been stored meanwhile, with its own end.
        same = Credential.objects.filter(pk=credential.pk, given_at=credential.given_at)
        same.update(expires_on=day)


def _expiry_of(item: Item, value: str) -> date | None:
    """The day that the value names, or on which the certificate that it is ends."""
    if item.kind is ItemKind.DATE and item.key.endswith(EXPIRES_ON):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return _certificate_ends(value)


def _certificate_ends(value: str) -> date | None:
    try:
        return ends_at(value).date() if "BEGIN CERTIFICATE" in value else None
    except (ValueError, NeedsPerson):
        return None


# --- where a vendor has several ways to authenticate ---------------------------------------------------------


def method_of(provider: Provider, typed: Settings) -> Method | None:
    """The one that a typed secret is for; None where no secret tells."""
    secrets = {
        item.key for item in provider.credentials if item.kind is ItemKind.SECRET and typed.get(item.key)
    }
    found = [each for each in provider.methods if any(_is_only_of(provider, each, key) for key in secrets)]
    return found[0] if len(found) == 1 else None


def keys_of_others(provider: Provider, method: Method | None) -> frozenset[str]:
    """What only other methods need. With one of them left over, an old way in could win over the new one."""
    if method is None:
        return frozenset()
    return frozenset(key for each in provider.methods for key in each.keys) - set(method.keys)


def drop_other_methods(connection: Connection, method: Method | None, draft: Draft | None = None) -> None:
    """Once `method` works. With `draft` an empty value takes the other's place there, and goes when it is taken over.

    Belongs into the transaction that stores what was accepted.
    """
    rows = connection.credentials.filter(key__in=keys_of_others(connection.provider, method))
    rows.filter(draft=draft).delete()
    if draft is not None:
        held = rows.filter(draft=None).values_list("key", flat=True)
        Credential.objects.bulk_create(
            Credential(connection=connection, draft=draft, key=key) for key in held
        )


def take_over(connection: Connection, draft: Draft | int) -> None:
    """What the draft tried becomes the connection's own. Belongs into the caller's transaction."""
    tried = Credential.objects.filter(connection=connection, draft=draft)
    own = Credential.objects.filter(connection=connection, draft=None)
    own.filter(key__in=list(tried.values_list("key", flat=True))).delete()
    tried.filter(EMPTY).delete()
    tried.update(draft=None)


def _is_only_of(provider: Provider, method: Method, key: str) -> bool:
    return [each for each in provider.methods if key in each.keys] == [method]


def _are_rivals(provider: Provider, one: str, other: str) -> bool:
    """Whether no method needs both, and each is needed by one."""
    uses = [{each.key for each in provider.methods if key in each.keys} for key in (one, other)]
    return all(uses) and not uses[0] & uses[1]
