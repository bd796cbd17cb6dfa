"""kill -9 of a real worker process at every point between two effects: the next worker ends the run right."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from integrations.models import (
    Asked,
    Change,
    Connection,
    ConnectionState,
    DirectoryPerson,
    Invitation,
    Membership,
    MembershipChange,
    Run,
    RunKind,
    RunOutcome,
    Seen,
    Staged,
)
from integrations.services.credentials import store_credentials
from integrations.services.starts import SYNC_RUN, start_run
from integrations.services.undo import plan_undo, undo_run
from portal.accounts.models import Company, Role, User
from portal.kit import queue
from portal.kit.failpoints import FAILPOINT
from portal.kit.leases import JobState
from portal.outbox.models import Effect
from portal.sandbox import credentials
from portal.sandbox.server import Running
from tests.database import ROOT
from tests.support.people import a_customer
from tests.support.workers import told_to_workers

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

POINTS = [
    "after_test",
    "after_events",
    "in_batch",
    "after_batch",
    "after_reading",
    "before_apply",
    "after_plan",
    "after_people",
    "in_apply",
    "after_apply_before_end",
]
WORKER = "import sys, django; django.setup(); from portal.kit import queue; queue.run_job(sys.argv[1], int(sys.argv[2]))"


@pytest.fixture
def connection(sandbox: Running) -> Connection:
    """Everybody of the sandbox is here, and the next run has something of each kind to do."""
    company = Company.objects.create(name="Riverside")
    by = User.objects.create_user("csm@example.com", name="Casey", role=Role.CSM)
    made = Connection.objects.create(
        company=company,
        provider_slug="personio",
        kind="hris",
        state=ConnectionState.CONNECTING,
        policy={"invites": True},
    )
    store_credentials(made, credentials.CREDENTIALS["personio"], by)
    queue.run_job(SYNC_RUN, start_run(made, kind=RunKind.FIRST).pk)
    people = DirectoryPerson.objects.filter(connection=made, state="active").order_by("pk")
    changed, missing, *_ = people
    DirectoryPerson.objects.filter(pk=changed.pk).update(first_name="Edited", raw_digest="0" * 32)
    DirectoryPerson.objects.filter(pk=missing.pk).delete()
    DirectoryPerson.objects.create(
        company=company, connection=made, source_id="gone", email="gone@example.com", raw_digest="0" * 32
    )
    return made


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_any_point_is_replaced_and_nothing_is_lost_or_done_twice(
    connection: Connection, sandbox: Running, settings: Settings, point: str
) -> None:
    dana = a_customer(connection.company)
    Connection.objects.update(last_success_at=None)  # as if this were the first that works
    run = start_run(connection, kind=RunKind.MANUAL)
    assert killed_at(point, run, sandbox, settings) == JobState.RUNNING
    for _ in range(3):
        Run.objects.filter(pk=run.pk).update(lease_until=Now())
        queue.run_job(SYNC_RUN, run.pk)
    run.refresh_from_db()
    assert (run.job_state, run.outcome) == (JobState.DONE, RunOutcome.APPLIED)
    assert (run.added, run.changed, run.deactivated) == (1, 1, 1)
    kinds = Counter(Change.objects.filter(run=run).values_list("kind", flat=True))
    assert kinds == {"added": 1, "changed": 1, "deactivated": 1}
    assert not DirectoryPerson.objects.filter(first_name="Edited").exists()
    active = DirectoryPerson.objects.filter(state="active")
    assert Membership.objects.count() == active.exclude(department="").count()
    assert run.joined == 1
    assert not MembershipChange.objects.exists()
    assert Invitation.objects.filter(state="pending").count() == active.count()
    assert (Seen.objects.count(), Staged.objects.count()) == (0, 0)
    assert Asked.objects.filter(run=run).exists()
    [mail] = Effect.objects.filter(kind="mail.send", payload__template="synced")
    assert (mail.marker, mail.payload["context"]["people"]) == (f"synced:{run.pk}:{dana.pk}", 1)


def test_an_undoing_killed_before_its_end_is_done_once_by_the_next_worker(
    connection: Connection, sandbox: Running, settings: Settings
) -> None:
    run = start_run(connection, kind=RunKind.MANUAL)
    queue.run_job(SYNC_RUN, run.pk)
    plan = plan_undo(run)
    by = User.objects.get(email="csm@example.com")
    undoing = undo_run(run, typed=plan.affected, digest=plan.digest, by=by)
    assert killed_at("in_undo", undoing, sandbox, settings) == JobState.RUNNING
    assert not Change.objects.filter(run=undoing).exists()
    for _ in range(2):
        Run.objects.filter(pk=undoing.pk).update(lease_until=Now())
        queue.run_job(SYNC_RUN, undoing.pk)
    undoing.refresh_from_db()
    assert (undoing.job_state, undoing.outcome, undoing.attempts) == (JobState.DONE, RunOutcome.APPLIED, 2)
    assert Change.objects.filter(run=undoing).count() == plan.affected == 3
    assert DirectoryPerson.objects.filter(first_name="Edited").exists()


def killed_at(point: str, run: Run, sandbox: Running, settings: Settings) -> str:
    """The state of the run after a worker had it and died there."""
    told = told_to_workers(sandbox, site_url="http://localhost", media_root=str(settings.MEDIA_ROOT))
    worker = [sys.executable, "-c", WORKER, SYNC_RUN, str(run.pk)]
    env = {**told, FAILPOINT: point, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    died = subprocess.run(worker, env=env, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-500:]
    run.refresh_from_db()
    return run.job_state
