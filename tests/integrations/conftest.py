"""A company with a connection whose people come from a list, and the worker that syncs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.models import Connection, ConnectionState, Draft, Receipt, Run, RunKind
from integrations.provider import Source
from integrations.services.runs import perform_run
from integrations.services.starts import SYNC_RUN, start_run
from portal.accounts.models import Company, Role, User
from portal.kit import queue
from portal.kit.leases import claim
from tests.integrations.sources import ListSource, records

CARD = "personio"
LEASE = timedelta(seconds=90)
Syncer = Callable[..., Run]


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(name="Riverside")


@pytest.fixture
def admin(company: Company) -> User:
    return User.objects.create_user("csm@example.com", name="Casey", role=Role.CSM)


@pytest.fixture
def connection(company: Company) -> Connection:
    return Connection.objects.create(
        company=company, provider_slug=CARD, kind="hris", state=ConnectionState.CONNECTING
    )


@pytest.fixture
def sync(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Syncer:
    """Runs one sync the way a worker does, from the claim to the last write, and gives the run."""

    def run_once(
        source: Source,
        kind: RunKind = RunKind.MANUAL,
        draft: Draft | None = None,
        receipt: Receipt | None = None,
        **parts: object,
    ) -> Run:
        job = replace(queue.JOBS[SYNC_RUN], work=lambda run: perform_run(run, source=source, **parts))
        monkeypatch.setitem(queue.JOBS, SYNC_RUN, job)
        run = start_run(connection, kind=kind, draft=draft, receipt=receipt)
        queue.run_job(SYNC_RUN, run.pk)
        run.refresh_from_db()
        connection.refresh_from_db()
        return run

    return run_once


@pytest.fixture
def claimed_after_first(sync: Syncer, connection: Connection) -> Callable[[], Run]:
    """The directory has had thirty people; the call gives the next run, in the hands of a worker."""

    def take() -> Run:
        sync(ListSource(records(30)))
        run = claim(Run, start_run(connection, kind=RunKind.MANUAL).pk, lease=LEASE)
        assert run is not None
        return run

    return take
