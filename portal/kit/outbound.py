"""The egress of this installation: the settings of Django, given to kit.http."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from portal.kit.http import Egress


def egress() -> Egress:
    """SANDBOX_URL sends every call to the sandbox; "" or unset means the real systems."""
    return _egress(str(getattr(settings, "SANDBOX_URL", "") or ""))


@cache
def _egress(sandbox_url: str) -> Egress:
    return Egress(sandbox_url=sandbox_url or None)
