"""Secrets at rest: AES-256-GCM, a ring of keys, and a ciphertext that decrypts only in the place it was written for.

Fernet does not bind a ciphertext to its row (libraries.md §1), so the place is the associated data here.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """The ciphertext was moved, altered, or written with a key that is no longer in the ring."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret lives. All four parts are authenticated: swapping rows makes it unreadable."""

    tenant: str
    table: str
    row: str
    field: str

    def associated_data(self) -> bytes:
        return "\x1f".join((self.tenant, self.table, self.row, self.field)).encode()


@dataclass(frozen=True)
class Vault:
    """`keys` maps a key id (1-8 ASCII letters or digits) to 32 bytes; the first one encrypts."""

    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def from_text(cls, ring: str) -> Vault:
        """`ring` is "id:base64,id:base64"; the first key encrypts, all decrypt. Raises ValueError if malformed."""
        keys: dict[str, bytes] = {}
        for part in filter(None, (piece.strip() for piece in ring.split(","))):
            key_id, _, text = part.partition(":")
            key = base64.urlsafe_b64decode(text)
            if not (key_id.isalnum() and len(key_id) <= 8 and len(key) == 32):
                raise ValueError("VAULT_KEYS must be id:base64 of 32 bytes, separated by commas")
            keys[key_id] = key
        if not keys:
            raise ValueError("VAULT_KEYS holds no key")
        return cls(keys)

    def encrypt(self, plaintext: str, place: Place) -> bytes:
        return self.encrypt_bytes(plaintext.encode(), place)

    def decrypt(self, ciphertext: bytes, place: Place) -> str:
        """Raises SecretUnreadable; never says why, because the reason helps only an attacker."""
        return self.decrypt_bytes(ciphertext, place).decode()

    def encrypt_bytes(self, plaintext: bytes, place: Place) -> bytes:
        """Version byte, key id padded to 8, nonce, ciphertext with tag."""
        key_id, key = next(iter(self.keys.items()))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, plaintext, place.associated_data())
        return _VERSION + key_id.encode().ljust(8) + nonce + sealed

    def decrypt_bytes(self, ciphertext: bytes, place: Place) -> bytes:
        """Raises SecretUnreadable."""
        blob = bytes(ciphertext)
        key = self.keys.get(blob[1:9].decode("ascii", "replace").strip())
        nonce, sealed = blob[9 : 9 + _NONCE_BYTES], blob[9 + _NONCE_BYTES :]
        if blob[:1] != _VERSION or key is None:
            raise SecretUnreadable
        try:
            return AESGCM(key).decrypt(nonce, sealed, place.associated_data())
        except InvalidTag:
            raise SecretUnreadable from None


def hint(plaintext: str) -> str:
    """The last four characters of a long secret, for "…ends in 4f2a"; nothing of a short one."""
    text = plaintext.strip()
    return text[-4:] if len(text) >= 12 and text[-4:].isalnum() else ""
