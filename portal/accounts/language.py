"""The reader's language: customers choose English or German, the desk works in English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language_from_request
from django.views.decorators.http import require_POST

from portal.accounts.models import AccessLink, Language, Role, User

COOKIE = settings.LANGUAGE_COOKIE_NAME
_COOKIE_AGE = 365 * 24 * 60 * 60
_CHOICES = frozenset(Language.values)


class ReadersLanguageMiddleware:
    """Before the policy, so that a refusal too is in the reader's language. Needs the session's user."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with translation.override(_of_person(request)):
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language() or "")
            if not request.user.is_authenticated:
                patch_vary_headers(response, ("Accept-Language", "Cookie"))
            return response

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, kwargs: Mapping[str, Any]) -> None:
        """A link's page speaks the language of the invitation, until the visitor chooses another one.

        Only colleagues sign in with a password: those pages are the desk's, and English.
        """
        if request.user.is_authenticated:
            return
        match = request.resolver_match
        if match and (match.url_name or "").startswith("account_"):
            translation.activate(settings.LANGUAGE_CODE)
            return
        if COOKIE in request.COOKIES or "token" not in kwargs:
            return
        links = AccessLink.objects.filter(token_hash=AccessLink.hash_of(str(kwargs["token"])))
        if language := links.values_list("language", flat=True).first():
            translation.activate(_dialect(language))


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keeps the choice with a customer admin, and in a cookie for whoever is not signed in. Goes back."""
    language, back = request.POST.get("language", ""), request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = redirect(back)
    if language not in _CHOICES:
        return response
    if isinstance(request.user, User) and request.user.role == Role.CUSTOMER_ADMIN:
        User.objects.filter(pk=request.user.pk).update(language=language)
    response.set_cookie(
        COOKIE,
        language,
        max_age=_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _of_person(request: HttpRequest) -> str:
    user = request.user
    if isinstance(user, User):
        return _dialect(user.language if user.role == Role.CUSTOMER_ADMIN else Language.ENGLISH)
    return _dialect(get_language_from_request(request))


def _dialect(language: str) -> str:
    """English is British: its dates are 3 May 2027."""
    return Language.GERMAN if language.partition("-")[0] == Language.GERMAN else settings.LANGUAGE_CODE
