"""The door for customer admins: a link that a scanner may fetch and only a person can open."""

from __future__ import annotations

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.services import LinkUnusable, find_link, open_link, renew_link

CUSTOMER_SESSION_SECONDS = 8 * 60 * 60
_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def access_link(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a button and changes nothing; the POST of the same browser (its CSRF cookie) opens the link."""
    try:
        if request.method != "POST":
            return render(request, "accounts/access_link.html", {"link": find_link(token)})
        link, user = open_link(token)
    except LinkUnusable:
        return render(request, "accounts/access_link_unusable.html", {"token": token}, status=410)
    login(request, user, backend=_BACKEND)
    request.session.set_expiry(CUSTOMER_SESSION_SECONDS)
    return redirect("customer_request", link.request_id)


@never_cache
@require_POST
def access_link_renew(request: HttpRequest, token: str) -> HttpResponse:
    """Says the same whether or not there was a link, so that nobody learns which tokens exist."""
    renew_link(token)
    return render(request, "accounts/access_link_renewed.html")
