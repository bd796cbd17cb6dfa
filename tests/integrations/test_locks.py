"""Who waits for whom: a deed during a large apply is answered with a sentence, and nobody waits in a circle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection as database
from django.db import transaction

from integrations.models import Connection, ConnectionState, Run, RunKind
from integrations.services import drafts, lifecycle
from integrations.services.draft_rows import DraftRefused
from integrations.services.entitlement import NOT_ENTITLED
from integrations.services.locks import locked_connection
from integrations.services.schedule import set_schedule
from integrations.services.standing import standing_still
from integrations.services.starts import SYNC_RUN, start_run
from portal.accounts.models import Company, User
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson
from tests.integrations.conftest import CARD
from tests.integrations.sources import ListSource
from tests.support.confirmed import people_from
from tests.support.together import elsewhere, until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def works(company: Company) -> Connection:
    return Connection.objects.create(
        company=company,
        provider_slug=CARD,
        kind="hris",
        state=ConnectionState.CONNECTED,
        last_success_at=clock.now(),
        confirmed_at=clock.now(),
    )


@contextmanager
def a_run_writes(connection: Connection) -> Iterator[None]:
    """Another session holds the connection, as a large apply does; this one does not wait as long as usual."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            locked_connection(connection)
            held.set()
            over.wait(20)

    thread = elsewhere(hold)
    assert held.wait(10)
    with database.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    try:
        yield
    finally:
        over.set()
        thread.join()
        database.close()


def test_what_a_person_does_while_a_run_writes_is_answered_with_a_sentence(
    works: Connection, admin: User
) -> None:
    draft = drafts.begin_change(works, by=admin)

    def stand_still() -> None:
        with standing_still(works):
            pytest.fail("the run is still writing")

    deeds: list[Callable[[], object]] = [
        lambda: lifecycle.pause(works, by=admin),
        lambda: lifecycle.disconnect(works, by=admin),
        lambda: set_schedule(works, ["02:00"], by=admin),
        lambda: drafts.begin_change(works, by=admin),
        stand_still,
    ]
    with a_run_writes(works):
        for deed in deeds:
            with pytest.raises(NeedsPerson, match="A run is writing at this moment") as busy:
                deed()
            assert busy.value.code == "busy"
        with pytest.raises(DraftRefused, match="A run is writing at this moment"):
            drafts.withdraw(draft, by=admin)
    assert lifecycle.pause(works, by=admin).state == ConnectionState.PAUSED


def test_a_worker_that_ends_a_failed_run_takes_the_connection_first_as_pages_do(works: Connection) -> None:
    run = start_run(works, kind=RunKind.MANUAL)
    refused = ListSource([], refuses=NeedsPerson("No.", code="wrong_credentials"))
    with people_from(refused):
        with transaction.atomic():
            locked_connection(works)
            worker = elsewhere(lambda: queue.run_job(SYNC_RUN, run.pk))
            until_somebody_waits()
            assert Run.objects.select_for_update(nowait=True).get(pk=run.pk).is_open, "it is not locked"
        worker.join()
    run.refresh_from_db()
    works.refresh_from_db()
    assert (run.is_open, works.state) == (False, ConnectionState.QUARANTINED)


@pytest.mark.parametrize("allows", [False, True])
def test_what_the_plan_allows_changes_after_whoever_ends_the_connection_meanwhile(
    works: Connection, admin: User, allows: bool
) -> None:
    Company.objects.filter(pk=works.company_id).update(hris_entitled=not allows)
    if allows:
        Connection.objects.update(state=ConnectionState.PAUSED, reason_code=NOT_ENTITLED)
    with transaction.atomic():
        locked_connection(works)
        lead = elsewhere(
            lambda: lifecycle.set_entitlement(works.company, hris=allows, several=False, by=admin)
        )
        until_somebody_waits()
        lifecycle.disconnect(works, by=admin)  # which writes to the same log
    lead.join()
    works.refresh_from_db()
    works.company.refresh_from_db()
    assert (works.state, works.company.hris_entitled) == (ConnectionState.DISCONNECTED, allows)
    assert not works.runs.exists()
