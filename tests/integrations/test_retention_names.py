"""The names of people who were never let in go from old problems: once for each run, a batch at a time."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from integrations.models import Connection, Problem, Run, RunKind
from integrations.services.retention import ROWS, forget_people, forget_strangers, keep_time
from portal.kit import clock
from tests.integrations.test_retention import DAY, NAME, left, somebody

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_was_looked_at(db: None) -> None:
    cache.clear()


def aged(connection: Connection, days: int, *keys: str) -> Run:
    """A run so many days ago that had a problem with each of these."""
    run = Run.objects.create(connection=connection, kind=RunKind.SCHEDULED, job_state="done")
    Run.objects.filter(pk=run.pk).update(created_at=clock.now() - days * DAY)
    for key in keys:
        Problem.objects.create(run=run, source_id=key, person_name=NAME, code="missing_email")
    return run


def named() -> set[str]:
    return set(Problem.objects.filter(person_name=NAME).values_list("source_id", flat=True))


def test_the_names_of_whoever_was_never_let_in_go_from_old_problems(connection: Connection) -> None:
    somebody(connection, "in")
    gone = left(connection, 31, "gone")
    forget_people(clock.now())
    other = Connection.objects.create(company=connection.company, provider_slug="bamboohr", kind="hris")
    aged(connection, 31, "never", "in", "", gone.source_id)
    aged(other, 31, "in_elsewhere", "in")
    aged(connection, 29, "lately")
    assert forget_strangers(clock.now()) == 5
    assert sorted(Problem.objects.filter(person_name=NAME).values_list("source_id", "run__connection")) == [
        ("in", connection.pk),
        ("lately", connection.pk),
    ]


def test_each_old_run_is_looked_at_once(connection: Connection) -> None:
    run = aged(connection, 31, "never")
    assert forget_strangers(clock.now()) == 1
    Problem.objects.create(run=run, source_id="late", person_name=NAME, code="missing_email")
    aged(connection, 31, "next")
    assert forget_strangers(clock.now()) == 1
    assert named() == {"late"}
    cache.clear()
    assert forget_strangers(clock.now()) == 1
    assert named() == set()


def test_of_a_run_with_many_names_a_batch_goes_at_a_time(connection: Connection) -> None:
    run = aged(connection, 31)
    Problem.objects.bulk_create(
        Problem(run=run, source_id=f"k{number}", person_name=NAME, code="missing_email")
        for number in range(ROWS + 2)
    )
    assert [forget_strangers(clock.now()) for _ in range(3)] == [ROWS, 2, 0]


def test_the_tick_forgets_strangers_too(connection: Connection) -> None:
    aged(connection, 31, "never")
    keep_time()
    assert named() == set()
