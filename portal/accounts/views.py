"""The door for customer admins: a link that a scanner may fetch, and that only a code from the mail opens."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.accounts.doors import Door
from portal.accounts.models import AccessLink
from portal.accounts.services import LinkUnusable, find_link, link_of, renew_link
from portal.accounts.sessions import remember_link, remembered_link


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def access_link(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the page and changes nothing. POST `action`: "send", "forward" with `email`, "open" with `code`."""
    try:
        door = Door(request, find_link(token))
    except LinkUnusable:
        context = {"token": token, "next": _next(request)}
        return _untraceable(render(request, "accounts/access_link_unusable.html", context, status=410))
    return _untraceable(_answer(door, "accounts/access_link.html", {"link": door.link}))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def access_link_renew(request: HttpRequest, token: str) -> HttpResponse:
    """Says the same whether or not there was a link, so that nobody learns which tokens exist."""
    if request.method != "POST":
        return _untraceable(redirect("access_link", token))
    renew_link(token, lands=_next(request))
    return _untraceable(render(request, "accounts/access_link_renewed.html"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def session_ended(request: HttpRequest) -> HttpResponse:
    """Back to work with a fresh code. Tells nothing: whoever sits here may be somebody else."""
    if request.user.is_authenticated:
        return redirect(_next(request) or "home")
    context = {"next": _next(request)}
    try:
        door = Door(request, link_of(remembered_link(request) or 0))
    except LinkUnusable:
        return render(request, "accounts/session_ended.html", context)
    return _answer(door, "accounts/session_ended.html", context)


def _answer(door: Door, template: str, context: dict[str, Any]) -> HttpResponse:
    request = door.request
    action = request.POST.get("action", "") if request.method == "POST" else ""
    if action in ("send", "forward") and getattr(door, action)():
        return redirect(request.get_full_path())  # the address may be loaded again without another mail
    if action == "open" and (link := door.open()):
        return _in(request, link)
    return render(request, template, {**context, "door": door}, status=door.status)


def _in(request: HttpRequest, link: AccessLink) -> HttpResponse:
    response = redirect(_next(request) or reverse("customer_request", args=[link.request_id]))
    remember_link(response, link)
    return response


def _next(request: HttpRequest) -> str:
    """The page of ours to go back to, if one was named."""
    url = request.POST.get("next", "") or request.GET.get("next", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""


def _untraceable(response: HttpResponse) -> HttpResponse:
    """The address holds a token: it goes into no Referer. The pages' own <meta> lets the bare origin through, without
    which browsers send `Origin: null` with a form, and the CSRF check refuses that."""
    response["Referrer-Policy"] = "no-referrer"
    return response
