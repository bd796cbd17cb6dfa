"""A request that is rejected or cancelled ends the set-up of its connection, and nothing else."""

from __future__ import annotations

import pytest
from django.db import transaction

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    DraftState,
    Planned,
    Receipt,
    Run,
    RunKind,
)
from integrations.services.connections import activate_connection
from integrations.services.lifecycle import disconnect
from integrations.services.locks import locked_connection
from requests_app.models import Request
from requests_app.services.moves import make_move
from requests_app.services.setting_up import begin_set_up, set_up_of
from tests.requests_app.factories import PERSONIO, a_request, a_tl, confirmed, customer_of, submitted
from tests.support.pages import page
from tests.support.together import elsewhere, until_somebody_waits

pytestmark = pytest.mark.django_db


def planned(connection: Connection) -> Planned:
    plan = Run.objects.create(connection=connection, kind=RunKind.DRY, draft=connection.drafts.first())
    return Planned.objects.create(run=plan, kind="added", source_id="p-1", person_name="Ada Lovelace")


@pytest.mark.parametrize("name", ["reject", "cancel"])
def test_a_request_that_is_over_before_its_connection_began_ends_that_with_credentials_and_plan(
    name: str,
) -> None:
    req = submitted(PERSONIO)
    customer, lead = customer_of(req), a_tl()
    confirmed(req, customer)
    connection = begin_set_up(req, by=customer)
    planned(connection)
    make_move(Request.objects.get(pk=req.pk), name, by=lead, reason="They chose another system.")
    connection.refresh_from_db()
    assert (connection.state, connection.reason) == (ConnectionState.DISCONNECTED, "")
    assert connection.disconnected_at
    assert not connection.credentials.exists()
    assert not Planned.objects.exists()


def test_what_another_open_request_has_too_is_not_ended_with_the_first() -> None:
    req = submitted(PERSONIO)
    customer = customer_of(req)
    connection = begin_set_up(req, by=customer)
    other = a_request(PERSONIO, by=req.owner)
    Request.objects.filter(pk=other.pk).update(connection=connection)
    make_move(Request.objects.get(pk=req.pk), "cancel", by=req.owner, reason="Filed twice.")
    connection.refresh_from_db()
    assert connection.state == ConnectionState.SETTING_UP


def test_what_runs_already_goes_on_when_a_later_request_for_it_is_rejected() -> None:
    req = submitted(PERSONIO)
    connection = begin_set_up(req, by=customer_of(req))
    Connection.objects.filter(pk=connection.pk).update(state=ConnectionState.CONNECTED)
    make_move(Request.objects.get(pk=req.pk), "reject", by=a_tl(), reason="It runs already.")
    connection.refresh_from_db()
    assert connection.state == ConnectionState.CONNECTED


def test_the_people_of_a_system_that_was_connected_before_stay_when_its_new_set_up_is_given_up() -> None:
    req = submitted(PERSONIO)
    connection = begin_set_up(req, by=customer_of(req))
    person = DirectoryPerson.objects.create(
        company=connection.company,
        connection=connection,
        source_id="p-1",
        email="ada@riverside.example",
        raw_digest="0" * 32,
    )
    make_move(Request.objects.get(pk=req.pk), "reject", by=a_tl(), reason="Not this year.")
    person.refresh_from_db()
    assert (person.state, person.email) == ("active", "ada@riverside.example")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("name", "stage", "state"),
    [
        ("reject", "rejected", ConnectionState.DISCONNECTED),
        ("approve", "approved", ConnectionState.SETTING_UP),
    ],
)
def test_a_request_is_decided_after_whoever_steers_its_connection_meanwhile(
    name: str, stage: str, state: ConnectionState
) -> None:
    req, lead = submitted(PERSONIO), a_tl()
    connection = begin_set_up(req, by=customer_of(req))
    decided = Request.objects.get(pk=req.pk)
    with transaction.atomic():
        locked_connection(connection)
        deciding = elsewhere(lambda: make_move(decided, name, by=lead, reason="Not this year."))
        until_somebody_waits()
        disconnect(connection, by=lead)  # which writes to the same log
    deciding.join()
    connection.refresh_from_db()
    req.refresh_from_db()
    assert (connection.state, req.stage) == (state, stage)


@pytest.mark.parametrize("before", [DraftState.CONFIRMED, DraftState.APPLIED])
def test_what_was_confirmed_before_the_end_is_no_plan_of_the_next_request(before: DraftState) -> None:
    req = submitted(PERSONIO)
    customer, lead = customer_of(req), a_tl()
    confirmed(req, customer)
    connection = Connection.objects.get()
    make_move(Request.objects.get(pk=req.pk), "reject", by=lead, reason="Not this year.")
    became = "Not carried out: the connection was ended"
    assert became in page(customer, "receipt_detail", Receipt.objects.get().public_id)
    if before == DraftState.APPLIED:
        connection.drafts.update(state=before)
    # The next one, which is approved before it is set up.
    Request.objects.filter(pk=req.pk).update(stage="approved")
    activate_connection(req.company, PERSONIO, settings={}, mapping={}, by=lead, request_number="REQ-8")
    setup = set_up_of(Request.objects.get(pk=req.pk))
    assert (setup.is_begun, setup.is_confirmed) == (False, False)
    assert "Set it up" in page(customer, "customer_request", req.public_id)
