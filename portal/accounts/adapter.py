"""How django-allauth is used: no sign-up, our own limits, an audit entry per sign-in, a new session key per confirmation."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from django.http import HttpRequest, HttpResponse

from portal.accounts.confirming import note_confirmed
from portal.accounts.limits import client_address, client_network
from portal.accounts.models import User
from portal.accounts.tries import Tries
from portal.audit.services import record


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Raises RateLimited; portal.middleware answers it with 429."""
        account = str(credentials.get("email") or credentials.get("username") or "").strip().lower()
        tries = Tries(account, client_network(request))
        tries.take()
        user: User | None = super().authenticate(request, **credentials)
        if user is None:
            tries.failed()
        else:
            tries.succeeded()
        return user

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        record("sign_in", by=user, subject=user.email)
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response

    def reauthenticate(self, user: User, password: str) -> bool:
        is_right = bool(super().reauthenticate(user, password))
        if is_right:
            note_confirmed(allauth_context.request)
        return is_right
