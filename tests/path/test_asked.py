""" "Why is … not here?" asked on the page and answered by a real worker, which reads the vendor's list over HTTP."""

from __future__ import annotations

import time

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from integrations.models import Connection, ConnectionState, DirectoryPerson, Inquiry
from integrations.services.connections import activate_connection
from portal.accounts.models import Membership, Role
from portal.kit import clock, queue
from portal.kit.leases import JobState
from portal.sandbox import credentials
from portal.sandbox.server import Running
from portal.sandbox.staff import Population
from portal.sandbox.world import World
from tests.support.people import a_company, a_user
from tests.support.workers import cluster, kill, told_to_workers

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
NOBODY = {"include": [[{"field": "department", "op": "is", "values": ["Nobody works there"]}]]}


@pytest.fixture
def world() -> World:
    return World(size=400, seed=1)


@pytest.fixture
def told(sandbox: Running, settings: Settings) -> dict[str, str]:
    return told_to_workers(sandbox, site_url="http://localhost", media_root=str(settings.MEDIA_ROOT))


@pytest.fixture
def connection() -> Connection:
    """Personio in the sandbox, confirmed with a filter that lets nobody in."""
    with transaction.atomic():
        made = activate_connection(
            a_company(),
            "personio",
            settings=credentials.CREDENTIALS["personio"],
            mapping={},
            by=a_user(Role.TL),
            request_number="REQ-1",
        )
        made.state, made.confirmed_at = ConnectionState.CONNECTED, clock.now()
        made.filter = NOBODY
        made.save()
    return made


@pytest.fixture
def dana(connection: Connection) -> Client:
    person = a_user(Role.CUSTOMER_ADMIN, "Dana Whitfield", "dana@riverside.example")
    Membership.objects.create(user=person, company=connection.company)
    client = Client()
    client.force_login(person)
    return client


def ask(dana: Client, connection: Connection, text: str) -> str:
    """The address of the answer's page."""
    answer = dana.post(reverse("why_ask", args=[connection.public_id]), {"q": text})
    assert answer.status_code == 302
    return str(answer["Location"])


def wait_until(state: JobState, seconds: float = 60, **more: object) -> None:
    until = time.monotonic() + seconds
    while not Inquiry.objects.filter(job_state=state, **more).exists():
        assert time.monotonic() < until, Inquiry.objects.values("job_state", "failure", "read").get()
        time.sleep(0.05)


def test_a_worker_answers_what_the_page_asked(
    world: World, told: dict[str, str], dana: Client, connection: Connection
) -> None:
    somebody = next(world.people(Population.EMPLOYED))
    page = ask(dana, connection, somebody.work_email)
    assert "Asking the HR system" in dana.get(page).content.decode()
    with cluster("sync", told):
        wait_until(JobState.DONE)
    html = dana.get(page).content.decode()
    assert "The HR system lists them." in html
    assert "They do not match the filter." in html
    assert "Does not belong in" in html
    assert "They come in as soon as Department is “Nobody works there” in the HR system" in html
    assert Inquiry.objects.get().read > 0
    assert not DirectoryPerson.objects.exists()


def test_a_look_whose_worker_was_killed_is_finished_by_the_next_one(
    world: World, told: dict[str, str], dana: Client, connection: Connection
) -> None:
    world.fault("personio", "slow", seconds=0.5, path="/company/employees")
    page = ask(dana, connection, "Nobody Called That")
    with cluster("sync", told) as first:
        wait_until(JobState.RUNNING, read__gt=0)
        kill(first)
    world.clear_faults()
    # The lease runs out by the database's clock; the tick of any cluster then wakes another worker.
    Inquiry.objects.update(lease_until=Now())
    queue.reap()
    with cluster("sync", told):
        wait_until(JobState.DONE)
    inquiry = Inquiry.objects.get()
    assert (inquiry.epoch, inquiry.answers) == (2, [])
    assert "lists nobody called “Nobody Called That”" in dana.get(page).content.decode()


def test_a_vendor_that_refuses_is_told_on_the_page_by_the_worker(
    world: World, told: dict[str, str], dana: Client, connection: Connection
) -> None:
    with transaction.atomic():
        connection.credentials.all().delete()
    page = ask(dana, connection, "Somebody")
    with cluster("sync", told):
        wait_until(JobState.FAILED)
    inquiry = Inquiry.objects.get()
    assert inquiry.failure
    assert inquiry.failure in dana.get(page).content.decode().replace("&#x27;", "'")
