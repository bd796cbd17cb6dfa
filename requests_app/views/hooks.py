"""Where Jira's webhooks arrive. The signature is the sign-in; there is no session and no CSRF token to check."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from requests_app.services.hooks import MAX_BODY, is_configured, is_signed, take_hint


@csrf_exempt
@require_POST
def jira_webhook(request: HttpRequest) -> HttpResponse:
    """202 taken, 204 not about us, 400 no event, 401 not signed, 413 too large; none of them makes Jira try again."""
    if not is_configured():
        raise Http404
    try:
        body = request.body
    except RequestDataTooBig:
        return HttpResponse(status=413)
    if len(body) > MAX_BODY:
        return HttpResponse(status=413)
    if not is_signed(body, request.headers.get("X-Hub-Signature", "")):
        return HttpResponse(status=401)
    try:
        known = take_hint(body, request.headers.get("X-Atlassian-Webhook-Identifier", "")[:200])
    except ValueError:
        return HttpResponse(status=400)
    return HttpResponse(status=202 if known else 204)
