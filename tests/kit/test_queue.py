"""The contract of a job: claimed once, counted first, fenced, and healed when a wake-up is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.test import override_settings
from django_q.models import OrmQ, Schedule
from pytest_django.fixtures import Settings

from portal import checks
from portal.kit import queue
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.leases import JobState, LeaseLost, claim, fenced, renew, update
from portal.outbox.models import Effect
from portal.outbox.services import DELIVER, HANDLERS, request_effect
from tests.support.queue import drain, time_passes

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def an_effect(marker: str = "one", kind: str = "test.effect") -> Effect:
    return Effect.objects.create(kind=kind, marker=marker)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Registers an effect of the tests' own; what it was called with is the list."""
    seen: list[int] = []

    def handler(row: Effect) -> dict[str, int]:
        seen.append(row.pk)
        if row.payload.get("raise") == "retry":
            raise RetryLater("The other side is busy.", after=timedelta(seconds=7))
        if row.payload.get("raise") == "person":
            raise NeedsPerson("Somebody must look.", code="look")
        if row.payload.get("raise") == "bug":
            raise ValueError("token=abc123secretvalue")
        return {"call": len(seen)}

    monkeypatch.setitem(HANDLERS, "test.effect", handler)
    return seen


def test_a_row_is_claimed_by_one_worker_only() -> None:
    row = an_effect()
    first = claim(Effect, row.pk, lease=MINUTE)
    assert first is not None
    assert claim(Effect, row.pk, lease=MINUTE) is None


def test_attempts_are_counted_before_the_work() -> None:
    row = claim(Effect, an_effect().pk, lease=MINUTE)
    assert row is not None
    assert row.attempts == 1


def test_a_dead_workers_row_is_taken_over_and_the_dead_one_is_fenced() -> None:
    first = claim(Effect, an_effect().pk, lease=timedelta(seconds=-1))
    assert first is not None
    second = claim(Effect, first.pk, lease=MINUTE)
    assert second is not None
    assert second.epoch == first.epoch + 1
    with pytest.raises(LeaseLost), fenced(first):
        pytest.fail("a stale worker must not write")
    with pytest.raises(LeaseLost):
        renew(first, MINUTE)
    update(second, failure="mine")


def test_an_effect_is_done_once_however_often_it_is_woken(calls: list[int]) -> None:
    row = request_effect("test.effect", marker="once")
    for _ in range(3):
        queue.wake(DELIVER, row.pk)
    drain()
    assert calls == [row.pk]
    row.refresh_from_db()
    assert (row.job_state, row.result) == (JobState.DONE, {"call": 1})


def test_the_same_marker_is_the_same_effect(calls: list[int]) -> None:
    assert request_effect("test.effect", marker="m").pk == request_effect("test.effect", marker="m").pk
    drain()
    assert len(calls) == 1


def test_what_is_rolled_back_is_never_queued() -> None:
    with transaction.atomic():
        request_effect("test.effect", marker="rolled back")
        transaction.set_rollback(True)
    assert not OrmQ.objects.exists()
    assert not Effect.objects.exists()


def test_the_other_side_says_when_and_is_obeyed(calls: list[int]) -> None:
    row = request_effect("test.effect", marker="busy", payload={"raise": "retry"})
    drain()
    row.refresh_from_db()
    assert row.job_state == JobState.QUEUED
    assert row.failure == "The other side is busy."
    waiting = Effect.objects.filter(pk=row.pk, due_at__gt=Now() + timedelta(seconds=5))
    assert waiting.filter(due_at__lt=Now() + timedelta(seconds=9)).exists()
    assert len(calls) == 1


def test_an_hour_of_absence_is_survived(calls: list[int]) -> None:
    row = request_effect("test.effect", marker="away", payload={"raise": "retry"})
    for _ in range(12):
        drain()
        time_passes()
    Effect.objects.filter(pk=row.pk).update(payload={})
    drain()
    row.refresh_from_db()
    assert row.job_state == JobState.DONE


