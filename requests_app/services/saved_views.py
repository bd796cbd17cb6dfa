"""Named filters of the queue: one's own, and those that colleagues share."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from portal.accounts.models import User
from portal.audit.services import record
from portal.kit.errors import NeedsPerson
from requests_app.models import SavedView
from requests_app.services.queue import Filters

MOST_VIEWS = 50


def views_for(user: User) -> QuerySet[SavedView]:
    """The one way to saved views: one's own and the shared ones of colleagues who still work here."""
    shared = Q(shared=True, owner__is_active=True)
    return SavedView.objects.filter(Q(owner=user) | shared).select_related("owner").order_by("name", "pk")


def query_of(given: Mapping[str, str], tab: str = "") -> str:
    """The filters that mean something and the tab, in one fixed order: equal filters are equal texts."""
    return urlencode({**Filters.of(given).as_query(), **({"tab": tab} if tab else {})})


def save_view(
    user: User, name: str, *, query: str, shared: bool, view: SavedView | None = None, tab: str = ""
) -> SavedView:
    """Keeps the filters of `query` under a name; with `view`, one's own, that one is changed.

    Raises NeedsPerson: no name, the name is taken by another view of theirs, or there are too many.
    """
    words = " ".join(name.replace("\x00", "").split())[:60]
    if not words:
        raise NeedsPerson("Give the view a name.", code="no_name")
    if view is None and SavedView.objects.filter(owner=user).count() >= MOST_VIEWS:
        raise NeedsPerson(
            f"You have {MOST_VIEWS} views already. Delete one that you no longer use.", code="too_many"
        )
    kept = view or SavedView(owner=user)
    kept.name, kept.shared = words, shared
    kept.query = query_of(dict(parse_qsl(query[:2000])), tab)[:1000]
    try:
        with transaction.atomic():
            kept.save()
            record("view.saved", by=user, subject=words, details={"shared": shared, "query": kept.query})
    except IntegrityError:
        raise NeedsPerson(
            f"You already have a view named “{words}”. Choose another name.", code="taken"
        ) from None
    return kept


def delete_view(view: SavedView, *, by: User) -> None:
    """One's own only: the caller has looked it up as such."""
    with transaction.atomic():
        record("view.deleted", by=by, subject=view.name, details={"shared": view.shared})
        view.delete()
