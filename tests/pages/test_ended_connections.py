"""What the pages of a connection that was ended say about its people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import Connection, ConnectionState
from integrations.services.retention import purge_connections
from portal.kit import clock
from tests.support.pages import Side, a_connection, page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["connection_detail", "connection_manage"])
def test_the_day_on_which_an_ended_connection_is_forgotten_is_said_until_it_is(side: Side, name: str) -> None:
    ended_at = clock.now() - timedelta(days=3)
    Connection.objects.update(state=ConnectionState.DISCONNECTED, disconnected_at=ended_at)
    day = ended_at + timedelta(days=30)
    said = f"removed on {day.day} {day:%B %Y}"
    assert said in page(side.customer, name, side.connection.public_id)
    Connection.objects.update(purged_at=clock.now())
    html = page(side.customer, name, side.connection.public_id)
    assert "is removed on" not in html
    assert f"was removed on {clock.now().day} " in html


@pytest.mark.parametrize("name", ["connection_detail", "connection_manage"])
def test_an_ended_connection_without_people_promises_nothing_about_people(side: Side, name: str) -> None:
    other = a_connection(side.company, state=ConnectionState.DISCONNECTED, disconnected_at=clock.now())
    other.credentials.all().delete()
    html = page(side.customer, name, other.public_id)
    assert "Nothing is read any more, and the credentials were deleted." in html
    assert "Their personal data" not in html
    assert "Missing" not in html


def test_an_ended_sign_in_never_had_people_whose_data_was_removed(side: Side) -> None:
    ended_at = clock.now() - timedelta(days=31)
    entra = a_connection(side.company, provider="microsoft_entra_id", kind="sso")
    Connection.objects.filter(pk=entra.pk).update(
        state=ConnectionState.DISCONNECTED, disconnected_at=ended_at
    )
    purge_connections(clock.now())
    html = page(side.customer, "connection_detail", entra.public_id)
    assert "Nothing is read any more, and the credentials were deleted." in html
    assert "personal data of its people" not in html
