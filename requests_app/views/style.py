"""The company's colour as a style sheet: the policy allows no style in the page itself."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from requests_app.views.shared import DeskRequest, customer_req

_OURS = "#0f5fc4"
_DARK, _LIGHT = "#000000", "#ffffff"


@require_safe
def company_style(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """`--company` and the ink that can be read on it; ours where the company has no colour."""
    color = customer_req(request.user, public_id).company.color or _OURS
    return HttpResponse(
        f":root{{--company:{color};--company-ink:{ink_on(color)}}}\n", content_type="text/css; charset=utf-8"
    )


def ink_on(color: str) -> str:
    """Black or white, whichever stands out more: at least 4.58:1 on any colour (WCAG 2.2, 1.4.3)."""
    return _LIGHT if contrast(color, _LIGHT) >= contrast(color, _DARK) else _DARK


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours like "#0054a6", from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
