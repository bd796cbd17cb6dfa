"""Coming in by a link as a customer does: asking for a code, reading it in the mail, entering it."""

from __future__ import annotations

import re
from typing import cast
from urllib.parse import urlsplit

from django.core import mail
from django.http import HttpResponse
from django.test import Client

from portal.accounts.codes import code_of
from portal.accounts.models import AccessLink
from portal.accounts.services import link_url
from tests.support.queue import drain


def path_of(link: AccessLink) -> str:
    """Where the link leads, without the site."""
    return urlsplit(link_url(link)).path


def link_at(address: str) -> AccessLink:
    """The link whose address this is."""
    token = address.rstrip("/").rpartition("/")[2]
    return AccessLink.objects.get(token_hash=AccessLink.hash_of(token))


def mailed_code() -> str:
    """The code in the newest mail, once the worker has sent it (to Django's own outbox)."""
    drain()
    return str(re.findall(r"^\d{6}$", str(mail.outbox[-1].body), re.MULTILINE)[-1])


def newest_code(link: AccessLink) -> str:
    """The code that the mail to this link's address holds, whoever delivers it."""
    return code_of(AccessLink.objects.get(pk=link.pk))


def press(client: Client, address: str, action: str, **fields: str) -> HttpResponse:
    """What a button of the page does, with the page's own CSRF token."""
    page = client.get(address)
    token = str(page.context["csrf_token"])
    fields = {"csrfmiddlewaretoken": token, "action": action, **fields}
    return cast(HttpResponse, client.post(address, fields))


def open_as(client: Client, link: AccessLink) -> HttpResponse:
    """Asks for a code and enters it: the answer leads to the customer's part."""
    assert press(client, path_of(link), "send").status_code == 302
    return press(client, path_of(link), "open", code=newest_code(link))
