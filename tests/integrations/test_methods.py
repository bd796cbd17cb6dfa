"""A vendor with several ways to authenticate: what an earlier one needed goes when another one was accepted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import Connection, ConnectionState, Credential, Run
from integrations.provider import Method
from integrations.services import drafts
from integrations.services.connections import replace_credentials
from integrations.services.credentials import Given, connection_settings, newer_settings, store_credentials
from portal.accounts.models import Company, User
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.server import Running
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, records
from tests.support.confirmed import confirmed, people_from

pytestmark = pytest.mark.django_db

BY_APP, BY_KEY = CREDENTIALS["bamboohr_oauth"], CREDENTIALS["bamboohr"]
REFUSES = ListSource([], refuses=NeedsPerson("No.", code="wrong_credentials"))


@pytest.fixture
def connection(company: Company, admin: User) -> Connection:
    """It works with an app."""
    made = Connection.objects.create(
        company=company, provider_slug="bamboohr", kind="hris", state=ConnectionState.CONNECTING
    )
    store_credentials(made, BY_APP, admin)
    return made


def method(connection: Connection, key: str) -> Method:
    return next(one for one in connection.provider.methods if one.key == key)


def test_while_it_is_set_up_the_other_method_is_forgotten_once_the_new_one_works(
    company: Company, admin: User
) -> None:
    draft = drafts.begin_setup(
        company, "bamboohr", settings=BY_APP, mapping={}, by=admin, request_number="REQ-1"
    )
    by_key = method(draft.connection, "api_key")
    with pytest.raises(NeedsPerson):
        drafts.authenticate(draft, BY_KEY, by=admin, method=by_key, source=REFUSES)
    assert connection_settings(draft.connection) == BY_APP, "a failed try leaves the old ones"
    drafts.authenticate(draft, BY_KEY, by=admin, method=by_key, source=ListSource([]))
    assert connection_settings(draft.connection) == BY_KEY
    assert not Credential.objects.exclude(draft=None).exists()


def test_a_method_that_is_not_whole_is_not_tried_with_what_another_one_has(
    connection: Connection, sync: Syncer, admin: User
) -> None:
    sync(ListSource(records(3)))
    draft = drafts.begin_change(connection, by=admin)
    with pytest.raises(NeedsPerson, match="API key") as refused:
        drafts.authenticate(draft, {}, by=admin, method=method(connection, "api_key"), source=ListSource([]))
    assert refused.value.code == "missing_credentials"


def test_a_change_tries_the_new_method_alone_and_the_run_that_carries_it_out_drops_the_other(
    connection: Connection, sync: Syncer, admin: User
) -> None:
    sync(ListSource(records(3)))
    draft = drafts.begin_change(connection, by=admin)
    drafts.authenticate(draft, BY_KEY, by=admin, method=method(connection, "api_key"), source=ListSource([]))
    assert connection_settings(connection) == BY_APP
    tried = {key: value for key, value in connection_settings(connection, draft).items() if value}
    assert tried == BY_KEY
    receipt = confirmed(draft, by=admin, source=ListSource(records(3)))
    assert receipt.after["credentials"] == ["api_key"], "the subdomain is as it was"
    with people_from(ListSource(records(3))):
        queue.run_job("sync.run", Run.objects.get(receipt=receipt).pk)
    assert connection_settings(connection) == BY_KEY
    assert connection.credentials.count() == 2


def test_a_connection_that_does_not_work_changes_its_method_only_to_one_that_does(
    connection: Connection, sandbox: Running, admin: User
) -> None:
    Connection.objects.filter(pk=connection.pk).update(state=ConnectionState.QUARANTINED)
    connection.refresh_from_db()
    with pytest.raises(NeedsPerson):
        replace_credentials(connection, {"subdomain": "riverside", "api_key": "wrong"}, admin)
    assert connection_settings(connection) == BY_APP
    replace_credentials(connection, {**BY_KEY, "client_id": BY_APP["client_id"]}, admin)
    assert connection_settings(connection) == BY_KEY


def test_an_older_answer_of_the_request_does_not_bring_the_other_method_back(
    connection: Connection, admin: User
) -> None:
    connection.credentials.all().delete()
    store_credentials(connection, BY_KEY, admin)
    before = Given(admin, clock.now() - timedelta(days=1))
    later = Given(admin, clock.now() + timedelta(days=1))
    assert newer_settings(connection, BY_APP, dict.fromkeys(BY_APP, before)) == {}
    told = {key: later for key in BY_APP if key != "subdomain"}
    assert newer_settings(connection, BY_APP, told).keys() == told.keys()
