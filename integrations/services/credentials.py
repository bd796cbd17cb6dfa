"""What a connection needs to get in: stored sealed, opened only for a worker, never logged."""

from __future__ import annotations

from collections.abc import Mapping
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


def connection_settings(connection: Connection, draft: Draft | None = None) -> dict[str, str]:
    """The opened credentials by key; those that `draft` tries take the place of the others.

    Raises NeedsPerson when one cannot be opened any more.
    """
    opened: dict[str, str] = {}
    rows = connection.credentials.filter(Q(draft=None) | Q(draft=draft)).select_related("connection")
    for credential in rows.order_by(F("draft").asc(nulls_first=True)):
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
