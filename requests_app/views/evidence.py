"""Serves the picture of an upload to those who may see its request; a browser can do nothing with it but show it."""

from __future__ import annotations

from uuid import UUID

from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from portal.audit.services import record
from portal.kit.errors import RetryLater
from requests_app.models import Evidence
from requests_app.services.evidence import evidence_for, may_see
from requests_app.views.shared import DeskRequest

# What we re-encoded ourselves and a browser shows without running anything.
_SHOWN = frozenset({"image/png", "image/jpeg", "image/webp"})


@require_safe
def evidence_file(request: DeskRequest, public_id: UUID) -> FileResponse | HttpResponse:
    """An image inline, anything else as a download. Missing, foreign and lost files answer alike.

    The original is not reachable here. What our people take away with them is in the audit log.
    """
    found = get_object_or_404(evidence_for(request.user).select_related("req"), public_id=public_id)
    if not may_see(request.user, found):
        raise Http404
    taken = "download" in request.GET
    inline = found.content_type in _SHOWN and not taken
    try:
        handle = found.file.open("rb")
    except FileNotFoundError:
        raise Http404 from None
    except RetryLater:
        return HttpResponse("Please try again in a minute.", status=503, content_type="text/plain")
    if taken and request.method == "GET":
        _recorded(request, found)
    answer = FileResponse(
        handle,
        as_attachment=not inline,
        filename=found.name,
        content_type=found.content_type if inline else "application/octet-stream",
    )
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


def _recorded(request: DeskRequest, found: Evidence) -> None:
    if request.user.is_desk_staff:
        record(
            "evidence.downloaded",
            by=request.user,
            company_id=found.req.company_id,
            subject=str(found.req),
            details={"evidence": str(found.public_id), "name": found.name},
        )
