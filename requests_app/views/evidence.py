"""Serves an uploaded file to those who may see its request; a browser can do nothing with it but show it."""

from __future__ import annotations

from uuid import UUID

from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from requests_app.models import Evidence, Request
from requests_app.views.shared import DeskRequest

# What we re-encoded ourselves and a browser shows without running anything.
_SHOWN = frozenset({"image/png", "image/jpeg", "image/webp"})


@require_safe
def evidence_file(request: DeskRequest, public_id: UUID) -> FileResponse:
    """An image inline, anything else as a download. Missing, foreign and lost files answer alike."""
    rows = Evidence.objects.filter(req__in=Request.objects.for_actor(request.user))
    found = get_object_or_404(rows, public_id=public_id)
    inline = found.content_type in _SHOWN and "download" not in request.GET
    try:
        handle = found.file.open("rb")
    except FileNotFoundError:
        raise Http404 from None
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
