"""Sealing for one reader: whoever has the public key can close a box, only the private key opens it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY, _NONCE = 32, 12
_INFO = b"integration-desk sealed box 1"


class BoxUnopenable(Exception):
    """Another key closed it, it belongs to another place, or it was changed."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Raw X25519 keys of 32 bytes."""

    public: bytes
    private: bytes = field(repr=False)

    @classmethod
    def make(cls) -> KeyPair:
        key = X25519PrivateKey.generate()
        return cls(key.public_key().public_bytes_raw(), key.private_bytes_raw())

    @classmethod
    def of_private(cls, private: bytes) -> KeyPair:
        """Raises ValueError for what is no key."""
        return cls(X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw(), private)


def seal(data: bytes, public: bytes, place: str) -> bytes:
    """An ephemeral public key, a nonce and the AES-256-GCM text; `place` is authenticated and must be given again."""
    ephemeral = X25519PrivateKey.generate()
    mine = ephemeral.public_key().public_bytes_raw()
    nonce = os.urandom(_NONCE)
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    return mine + nonce + AESGCM(_derived(shared, mine, public)).encrypt(nonce, data, place.encode())


def unseal(box: bytes, keys: KeyPair, place: str) -> bytes:
    """Raises BoxUnopenable."""
    theirs, nonce, text = box[:_KEY], box[_KEY : _KEY + _NONCE], box[_KEY + _NONCE :]
    try:
        shared = X25519PrivateKey.from_private_bytes(keys.private).exchange(
            X25519PublicKey.from_public_bytes(theirs)
        )
        return AESGCM(_derived(shared, theirs, keys.public)).decrypt(nonce, text, place.encode())
    except (InvalidTag, ValueError) as error:
        raise BoxUnopenable from error


def _derived(shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    """The key depends on both public keys, so that a box cannot be made to open under another."""
    return HKDF(hashes.SHA256(), _KEY, salt=ephemeral + public, info=_INFO).derive(shared)
