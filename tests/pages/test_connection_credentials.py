"""Replacing the credentials of a connection: what the form asks for, and where one that works leads instead."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import (
    Check,
    Connection,
    ConnectionState,
    Credential,
    Run,
)
from portal.accounts.models import User
from portal.kit.leases import JobState
from tests.support.pages import (
    SECRET,
    Side,
    a_connection,
    page,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def sign_in(side: Side) -> Connection:
    return a_connection(side.company, provider="microsoft_entra_id", kind="sso", last_success_at=None)


def post_credentials(side: Side, **values: str) -> tuple[int, str]:
    """To a connection that does not work: one that does takes others only together with a look at the plan."""
    Connection.objects.filter(state=ConnectionState.CONNECTED).update(state=ConnectionState.QUARANTINED)
    client = Client()
    client.force_login(side.customer)
    answer = client.post(reverse("connection_credentials", args=[side.connection.public_id]), values)
    return answer.status_code, answer.content.decode()


def test_form_has_the_fields_of_the_card_and_no_secret(side: Side) -> None:
    Connection.objects.update(state=ConnectionState.QUARANTINED)
    html = page(side.customer, "connection_credentials", side.connection.public_id)
    assert 'name="client_id"' in html
    assert 'value="papi-42"' in html
    assert 'name="client_secret"' in html
    assert "A value is held." in html
    assert SECRET not in html


@pytest.mark.parametrize("name", ["connection_manage", "connection_detail", "connection_credentials"])
def test_credentials_of_a_connection_that_works_are_changed_with_a_look_at_the_plan(
    side: Side, name: str
) -> None:
    html = page(side.customer, name, side.connection.public_id)
    change = reverse("settings_change", args=[side.connection.public_id])
    form = html.split('name="step" value="authenticate"')[0].rsplit("<form", 1)[1]
    assert f'action="{change}"' in form
    assert "Replace, with a look at the plan" in html
    assert 'name="client_secret"' not in html


@pytest.mark.parametrize("name", ["connection_detail", "connection_credentials"])
def test_a_developer_who_may_not_change_settings_is_told_who_replaces_credentials_that_work(
    side: Side, developer: User, name: str
) -> None:
    html = page(developer, name, side.connection.public_id)
    assert reverse("settings_change", args=[side.connection.public_id]) not in html
    assert "The customer’s admin or a team lead can replace them." in html
    Connection.objects.update(state=ConnectionState.QUARANTINED)
    html = page(developer, "connection_detail", side.connection.public_id)
    assert reverse("connection_credentials", args=[side.connection.public_id]) in html


def test_what_an_old_page_sends_for_a_connection_that_works_is_kept_nowhere(side: Side) -> None:
    client = Client()
    client.force_login(side.customer)
    address = reverse("connection_credentials", args=[side.connection.public_id])
    answer = client.post(address, {"client_id": "papi-43", "client_secret": "typed-into-an-old-page"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "typed-into-an-old-page" not in html
    assert "What you entered was not saved" in html
    assert Credential.objects.get(key="client_id").value == "papi-42"


def test_empty_secret_keeps_the_one_that_is_held(side: Side) -> None:
    status, _ = post_credentials(side, client_id="papi-43", client_secret="")
    assert status == 302
    assert Credential.objects.get(key="client_id").value == "papi-43"
    assert bytes(Credential.objects.get(key="client_secret").sealed or b"") == SECRET.encode()


def test_new_secret_is_sealed_and_tried_at_once(side: Side) -> None:
    status, _ = post_credentials(side, client_id="papi-42", client_secret="a-new-secret-value-1")
    assert status == 302
    kept = Credential.objects.get(key="client_secret")
    assert b"a-new-secret-value-1" not in bytes(kept.sealed or b"")
    assert kept.given_by == side.customer
    assert Run.objects.filter(connection=side.connection, job_state=JobState.QUEUED).count() == 1
    html = page(side.customer, "connection_detail", side.connection.public_id)
    assert "a-new-secret-value-1" not in html


def test_missing_field_is_said_beside_it_and_nothing_is_stored(side: Side) -> None:
    status, html = post_credentials(side, client_id="", client_secret="typed-but-refused")
    assert status == 422
    assert 'id="credential-client_id_error"' in html
    assert "Enter the client ID." in html or "Enter the Client ID." in html
    assert "typed-but-refused" not in html
    assert bytes(Credential.objects.get(key="client_secret").sealed or b"") == SECRET.encode()
    assert Run.objects.count() == 1


def test_certificate_that_is_none_is_said_beside_its_field(side: Side) -> None:
    connection = a_connection(side.company, provider="adp_workforce_now", state=ConnectionState.QUARANTINED)
    client = Client()
    client.force_login(side.customer)
    answer = client.post(
        reverse("connection_credentials", args=[connection.public_id]),
        {"client_id": "x", "client_secret": "y", "certificate": "no pem", "private_key": "no pem either"},
    )
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "There is no readable certificate." in html
    assert 'id="credential-certificate_error"' in html
    assert "no pem either" not in html


def test_mixed_up_ids_are_caught_before_anything_is_sent(sign_in: Connection, side: Side) -> None:
    client = Client()
    client.force_login(side.customer)
    data = {"tenant_domain": "common", "application_id": "not a guid", "client_secret": "x", "secret_id": "y"}
    answer = client.post(reverse("connection_credentials", args=[sign_in.public_id]), data)
    assert answer.status_code == 422
    assert 'id="credential-tenant_domain_error"' in answer.content.decode()
    assert 'id="credential-application_id_error"' in answer.content.decode()
    assert not Check.objects.exists()


def test_ended_connection_takes_no_credentials(side: Side) -> None:
    Connection.objects.update(state=ConnectionState.DISCONNECTED)
    status, _ = post_credentials(side, client_id="papi-43", client_secret="a-new-secret-value-1")
    assert status == 302
    assert Credential.objects.get(key="client_id").value == "papi-42"
    assert Connection.objects.get().state == ConnectionState.DISCONNECTED
