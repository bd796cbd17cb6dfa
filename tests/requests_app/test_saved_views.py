"""Saved views: whose they are, who sees them, and that equal filters are equal texts."""

from __future__ import annotations

import pytest

from portal.accounts.models import User
from portal.audit.models import Entry
from portal.kit.errors import NeedsPerson
from requests_app.models import SavedView
from requests_app.services.saved_views import MOST_VIEWS, delete_view, query_of, save_view, views_for
from tests.requests_app.factories import a_csm, a_tl

pytestmark = pytest.mark.django_db


@pytest.fixture
def jamie() -> User:
    return a_csm("Jamie Park")


@pytest.fixture
def rosa() -> User:
    return a_csm("Rosa Silva")


def names(user: User) -> list[str]:
    return [view.name for view in views_for(user)]


def test_one_sees_ones_own_and_what_colleagues_share(jamie: User, rosa: User) -> None:
    save_view(jamie, "Mine", query="", shared=False)
    save_view(jamie, "Ours", query="", shared=True)
    save_view(rosa, "Hers", query="", shared=False)
    assert names(jamie) == ["Mine", "Ours"]
    assert names(rosa) == ["Hers", "Ours"]


def test_the_views_of_who_left_are_gone_for_the_others(jamie: User, rosa: User) -> None:
    save_view(jamie, "Ours", query="", shared=True)
    User.objects.filter(pk=jamie.pk).update(is_active=False)
    assert names(rosa) == []


def test_only_what_the_queue_understands_is_kept_in_one_order(jamie: User) -> None:
    view = save_view(
        jamie, "  Big \x00 ones ", query="page=3&mrr=100&kind=sso&x=1&stage=?", shared=False, tab="open"
    )
    assert view.name == "Big ones"
    assert view.query == "kind=sso&mrr=100&tab=open" == query_of({"mrr": "100", "kind": "sso"}, "open")


def test_a_name_is_taken_once_per_person(jamie: User, rosa: User) -> None:
    kept = save_view(jamie, "Late", query="late=1", shared=False)
    save_view(rosa, "Late", query="late=1", shared=False)
    with pytest.raises(NeedsPerson, match="already have a view"):
        save_view(jamie, "Late", query="kind=sso", shared=False)
    with pytest.raises(NeedsPerson, match="name"):
        save_view(jamie, " \x00 ", query="", shared=False)
    kept.refresh_from_db()
    assert kept.query == "late=1"


def test_a_view_is_renamed_shared_and_deleted_and_the_log_knows(jamie: User) -> None:
    view = save_view(jamie, "Late", query="late=1", shared=False)
    save_view(jamie, "Too late", query=view.query, shared=True, view=view)
    assert list(SavedView.objects.values_list("name", "query", "shared")) == [("Too late", "late=1", True)]
    delete_view(view, by=jamie)
    assert not SavedView.objects.exists()
    assert list(Entry.objects.order_by("number").values_list("action", flat=True)) == [
        *("view.saved", "view.saved", "view.deleted")
    ]


def test_there_is_an_end_to_views() -> None:
    lead = a_tl()
    SavedView.objects.bulk_create(SavedView(owner=lead, name=f"{n}") for n in range(MOST_VIEWS))
    with pytest.raises(NeedsPerson, match="Delete one"):
        save_view(lead, "One more", query="", shared=False)
