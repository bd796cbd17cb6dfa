"""The list of rules is complete, and whatever has no rule is refused."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from portal.accounts.models import AccessLink, Role, User
from portal.policy import CSRF_EXEMPT, POLICY
from tests.pages.policy.addresses import NAMES, PARAMETERS, patterns
from tests.pages.policy.rows import ANYTHING, IDS, PKS
from tests.support.pages import Side, a_side, names_amount


@pytest.fixture
def side(db: None) -> Side:
    return a_side("Alder")


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def test_every_address_has_a_rule_and_every_rule_an_address() -> None:
    assert set(NAMES) == set(POLICY)


def test_every_address_has_a_name_of_its_own_without_namespace() -> None:
    assert None not in {pattern.name for pattern in patterns()}
    assert not [entry for entry in get_resolver().url_patterns if getattr(entry, "namespace", None)]


def test_the_matrix_knows_every_argument_of_every_address() -> None:
    """Teach tests/pages/policy/rows.py what a new argument names."""
    assert {key for keys in PARAMETERS.values() for key in keys} <= IDS | set(ANYTHING)
    assert {name for name, keys in PARAMETERS.items() if "pk" in keys} == set(PKS)


def test_an_address_without_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch, side: Side) -> None:
    monkeypatch.setattr("portal.middleware.POLICY", {})
    assert signed_in(side.csm).get(reverse("directory")).status_code == 500


def test_what_needs_no_token_is_on_one_list() -> None:
    exempt = {str(each.name) for each in patterns() if getattr(each.callback, "csrf_exempt", False)}
    # The JSON API only reads; rest_framework checks the token itself wherever a session asks.
    assert {name for name in exempt if not name.startswith("api_")} == CSRF_EXEMPT
    assert not [name for name in exempt - CSRF_EXEMPT if set(POLICY[name].methods) != {"GET"}]


def test_rights_are_those_of_this_moment(side: Side) -> None:
    """reliability-security.md T5."""
    client = signed_in(side.csm)
    address = reverse("request_detail", args=[side.req.number])
    assert client.get(address).status_code == 200
    User.objects.filter(pk=side.csm.pk).update(role=Role.CUSTOMER_ADMIN)
    assert client.get(address).status_code == 403
    User.objects.filter(pk=side.csm.pk).update(role=Role.CSM, is_active=False)
    assert client.get(address)["Location"].startswith(reverse("account_login"))


def test_access_ends_with_the_link_on_the_very_next_click(side: Side) -> None:
    client = signed_in(side.customer)
    pages = [
        reverse("connection_detail", args=[side.connection.public_id]),
        reverse("customer_request", args=[side.req.public_id]),
        reverse("evidence", args=[side.evidence.public_id]),
    ]
    assert [client.get(page).status_code for page in pages] == [200, 200, 200]
    AccessLink.objects.update(revoked_at=timezone.now())
    assert [client.get(page).status_code for page in pages] == [404, 404, 404]


@pytest.mark.slow
def test_no_page_of_a_customer_says_what_they_pay(side: Side) -> None:
    client = signed_in(side.customer)
    for name, args in (
        ("customer_request", [side.req.public_id]),
        ("customer_topic", [side.req.public_id, "details"]),
        ("connection_list", []),
        ("connection_detail", [side.connection.public_id]),
        ("search", []),
    ):
        html = client.get(reverse(name, args=args) + "?q=Alder").content.decode()
        assert "MRR" not in html
        assert not names_amount(html, 4250)
