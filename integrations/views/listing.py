"""The integrations page: what is connected in every category, what does not work, and what else can be connected."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from integrations import catalog, queries
from integrations.models import Connection, ConnectionState, DirectoryPerson, PersonState
from integrations.provider import Item, Kind, Owner, Provider
from integrations.views import words
from integrations.views.shared import DeskRequest, address_for, page_of, text_of
from portal.accounts.models import Company, User

PER_PAGE = 25
TROUBLED_SHOWN = 5
_TROUBLED = (ConnectionState.QUARANTINED, ConnectionState.DEGRADED)
# A pause may be meant, so it is counted and listed, but does not stand on top of the page as trouble does.
_NEEDS_A_LOOK = (*_TROUBLED, ConnectionState.PAUSED)
_ACTIVE = (ConnectionState.CONNECTING, ConnectionState.CONNECTED, ConnectionState.DEGRADED)


@require_safe
def connection_list(request: DeskRequest) -> HttpResponse:
    """An htmx request gets the rows alone; without scripts the same address is the whole page."""
    text, state, kind = text_of(request), request.GET.get("state", ""), request.GET.get("kind", "")
    found = _filtered(queries.connections_for(request.user), text, state, kind)
    page = page_of(request, found, PER_PAGE)
    context = {
        "page": page,
        "rows": _rows(list(page)),
        "text": text,
        "state": state,
        "kind": kind,
        "filtered": bool(text or state or kind),
        "many_companies": request.user.is_desk_staff,
        "new_url": address_for(request.user, "connection_new"),
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "integrations/_connection_rows.html", context)
    context |= {
        "states": [(value, _(str(label))) for value, label in ConnectionState.choices],
        "kinds": [(each.value, each.label) for each in (Kind.HRIS, Kind.SSO)],
        "tiles": _tiles(request.user),
        "company": _not_entitled(request.user),
        "troubled": [(each, words.state_badge(each)) for each in _troubled(request.user)],
    }
    return render(request, "integrations/connection_list.html", context)


@dataclass(frozen=True, slots=True)
class Tile:
    """A number of connections, and the query that lists them."""

    label: str
    number: int
    note: str
    query: str


def _tiles(user: User) -> list[Tile]:
    """What is active in every category, and what is not as it should be. One query."""
    rows = Connection.objects.for_actor(user).order_by().values_list("kind", "state")
    counts = {(kind, state): number for kind, state, number in rows.annotate(number=Count("pk"))}

    def number(states: Collection[str], kind: str = "") -> int:
        return sum(n for (of, state), n in counts.items() if state in states and kind in ("", of))

    return [
        Tile(_("HR systems"), number(_ACTIVE, Kind.HRIS), _("active"), f"kind={Kind.HRIS}"),
        Tile(_("Sign-in"), number(_ACTIVE, Kind.SSO), _("active"), f"kind={Kind.SSO}"),
        Tile(
            _("Need a look"), number(_NEEDS_A_LOOK), _("with trouble, not working or paused"), "state=trouble"
        ),
        Tile(
            _("Setting up"),
            number((ConnectionState.SETTING_UP,)),
            _("not finished"),
            f"state={ConnectionState.SETTING_UP}",
        ),
    ]


def _troubled(user: User) -> list[Connection]:
    """What does not work first: it must not be found out by scrolling (product-anchors.md §3, 12)."""
    rows = Connection.objects.for_actor(user).filter(state__in=_TROUBLED).select_related("company")
    return list(rows.order_by("-state", "failing_since", "company__name")[:TROUBLED_SHOWN])


def _rows(page: list[Connection]) -> list[tuple[Connection, words.Badge, int]]:
    """Each connection of the page with its badge and its active people, counted in one query."""
    people = DirectoryPerson.objects.filter(connection__in=page, state=PersonState.ACTIVE).order_by()
    counts = dict(people.values_list("connection").annotate(number=Count("pk")))
    return [(each, words.state_badge(each), counts.get(each.pk, 0)) for each in page]


def _filtered(rows: QuerySet[Connection], text: str, state: str, kind: str) -> QuerySet[Connection]:
    """By state, by category, and by words of the company's or the system's name."""
    if state == "trouble":
        rows = rows.filter(state__in=_NEEDS_A_LOOK)
    if state in ConnectionState.values:
        rows = rows.filter(state=state)
    if kind in (Kind.HRIS, Kind.SSO):
        rows = rows.filter(kind=kind)
    for word in text.split():
        slugs = [card.slug for card in catalog.search(word)]
        rows = rows.filter(Q(company__name__icontains=word) | Q(provider_slug__in=slugs))
    return rows


@dataclass(frozen=True, slots=True)
class Choice:
    """A system that can be connected, the reader's own connection to it, and what the customer will be asked for."""

    card: Provider
    connection: Connection | None
    asks: Sequence[Item]

    @property
    def provider_slug(self) -> str:
        return self.card.slug


@require_safe
def connection_new(request: DeskRequest) -> HttpResponse:
    """A provider by its name. Staff go on to a new request; a customer reads what to ask for and whom."""
    text = text_of(request)
    mine = _own(request.user)
    cards = sorted(catalog.search(text), key=lambda card: card.kind != Kind.HRIS)
    groups = [
        (kind, [Choice(card, mine.get(card.slug), _asks(card)) for card in found])
        for kind, found in groupby(cards, key=lambda card: card.kind)
    ]
    context = {"groups": groups, "text": text, "support": settings.SUPPORT_EMAIL}
    context["company"] = _not_entitled(request.user)
    fragment = request.htmx and not request.htmx.boosted
    return render(
        request, f"integrations/{'_connection_choices' if fragment else 'connection_new'}.html", context
    )


def _not_entitled(user: User) -> Company | None:
    """The customer's company whose plan has no HR systems, for the banner."""
    if user.is_desk_staff:
        return None
    found: Company | None = Company.objects.for_actor(user).filter(hris_entitled=False).first()
    return found


def _own(user: User) -> dict[str, Connection]:
    """A customer's live connections by provider; staff choose the company on the next page."""
    if user.is_desk_staff:
        return {}
    return {each.provider_slug: each for each in Connection.objects.for_actor(user).live()}


def _asks(card: Provider) -> list[Item]:
    """What only the customer can give."""
    return [item for item in card.checklist if item.owner is Owner.CUSTOMER]
