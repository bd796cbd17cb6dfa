"""kill -9 of a real worker in the middle of a real run: another one finishes it, exactly."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings

from integrations.models import Change, ConnectionState, DirectoryPerson, Run, RunKind
from integrations.services.connections import activate_connection
from integrations.services.starts import start_run
from portal.accounts.models import Role
from portal.kit import clock, queue
from portal.kit.leases import JobState
from portal.sandbox import credentials
from portal.sandbox.server import Running
from portal.sandbox.world import World
from tests.support.people import a_company, a_user
from tests.support.workers import cluster, kill, told_to_workers

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
MANY = 2_000


@pytest.fixture
def world() -> World:
    return World(size=MANY, seed=1)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def test_a_run_whose_worker_was_killed_is_finished_by_the_next_one(
    world: World, sandbox: Running, settings: Settings
) -> None:
    told = told_to_workers(sandbox, site_url="http://localhost", media_root=str(settings.MEDIA_ROOT))
    world.fault("personio", "slow", seconds=0.3, path="/company/employees")
    given = credentials.CREDENTIALS["personio"]
    with transaction.atomic():
        connection = activate_connection(
            a_company(), "personio", settings=given, mapping={}, by=a_user(Role.TL), request_number="REQ-1"
        )
        connection.state, connection.confirmed_at = ConnectionState.CONNECTING, clock.now()
        connection.save()
        start_run(connection, kind=RunKind.FIRST)
    run = Run.objects.get()
    with cluster("sync", told) as first:
        wait_for(lambda: Run.objects.filter(pk=run.pk, seen__gt=0, job_state=JobState.RUNNING).exists())
        kill(first)
    run.refresh_from_db()
    assert run.job_state == JobState.RUNNING
    assert run.seen < MANY
    world.clear_faults()
    # The lease runs out by the database's clock; the tick of any cluster then wakes another worker.
    Run.objects.filter(pk=run.pk).update(lease_until=Now())
    queue.reap()
    with cluster("sync", told):
        wait_for(lambda: Run.objects.filter(pk=run.pk, job_state=JobState.DONE).exists())
    run.refresh_from_db()
    assert (run.epoch, run.added) == (2, MANY)
    assert DirectoryPerson.objects.filter(state="active").count() == MANY
    assert Change.objects.filter(run=run).count() == MANY
