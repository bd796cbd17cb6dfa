"""Public demo credentials, one set per provider slug. They open nothing but the sandbox."""

import base64
import json
from datetime import timedelta
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from portal.kit.clock import now
from portal.sandbox.company import DOMAIN


def _segment(data: object) -> str:
    raw = json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


# Shaped like the JWT that StaffCloud shows under Settings > API > Security token.
_STAFFCLOUD_TOKEN: Final = ".".join(
    (
        _segment({"typ": "JWT", "alg": "HS256"}),
        _segment({"iss": "riverside.staff.cloud", "sub": "integration-desk", "iat": 1_735_689_600}),
        "c2FuZGJveC1zaWduYXR1cmUtaXMtbm90LXZlcmlmaWVk",
    )
)

CREDENTIALS: Final[dict[str, dict[str, str]]] = {
    "adp": {
        "client_id": "5f0c1d7e-3a44-4d6b-9f21-77c0a4e1b8d3",
        "client_secret": "b9a2f6d0-1c3e-4f58-8a67-e2d4c6b80f19",
    },
    "bamboohr": {"subdomain": "riverside", "api_key": "3f1d5a0c9b7e42d8a6c4e0f2b1d3957a8c6e4f20"},
    "bamboohr_oauth": {
        "subdomain": "riverside",
        "client_id": "riverside-5c1e9a",
        "client_secret": "Tq8sandboxZ3mVb6Kc1",
        "refresh_token": "def50200c7a94be1d6035f2c8e71b90a",
    },
    "personio": {
        "client_id": "papi-2c9e41f0-8d17-4b53-a0e6-5f7b1c3d9a84",
        "client_secret": "papi-ZWQ5NmFiMzQtMTdjOC00ZjBhLWI1ZDItOGU2",
    },
    "sage_hr": {"subdomain": "riverside", "api_key": "a7c3e9f1d5b8402e"},
    "staffcloud": {"tenant": "riverside", "token": _STAFFCLOUD_TOKEN},
    "entra": {
        "tenant_domain": DOMAIN,
        "tenant_id": "8b1f6c52-4e0d-4a97-b3d8-1f2a6e9c7054",
        "application_id": "c4a7d913-6f28-4b5e-9e01-d2b8f5703a6c",
        "client_secret": "Rv8Q~sandbox7hT2kLm.W4xZp9dY_c3NfJb6GqUa",
        "secret_id": "1d9e3b70-52c8-4f6a-8e47-90b6d4a1f2c5",
        "expired_client_secret": "Old8Q~expired5gS1jKl.V3wYo8cX_b2MeIa5FpT",
    },
    "jira": {
        "site": "integration-desk-demo.atlassian.net",
        "project": "INT",
        "email": "integration-desk@support.example",
        "api_token": "ATATT3xSandbox0Kq7Zt1mYw9Vb4Nc8Xe2Rf6Hg5Jd=5A0D1C2E",
        "webhook_secret": "sandbox-hook-Zt1mYw9Vb4Nc8Xe2Rf6Hg5Jd",
    },
    "salesforce": {
        "domain": "riverside-demo.my",
        "consumer_key": "3MVG9sandbox.Kq7Zt1mYw9Vb4Nc8Xe2Rf6Hg5JdLp3Ts0UaWi",
        "consumer_secret": "7D4F1A9C3E6B8025D1F7A4C9E3B60852",
    },
}


@cache
def adp_certificate() -> tuple[str, str]:
    """A client certificate in ADP's style and its key, both PEM; made once per process, valid for two years.

    ADP issues such a pair from a signing request, RSA 2048 (hris-apis.md 1.1). The sandbox takes
    any certificate.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Riverside Community Health MutualSSL")])
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=730))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def demo() -> dict[str, dict[str, str]]:
    """Every provider's credentials, with ADP's certificate and key filled in."""
    certificate, private_key = adp_certificate()
    adp = {**CREDENTIALS["adp"], "certificate": certificate, "private_key": private_key}
    return {**CREDENTIALS, "adp": adp}
