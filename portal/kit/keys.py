"""The vault of this installation: the settings of Django, given to kit.vault."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from portal.kit.vault import Vault


def vault() -> Vault:
    """Raises ValueError when VAULT_KEYS is malformed; portal.checks says so at the start."""
    return _vault(settings.VAULT_KEYS)


@cache
def _vault(ring: str) -> Vault:
    return Vault.from_text(ring)
