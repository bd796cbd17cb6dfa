"""What a connection needs to get in: stored sealed, opened only for a worker, never logged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q

from integrations.models import Connection, Credential, Draft
from integrations.provider import ItemKind
from portal.accounts.models import User
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.kit.keys import vault
from portal.kit.vault import SecretUnreadable, hint

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
                "The stored credentials can no longer be read. Enter them again.",
                code="credentials_unreadable",
            ) from None
    return opened


@dataclass(frozen=True, slots=True)
class Given:
    """Who entered a value, and when."""

    by: User
    at: datetime


def newer_settings(
    connection: Connection, settings: Mapping[str, str], given: Mapping[str, Given] | None = None
) -> dict[str, str]:
    """Of `settings` those that the connection does not have, or that were given after what it has."""
    held = dict(connection.credentials.filter(draft=None).values_list("key", "given_at"))
    who = given or {}
    return {
        key: value
        for key, value in settings.items()
        if key not in held or (key in who and who[key].at > held[key])
    }


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
    for item in connection.provider.credentials:
        value = settings.get(item.key, "").strip()
        secret = item.kind is ItemKind.SECRET or len(value) > _CLEAR_LENGTH
        if item.key not in settings or (item.kind is ItemKind.SECRET and not value):
            continue
        if not secret and held.get(item.key) == value:
            continue
        place = Credential(connection=connection, key=item.key).place()
        who = (given or {}).get(item.key, now)
        values = {
            "value": "" if secret else value,
            "sealed": vault().encrypt(value, place) if secret else None,
            "hint": hint(value) if secret else "",
            "given_by": who.by,
            "given_at": who.at,
        }
        Credential.objects.update_or_create(connection=connection, key=item.key, draft=draft, defaults=values)
