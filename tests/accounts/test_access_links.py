"""The link by which a customer admin comes in: whom it is for, what it gives, when that ends. Misuse: test_link_cases."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from portal.accounts.models import AccessLink, Company, User
from portal.accounts.services import (
    LinkUnusable,
    create_link,
    find_link,
    forward_link,
    link_url,
    revoke_link,
    scope_of,
)
from portal.audit.models import Entry
from portal.kit.errors import NeedsPerson
from portal.notices.models import Notice
from tests.requests_app.factories import a_request
from tests.support.links import open_as
from tests.support.people import a_company, a_user

pytestmark = pytest.mark.django_db
REQUEST = uuid.UUID("6c9b1f0e-0000-4000-8000-000000000001")


def token_of(link: AccessLink) -> str:
    return link_url(link).rstrip("/").rpartition("/")[2]


def opened(link: AccessLink) -> User:
    """Whoever came in by the link."""
    client = Client()
    assert open_as(client, link).status_code == 302
    return User.objects.get(pk=client.session["_auth_user_id"])


@pytest.fixture
def link() -> AccessLink:
    return create_link(a_company(), REQUEST, "Dana@Riverside.example", by=a_user())


def test_revoking_ends_the_access_that_came_by_the_link(link: AccessLink) -> None:
    user = opened(link)
    assert Company.objects.for_actor(user).exists()
    revoke_link(link)
    assert not Company.objects.for_actor(user).exists()


def test_a_new_link_for_the_same_address_kills_the_unused_old_one(link: AccessLink) -> None:
    create_link(link.company, REQUEST, "dana@riverside.example", by=None)
    with pytest.raises(LinkUnusable):
        find_link(token_of(link))


def test_a_colleagues_address_is_refused_with_a_sentence() -> None:
    csm = a_user()
    with pytest.raises(NeedsPerson, match="colleague"):
        create_link(a_company(), REQUEST, csm.email, by=csm)


def test_access_lasts_while_one_of_the_links_that_were_used_is_not_revoked(link: AccessLink) -> None:
    user = opened(link)
    second = create_link(link.company, uuid.uuid4(), "dana@riverside.example", by=None)
    AccessLink.objects.filter(pk=second.pk).update(used_at="2026-01-01T00:00:00Z", used_by=user)
    revoke_link(second)
    assert Company.objects.for_actor(user).exists()
    revoke_link(link)
    assert not Company.objects.for_actor(user).exists()


def test_deleting_a_link_ends_what_came_by_it(link: AccessLink) -> None:
    user = opened(link)
    AccessLink.objects.all().delete()
    assert not Company.objects.for_actor(user).exists()


def test_a_link_for_some_items_opens_these_alone(link: AccessLink) -> None:
    AccessLink.objects.update(item_keys=["client_id"])
    assert scope_of(opened(link), REQUEST) == frozenset({"client_id"})


def test_a_key_change_makes_old_links_unrenewable_but_not_wrong(link: AccessLink, settings: Settings) -> None:
    token = token_of(link)
    settings.SECRET_KEY = "another-key-" + "z" * 50
    assert find_link(token).pk == link.pk


def test_opening_and_forwarding_are_in_the_audit_log_and_the_owner_hears_of_a_forward() -> None:
    req = a_request()
    link = create_link(req.company, req.public_id, "dana@riverside.example", by=req.owner)
    made = forward_link(link, "kim@riverside.example")
    assert made is not None
    opened(made)
    actions = list(Entry.objects.filter(subject=str(req)).order_by("pk").values_list("action", flat=True))
    assert [action for action in actions if action.startswith("link.")] == ["link.forwarded", "link.opened"]
    notice = Notice.objects.get(user=req.owner, kind="delegated")
    assert "kim@riverside.example" in notice.words
