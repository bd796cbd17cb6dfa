"""What a link's page does when its buttons are pressed: send a code, hand on to a colleague, open.

Which link a browser asked a code for stands in its session, with the random word that binds the code to it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth import login
from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.accounts.codes import CODE_LASTS, WrongCode, count_address, count_door, open_link, send_code
from portal.accounts.forms import CodeForm, ForwardForm
from portal.accounts.limits import RateLimited, take
from portal.accounts.models import AccessLink, User
from portal.accounts.services import LinkUnusable, forward_link, link_of
from portal.kit import clock

_DOOR = "door"
_HOUR = timedelta(hours=1)
_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@dataclass
class Door:
    """The page of a link, as this browser sees it. `trouble` is about the page as a whole."""

    request: HttpRequest
    link: AccessLink
    code_form: CodeForm = field(default_factory=CodeForm)
    forward_form: ForwardForm = field(default_factory=ForwardForm)
    trouble: str = ""
    status: int = 200

    @property
    def asked(self) -> dict[str, Any]:
        """What this browser asked for at this door while its code lasts; empty before that."""
        known: dict[str, Any] = self.request.session.get(_DOOR, {})
        fresh = clock.now().timestamp() - float(known.get("at", 0)) < CODE_LASTS.total_seconds()
        return known if fresh and known.get("link") == self.link.pk else {}

    @property
    def is_forwarding(self) -> bool:
        return bool(self.forward_form.errors)

    def send(self) -> bool:
        """Mails a code to the link's address. False with `trouble` when that was too often."""
        try:
            count_door(self.link)
            count_address(self.link.email)
        except RateLimited as limited:
            return self._too_often(limited)
        self._send(self.link)
        return True

    def forward(self) -> bool:
        """Mails a code to the address that was typed, if it may come in. Nobody learns whether."""
        self.forward_form = ForwardForm(self.request.POST)
        if not self.forward_form.is_valid():
            self.status = 422
            return False
        address = self.forward_form.cleaned_data["email"].strip().lower()
        try:
            take("forward", str(self.link.pk), most=5, per=_HOUR)
            count_door(self.link)
            to = forward_link(self.link, address)
            count_address(address, sent=to is not None)
        except RateLimited as limited:
            return self._too_often(limited)
        self._send(to, typed=address)
        return True

    def open(self) -> AccessLink | None:
        """The link that the code opened, with its person signed in; None with an error beside the field."""
        self.code_form = CodeForm(self.request.POST)
        if self.code_form.is_valid():
            try:
                return self._open(self.code_form.cleaned_data["code"])
            except (WrongCode, LinkUnusable):
                sentence = _(
                    "This code is wrong, or it has run out. Look at the newest mail, or send a new code."
                )
                self.code_form.add_error("code", forms.ValidationError(sentence, code="wrong"))
        self.status = 422
        return None

    def _send(self, to: AccessLink | None, *, typed: str = "") -> None:
        browser = secrets.token_urlsafe(32)
        if to is not None:
            send_code(to, browser=browser)
        self.request.session[_DOOR] = {
            "link": self.link.pk,
            "to": to.pk if to else 0,
            "browser": browser,
            "at": clock.now().timestamp(),
            "typed": typed,
        }

    def _open(self, code: str) -> AccessLink:
        asked = self.asked
        if not asked or not asked["to"]:
            raise WrongCode
        link = link_of(int(asked["to"]))
        user = open_link(link, code, browser=asked["browser"])
        _sign_in(self.request, user, link)
        return link

    def _too_often(self, limited: RateLimited) -> bool:
        self.trouble = _("Enough codes for now. You can ask for the next one %(wait)s.") % {
            "wait": limited.wait
        }
        self.status = 429
        return False


def _sign_in(request: HttpRequest, user: User, link: AccessLink) -> None:
    """A session of its own, with a new key, whoever was signed in here before."""
    request.session.flush()
    login(request, user, backend=_BACKEND)
    request.session["link"] = link.pk
