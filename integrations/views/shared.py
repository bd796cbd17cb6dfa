"""What the pages of connections share: who asks, and which row they may see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails

from integrations.models import Connection, DirectoryPerson, Group, Inquiry, Run
from integrations.permissions import POLICY
from portal.accounts.models import Company, User
from portal.accounts.policy import GET
from portal.kit.errors import NeedsPerson

M = TypeVar("M", bound=Model)


class DeskRequest(HttpRequest):
    """Behind the policy there is always a user; the middleware of django-htmx adds its details."""

    user: User
    htmx: HtmxDetails


def connection_of(user: User, public_id: UUID) -> Connection:
    """Raises Http404 alike for a connection that is missing and for one of another company."""
    found: Connection = get_object_or_404(
        Connection.objects.for_actor(user).select_related("company"), public_id=public_id
    )
    return found


def run_of(user: User, public_id: UUID) -> Run:
    """Raises Http404 as `connection_of` does."""
    runs = Run.objects.for_actor(user).select_related("connection__company", "asked_by")
    found: Run = get_object_or_404(runs, public_id=public_id)
    return found


def person_of(user: User, public_id: UUID) -> DirectoryPerson:
    """Raises Http404 as `connection_of` does."""
    people = DirectoryPerson.objects.for_actor(user).select_related("company", "connection")
    found: DirectoryPerson = get_object_or_404(people, public_id=public_id)
    return found


def group_of(user: User, public_id: UUID) -> Group:
    """Raises Http404 as `connection_of` does."""
    groups = Group.objects.for_actor(user).select_related("company", "connection")
    found: Group = get_object_or_404(groups, public_id=public_id)
    return found


def inquiry_of(user: User, public_id: UUID) -> Inquiry:
    """Raises Http404 as `connection_of` does."""
    inquiries = Inquiry.objects.filter(connection__in=Connection.objects.for_actor(user))
    return get_object_or_404(inquiries.select_related("connection__company", "asked_by"), public_id=public_id)


def address_for(user: User, name: str, *args: object) -> str:
    """Where a page links to; "" when this person may not open it."""
    rule = POLICY.get(name)
    may = rule is not None and rule.knows(GET) and rule.allows(GET, user)
    return reverse(name, args=args) if may else ""


def company_of(user: User, text: str, companies: QuerySet[Company] | None = None) -> Company:
    """The company of an address's `?company=`. Raises Http404 for nonsense, missing and foreign alike.

    `companies` are those that the user may see, with whatever the page needs besides.
    """
    try:
        public_id = UUID(text)
    except ValueError:
        raise Http404 from None
    found: Company = get_object_or_404(
        Company.objects.for_actor(user) if companies is None else companies, public_id=public_id
    )
    return found


def do_and_say(request: HttpRequest, deed: Callable[[], object], done: str) -> None:
    """The next page says `done`, or the sentence of the NeedsPerson that `deed` raised."""
    try:
        deed()
    except NeedsPerson as error:
        messages.error(request, _(error.sentence))
    else:
        messages.success(request, done)


def page_of(request: HttpRequest, rows: QuerySet[M], size: int) -> Page[M]:
    """The page that the address asks for; nonsense gives the first one, too far gives the last."""
    return Paginator(rows, size).get_page(request.GET.get("page"))


def text_of(request: HttpRequest, name: str = "q") -> str:
    """What was typed into a search box: one line, no NUL, not endless."""
    return one_line(request.GET.get(name, ""))


def one_line(text: str) -> str:
    """At most 100 characters of it, without NUL."""
    return " ".join(text[:100].replace("\x00", "").split())


def people_by_key(connection: Connection, keys: Iterable[str]) -> dict[str, DirectoryPerson]:
    """The people behind the lines of a page, in one query."""
    found = DirectoryPerson.objects.filter(connection=connection, source_id__in=set(keys))
    return {person.source_id: person for person in found}
