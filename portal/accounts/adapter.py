"""How django-allauth is used: no sign-up, and a mail server that is away is said, not a crash."""

from __future__ import annotations

import logging
import smtplib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from django.contrib import messages
from django.http import HttpRequest

log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A reset link is a secret, so it goes straight to the mail server and never into the outbox."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException):
            log.exception("account mail could not be sent")
            messages.error(
                allauth_context.request,
                "Mail cannot be sent at the moment. Please try again in a few minutes.",
            )
