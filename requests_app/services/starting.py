"""From nothing to "sent to the customer" in one transaction: filed, the desk's own answers given, invited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from portal.accounts.models import Company, Language, User
from portal.kit.errors import NeedsPerson
from requests_app.models import Item, Request
from requests_app.services.answers import EditRefused, InvalidAnswer, give_answer
from requests_app.services.filing import file_request
from requests_app.services.invitations import invite_customer
from requests_app.services.moves import MoveRefused


class AnswersRefused(Exception):
    """Some of the answers cannot be used, so nothing was made. `sentences` by the item's key."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        super().__init__(", ".join(sentences))
        self.sentences = sentences


def start_request(
    company: Company,
    provider_slug: str,
    *,
    by: User,
    answers: Mapping[str, Any],
    invite: str = "",
    language: str = Language.ENGLISH,
    duplicate_reason: str = "",
    related_to: Request | None = None,
) -> Request:
    """A draft with these answers; with `invite`, an e-mail address, it is on its way to the customer at once.

    All or nothing. Raises AnswersRefused, and NeedsPerson (code "invite" for what is wrong with the address).
    """
    with transaction.atomic():
        req = file_request(
            company, provider_slug, by=by, duplicate_reason=duplicate_reason, related_to=related_to
        )
        _give(req, answers, by)
        if invite:
            _invite(req, invite, by, language)
    req.refresh_from_db()
    return req


def _give(req: Request, answers: Mapping[str, Any], by: User) -> None:
    """First those that others hang on; all are tried, so that the page can say everything at once."""
    refused = {}
    for item in Item.objects.filter(req=req, key__in=answers).select_related("answer"):
        try:
            give_answer(req, item, answers[item.key], by=by)
        except InvalidAnswer as invalid:
            refused[item.key] = invalid.message
        except EditRefused as error:
            refused[item.key] = str(error)
    if refused:
        raise AnswersRefused(refused)


def _invite(req: Request, address: str, by: User, language: str) -> None:
    try:
        invite_customer(req, address, by=by, language=language)
    except NeedsPerson as error:
        raise NeedsPerson(error.sentence, code="invite") from None
    except MoveRefused as refused:
        raise NeedsPerson(refused.sentence, code="invite") from None
