"""Client certificates as customers paste them: checked, described, and given to TLS from memory only."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from portal.kit.clock import Clock, now
from portal.kit.errors import NeedsPerson, gettext_noop

# Said in English and retold to whoever reads it, sentence by sentence, with the day in its place.
_EXPIRED = gettext_noop("The certificate expired on %(n1)s.")
_RENEW = gettext_noop("Have a new one issued and paste it here.")
_NOT_YET = gettext_noop("The certificate is not valid before %(n1)s.")


@dataclass(frozen=True)
class ClientCertificate:
    """A checked pair. `certificate_pem` may hold a chain, own certificate first; the key is not encrypted."""

    certificate_pem: bytes = field(repr=False)
    private_key_pem: bytes = field(repr=False)
    fingerprint: str
    not_after: datetime

    @classmethod
    def from_text(
        cls, certificate_pem: str, private_key_pem: str, passphrase: str = "", *, clock: Clock = now
    ) -> ClientCertificate:
        """Raises NeedsPerson with the code no_certificate, no_private_key, wrong_passphrase, pair_mismatch,
        certificate_expired or certificate_not_yet_valid, and a sentence that says which of both is wrong."""
        chain = _chain(certificate_pem)
        key = _key(private_key_pem, passphrase)
        own = chain[0]
        if _public(own.public_key()) != _public(key.public_key()):
            raise NeedsPerson(
                gettext_noop(
                    "The certificate and the private key do not belong together. Paste the key that the request "
                    "for this certificate was made with."
                ),
                code="pair_mismatch",
            )
        _check_dates(own, clock())
        return cls(
            certificate_pem=b"".join(part.public_bytes(serialization.Encoding.PEM) for part in chain),
            private_key_pem=key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            fingerprint=own.fingerprint(hashes.SHA256()).hex(),
            not_after=own.not_valid_after_utc,
        )

    def ssl_context(self, ca_pem: str = "") -> ssl.SSLContext:
        """A client context that presents this certificate."""
        context = _new_context(ca_pem)
        with _in_memory(self.certificate_pem) as certificate, _in_memory(self.private_key_pem) as key:
            context.load_cert_chain(certificate, key)
        return context


def ends_at(certificate_pem: str) -> datetime:
    """The last instant at which the first certificate of the text is valid. Raises NeedsPerson (no_certificate)."""
    return _chain(certificate_pem)[0].not_valid_after_utc


@lru_cache(maxsize=8)
def trusting_context(ca_pem: str = "") -> ssl.SSLContext:
    """TLS 1.2 or newer, names checked, the public authorities trusted and those of `ca_pem` besides.

    One for all sessions that present no certificate: reading the authorities takes as long as many a request.
    """
    return _new_context(ca_pem)


def _new_context(ca_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_pem:
        context.load_verify_locations(cadata=ca_pem)
    return context


def _chain(text: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.strip().encode())
    except ValueError:
        pass
    if "PRIVATE KEY-----" in text:
        said = gettext_noop(
            "The certificate field holds a private key. Paste the certificate there, and the key below."
        )
    else:
        said = gettext_noop(
            "There is no readable certificate. Paste all of it, from BEGIN CERTIFICATE to END CERTIFICATE."
        )
    raise NeedsPerson(said, code="no_certificate")


def _key(text: str, passphrase: str) -> PrivateKeyTypes:
    data = text.strip().encode()
    try:
        return serialization.load_pem_private_key(data, passphrase.encode() or None)
    except TypeError:
        pass  # a passphrase is missing, or there is one too many
    except Exception as error:  # noqa: BLE001 - the library names a wrong passphrase and a broken key alike
        if b"ENCRYPTED" in data and passphrase and _looks_like_a_key(data):
            raise NeedsPerson(
                gettext_noop(
                    "The passphrase does not open the private key. Enter the one that the key was saved with."
                ),
                code="wrong_passphrase",
            ) from None
        raise _no_key(data) from error.with_traceback(None)
    if passphrase:
        return _key(text, "")
    raise NeedsPerson(
        gettext_noop("The private key is protected by a passphrase. Enter the passphrase too."),
        code="wrong_passphrase",
    )


def _looks_like_a_key(data: bytes) -> bool:
    return data.startswith(b"-----BEGIN ") and b"PRIVATE KEY-----" in data


def _no_key(data: bytes) -> NeedsPerson:
    if b"BEGIN CERTIFICATE-----" in data:
        said = gettext_noop(
            "The private key field holds a certificate. Paste the key there, and the certificate above."
        )
    else:
        said = gettext_noop(
            "There is no readable private key. Paste all of it, from BEGIN PRIVATE KEY to END PRIVATE KEY."
        )
    return NeedsPerson(said, code="no_private_key")


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _day(moment: datetime) -> dict[str, str]:
    return {"n1": f"{moment:%-d %B %Y}"}


def _check_dates(certificate: x509.Certificate, at: datetime) -> None:
    if certificate.not_valid_after_utc <= at:
        raise NeedsPerson(
            f"{_EXPIRED % _day(certificate.not_valid_after_utc)} {_RENEW}", code="certificate_expired"
        )
    if certificate.not_valid_before_utc > at:
        raise NeedsPerson(_NOT_YET % _day(certificate.not_valid_before_utc), code="certificate_not_yet_valid")


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path that OpenSSL can open, to a file that has never been on a disk."""
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