def test_a_job_may_give_up_after_few_waits_and_counts_anew_when_it_made_progress(
    calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(queue.JOBS, DELIVER, replace(queue.JOBS[DELIVER], most_waits=2))
    row = request_effect("test.effect", marker="few", payload={"raise": "retry"})
    drain()
    time_passes()
    drain()
    row.refresh_from_db()
    assert (row.job_state, row.waits) == (JobState.QUEUED, 2)
    soon = Effect.objects.filter(pk=row.pk, due_at__lt=Now() + MINUTE)
    assert not soon.exists(), "said twice, soon is not soon enough"
    time_passes()
    mine = claim(Effect, row.pk, lease=MINUTE)
    assert mine is not None
    queue.made_progress(mine)
    update(mine, job_state=JobState.QUEUED)
    for state in (JobState.QUEUED, JobState.QUEUED, JobState.DEAD):
        queue.run_job(DELIVER, row.pk)
        row.refresh_from_db()
        assert row.job_state == state
        time_passes()


def test_what_a_person_must_do_is_kept_as_a_sentence(calls: list[int]) -> None:
    row = request_effect("test.effect", marker="person", payload={"raise": "person"})
    drain()
    row.refresh_from_db()
    assert (row.job_state, row.failure_code, row.failure) == (JobState.FAILED, "look", "Somebody must look.")
    Effect.objects.filter(pk=row.pk).update(payload={})
    queue.retry_now(row, DELIVER)
    drain()
    row.refresh_from_db()
    assert row.job_state == JobState.DONE


def test_our_own_bug_rises_without_its_words_and_ends_after_the_cap(calls: list[int]) -> None:
    row = request_effect("test.effect", marker="bug", payload={"raise": "bug"})
    for _ in range(queue.JOBS[DELIVER].cap):
        with pytest.raises(queue.JobFailed) as raised:
            drain()
        assert "secretvalue" not in str(raised.value)
        time_passes()
    drain()
    row.refresh_from_db()
    assert row.job_state == JobState.DEAD
    assert len(calls) == queue.JOBS[DELIVER].cap


def test_a_job_that_kills_its_worker_is_given_up(calls: list[int]) -> None:
    row = an_effect("poison")
    for _ in range(queue.JOBS[DELIVER].cap):
        assert claim(Effect, row.pk, lease=timedelta(seconds=-1)) is not None
    queue.run_job(DELIVER, row.pk)
    row.refresh_from_db()
    assert row.job_state == JobState.DEAD
    assert calls == []


def test_a_lost_wake_up_is_made_again(calls: list[int]) -> None:
    row = request_effect("test.effect", marker="lost")
    OrmQ.objects.all().delete()  # as after a change of SECRET_KEY
    time_passes()
    drain()
    assert calls == [row.pk]


def test_the_reaper_does_not_pile_up_wake_ups(calls: list[int]) -> None:
    request_effect("test.effect", marker="slow")
    for _ in range(5):
        queue.reap()
    assert OrmQ.objects.count() == 1


@pytest.mark.parametrize("earlier", ["", "retry"])
def test_what_was_killed_in_mid_work_is_unclear_for_the_next_attempt(
    earlier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []

    def handler(row: Effect) -> dict[str, int]:
        found.append(row.unclear_at is not None)
        return {}

    monkeypatch.setitem(HANDLERS, "test.effect", handler)
    row = an_effect("killed")
    Effect.objects.filter(pk=row.pk).update(failure_code=earlier)
    claim(Effect, row.pk, lease=timedelta(seconds=-1))
    queue.run_job(DELIVER, row.pk)
    row.refresh_from_db()
    assert found == [True]
    assert (row.job_state, row.unclear_at, row.attempts) == (JobState.DONE, None, 2)


def test_a_task_carries_ids_only_and_returns_nothing(calls: list[int]) -> None:
    row = request_effect("test.effect", marker="args", payload={"secret-looking": "x"})
    assert queue.run_job(DELIVER, row.pk) is None  # type: ignore[func-returns-value]


def test_there_is_one_schedule_and_it_is_ours() -> None:
    queue.ensure_tick()
    queue.ensure_tick()
    assert list(Schedule.objects.values_list("name", "func", "cluster")) == [
        ("tick", "portal.kit.queue.tick", "short")
    ]


def test_the_queue_settings_hold_their_inequality() -> None:
    assert checks.queue_settings_hold() == []
    assert checks.shortest_retry(workers=1, queue_limit=8, timeout=8) == 170


def test_a_retry_below_the_inequality_is_refused(settings: Settings) -> None:
    broken = {
        **settings.Q_CLUSTER,
        "ALT_CLUSTERS": {
            "short": {"workers": 1, "queue_limit": 8, "timeout": 60, "retry": 90},
            "sync": {"workers": 2, "queue_limit": 2, "timeout": 240, "retry": 900},
        },
    }
    with override_settings(Q_CLUSTER=broken):
        assert [found.id for found in checks.queue_settings_hold()] == ["desk.E004"]
