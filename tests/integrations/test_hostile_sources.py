"""What hostile HR systems have answered: nobody is removed, and whoever has a good one is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from integrations.models import Connection, ConnectionState, DirectoryPerson, PersonState, Run, RunOutcome
from integrations.provider import Source
from integrations.services.schedule import start_due_runs
from integrations.services.starts import SYNC_RUN
from portal.accounts.models import Company
from portal.kit import clock, queue
from portal.kit.leases import JobState
from tests.integrations.conftest import CARD, Syncer
from tests.integrations.sources import (
    ListSource,
    empty_first_page,
    empty_second_page,
    larger_total,
    record,
    records,
    repeated_page,
)
from tests.support.confirmed import people_from

pytestmark = pytest.mark.django_db

PEOPLE = records(12)


def removed() -> int:
    return DirectoryPerson.objects.exclude(state=PersonState.ACTIVE).count()


@pytest.mark.parametrize("hostile", [empty_first_page, empty_second_page, repeated_page, larger_total])
def test_an_answer_that_lacks_people_removes_nobody(
    sync: Syncer, connection: Connection, hostile: Callable[..., Source]
) -> None:
    sync(ListSource(PEOPLE))
    run = sync(hostile(PEOPLE, size=5))
    assert (run.outcome, run.change_total, removed()) == (RunOutcome.HELD, 0, 0)
    assert connection.state == ConnectionState.QUARANTINED


def served(sources: Mapping[int, Source]) -> None:
    """Every connection is due, for everybody, and a worker takes one run after the other."""
    Connection.objects.update(next_run_at=clock.now() - timedelta(minutes=1), watermark="")
    start_due_runs()
    for run in Run.objects.filter(job_state=JobState.QUEUED):
        with people_from(sources[run.connection_id]):
            try:
                queue.run_job(SYNC_RUN, run.pk)
            except queue.JobFailed:
                continue


def test_of_ten_companies_one_throws_and_nine_are_served(db: None) -> None:
    companies = Company.objects.bulk_create([Company(name=f"Company {number}") for number in range(10)])
    state = ConnectionState.CONNECTING
    connections = [
        Connection.objects.create(company=one, provider_slug=CARD, kind="hris", state=state)
        for one in companies
    ]
    served({one.pk: ListSource(PEOPLE) for one in connections})
    good = ListSource([*PEOPLE, record("new")])
    throws = ListSource(PEOPLE, size=5, breaks={1: RuntimeError("Our own bug, or theirs.")})
    served({one.pk: throws if one == connections[4] else good for one in connections})
    came = DirectoryPerson.objects.filter(source_id="new").values_list("connection", flat=True)
    assert set(came) == {one.pk for one in connections} - {connections[4].pk}
    assert removed() == 0
