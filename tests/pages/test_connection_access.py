"""Who may replace a connection's credentials."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.support.pages import a_side, page

pytestmark = pytest.mark.django_db


def test_a_csm_is_told_who_may_replace_credentials_and_cannot_do_it() -> None:
    side = a_side("Alder")
    html = page(side.csm, "connection_detail", side.connection.public_id)
    assert "team lead can replace them" in html
    address = reverse("connection_credentials", args=[side.connection.public_id])
    assert address not in html
    client = Client()
    client.force_login(side.csm)
    assert client.get(address).status_code == 403
