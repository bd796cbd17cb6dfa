"""Handing a request to the customer: the move, the link and the mail, all or nothing."""

from __future__ import annotations

from django.db import transaction
from django.utils import translation
from django.utils.formats import date_format

from portal.accounts.models import AccessLink, Language, User
from portal.accounts.services import create_link, mail_link
from requests_app.models import Request
from requests_app.services.moves import make_move


def invite_customer(req: Request, email: str, *, by: User, language: str = Language.ENGLISH) -> AccessLink:
    """`language` is what the mail and the pages behind the link are in.

    Raises NeedsPerson for an address that cannot be invited, MoveRefused where the stage does not allow it.
    """
    with transaction.atomic():
        make_move(req, "send_to_customer", by=by)
        link = create_link(req.company, req.public_id, email, by=by, language=language)
        with translation.override(language):
            expires_on = date_format(link.expires_at, translation.gettext("j F Y"))
        context = {
            "company": req.company.name,
            "provider": req.provider.name,
            "csm": str(by),
            "expires_on": expires_on,
        }
        mail_link(link, template="invite", context=context)
    return link
