"""Access tokens that carry their own age, so that the sandbox keeps no list of them."""

import base64
import hashlib
import hmac
import secrets
from typing import Final

_KEY: Final = b"the sandbox signs nothing that matters"


def issue(vendor: str, now: float) -> str:
    """A new opaque token of this vendor."""
    body = f"{vendor}.{int(now * 1000)}.{secrets.token_hex(6)}"
    return base64.urlsafe_b64encode(f"{body}.{_sign(body)}".encode()).decode().rstrip("=")


def valid(vendor: str, token: str, *, now: float, lifetime: float, not_before: float = 0.0) -> bool:
    """Whether the token is this vendor's, issued since `not_before` and younger than `lifetime` seconds."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        body, _, signature = text.rpartition(".")
        owner, issued_ms, _ = body.split(".")
        issued = int(issued_ms) / 1000
    except ValueError:
        return False
    genuine = hmac.compare_digest(signature.encode(), _sign(body).encode())
    return genuine and owner == vendor and issued >= not_before and now < issued + lifetime


def _sign(body: str) -> str:
    return hmac.new(_KEY, body.encode(), hashlib.sha256).hexdigest()[:24]
