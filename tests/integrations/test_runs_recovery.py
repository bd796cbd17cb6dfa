"""Workers that die, freeze or race: whatever happens, the next claim finishes the run, once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from integrations.models import Change, Connection, DirectoryPerson, Phase, Run, RunOutcome, Seen, Staged
from integrations.services import batches
from integrations.services.runs import perform_run
from integrations.services.starts import SYNC_RUN, call_off
from integrations.targets.directory import Directory, Looked
from portal.kit import queue
from portal.kit.errors import RetryLater
from portal.kit.leases import JobState, LeaseLost, claim
from tests.integrations.conftest import LEASE
from tests.integrations.sources import ListSource, record, records

# Threads, kills and a flush after each: in `make test-all`.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# One renamed, one gone, one terminated, one new.
AFTER = [
    record("k00000", first="Renamed"),
    *records(27, start=2),
    record("k00029", status="terminated"),
    record("new"),
]
EXPECTED = {"k00000": "changed", "k00001": "deactivated", "k00029": "deactivated", "new": "added"}


class Killed(BaseException):
    """As final for the worker's step as a SIGKILL: nothing of ours handles it."""


@dataclass(frozen=True)
class Fragile(Directory):
    """The directory of a worker that dies before or after the named call."""

    dies_at: str = ""
    after: bool = False

    def _reach(self, name: str, go_on: Callable[[], Any]) -> Any:
        if name == self.dies_at and not self.after:
            raise Killed
        result = go_on()
        if name == self.dies_at:
            raise Killed
        return result

    def note(self, keys: Any, place: int) -> None:
        self._reach("note", lambda: super(Fragile, self).note(keys, place))

    def look_up(self, keyed: Any) -> Looked:
        looked: Looked = self._reach("look_up", lambda: super(Fragile, self).look_up(keyed))
        return looked

    def stage(self, rows: Any) -> None:
        self._reach("stage", lambda: super(Fragile, self).stage(rows))

    def report(self, problems: Any) -> None:
        self._reach("report", lambda: super(Fragile, self).report(problems))

    def prepare(self, size: int) -> None:
        self._reach("prepare", lambda: super(Fragile, self).prepare(size))

    def plan_absent(self) -> int:
        return int(self._reach("plan_absent", super().plan_absent))

    def apply(self, counts: Mapping[Any, int]) -> None:
        self._reach("apply", lambda: super(Fragile, self).apply(counts))

    def clear(self) -> None:
        self._reach("clear", super().clear)


def fragile(run: Run, dies_at: str, *, after: bool = False) -> Fragile:
    return Fragile(run.pk, run.connection_id, run.connection.company_id, dies_at, after)


@pytest.fixture(autouse=True)
def _save_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_PEOPLE", 10)


def taken_over(run: Run) -> Run:
    """The run in the hands of the next worker, once the first one's lease is over."""
    Run.objects.filter(pk=run.pk).update(lease_until=Now() - LEASE)
    again = claim(Run, run.pk, lease=LEASE)
    assert again is not None
    return again


def assert_done_right(run: Run) -> None:
    run.refresh_from_db()
    assert (run.phase, run.outcome) == (Phase.FINISHED, RunOutcome.APPLIED)
    assert dict(Change.objects.filter(run=run).values_list("source_id", "kind")) == EXPECTED
    assert (run.added, run.changed, run.deactivated) == (1, 1, 2)
    active = set(DirectoryPerson.objects.filter(state="active").values_list("source_id", flat=True))
    assert active == {one["id"] for one in AFTER if one["status"] == "active"}
    assert (Seen.objects.count(), Staged.objects.count()) == (0, 0)


CALLS = ["note", "look_up", "stage", "report", "prepare", "plan_absent", "apply", "clear"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_a_killed_worker_is_replaced_and_nothing_happens_twice(
    claimed_after_first: Callable[[], Run], call: str, after: bool
) -> None:
    run = claimed_after_first()
    with pytest.raises(Killed):
        perform_run(run, source=ListSource(AFTER), directory=fragile(run, call, after=after))
    again = taken_over(run)
    perform_run(again, source=ListSource(AFTER))
    assert_done_right(again)


def test_a_worker_killed_between_pages_goes_on_where_it_was(claimed_after_first: Callable[[], Run]) -> None:
    run = claimed_after_first()
    with pytest.raises(Killed):
        perform_run(run, source=ListSource(AFTER, breaks={2: Killed()}))
    again = taken_over(run)
    assert (again.pages, again.seen, again.cursor) == (2, 20, {"at": 20})
    # The first two pages cannot be read again: whoever tries is killed.
    perform_run(again, source=ListSource(AFTER, breaks={0: Killed(), 1: Killed()}))
    assert_done_right(again)


def test_what_was_read_before_a_busy_answer_is_kept(
    claimed_after_first: Callable[[], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_PEOPLE", 1_000)
    run = claimed_after_first()
    with pytest.raises(RetryLater):
        perform_run(run, source=ListSource(AFTER, breaks={2: RetryLater("busy")}))
    run.refresh_from_db()
    assert (run.pages, run.cursor) == (2, {"at": 20})
    perform_run(run, source=ListSource(AFTER, breaks={0: Killed(), 1: Killed()}))
    assert_done_right(run)


@pytest.mark.parametrize("call", ["note", "apply"])
def test_a_stale_worker_writes_nothing(claimed_after_first: Callable[[], Run], call: str) -> None:
    run = claimed_after_first()

    class Late(ListSource):
        """Another worker takes the run over while this one waits for a page."""

        def pages(self, *parts: Any, **more: Any) -> Any:
            for number, page in enumerate(super().pages(*parts, **more)):
                if call == "note" and number == 1:
                    Run.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1)
                yield page
            if call == "apply":
                Run.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1)

    rows = list(DirectoryPerson.objects.order_by("pk").values())
    with pytest.raises(LeaseLost):
        perform_run(run, source=Late(AFTER))
    assert list(DirectoryPerson.objects.order_by("pk").values()) == rows
    assert not Change.objects.filter(run=run).exists()


def test_a_run_called_off_while_it_reads_applies_nothing(
    claimed_after_first: Callable[[], Run],
) -> None:
    run = claimed_after_first()
    Run.objects.filter(pk=run.pk).update(job_state=JobState.FAILED, epoch=F("epoch") + 1)
    with pytest.raises(LeaseLost):
        perform_run(run, source=ListSource(AFTER))
    assert not Change.objects.filter(run=run).exists()


def test_a_run_called_off_leaves_nobodys_name_in_the_work_tables(
    claimed_after_first: Callable[[], Run], connection: Connection
) -> None:
    run = claimed_after_first()
    with pytest.raises(Killed):
        perform_run(run, source=ListSource(AFTER, breaks={2: Killed()}))
    assert Staged.objects.exists()
    with transaction.atomic():
        call_off(connection, "It was paused.")
    assert (Seen.objects.count(), Staged.objects.count()) == (0, 0)


def test_work_tables_emptied_by_a_crash_are_read_again(claimed_after_first: Callable[[], Run]) -> None:
    run = claimed_after_first()
    with pytest.raises(Killed):
        perform_run(run, source=ListSource(AFTER), directory=fragile(run, "apply"))
    with database.cursor() as cursor:
        cursor.execute("TRUNCATE integrations_seen, integrations_staged")
    again = taken_over(run)
    perform_run(again, source=ListSource(AFTER))
    again.refresh_from_db()
    assert (again.job_state, again.phase, again.seen) == (JobState.QUEUED, Phase.READING, 0)
    third = claim(Run, run.pk, lease=LEASE)
    assert third is not None
    perform_run(third, source=ListSource(AFTER))
    assert_done_right(third)


def test_a_long_list_is_read_in_several_steps(claimed_after_first: Callable[[], Run]) -> None:
    run = claimed_after_first()
    steps = 0
    while run.phase != Phase.FINISHED:
        seconds = iter(range(0, 100_000, 100))
        perform_run(run, source=ListSource(AFTER), clock=lambda ticks=seconds: float(next(ticks)))
        steps += 1
        run = claim(Run, run.pk, lease=LEASE) or Run.objects.get(pk=run.pk)
    assert steps > 1
    assert_done_right(run)


def test_two_workers_at_once_do_the_work_once(
    claimed_after_first: Callable[[], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = claimed_after_first()
    Run.objects.filter(pk=run.pk).update(job_state=JobState.QUEUED, lease_until=None)
    done: list[int] = []

    def work(one: Run) -> None:
        perform_run(one, source=ListSource(AFTER))
        done.append(one.epoch)

    monkeypatch.setitem(queue.JOBS, SYNC_RUN, replace(queue.JOBS[SYNC_RUN], work=work))
    barrier = threading.Barrier(2)

    def worker() -> None:
        barrier.wait()
        try:
            queue.run_job(SYNC_RUN, run.pk)
        finally:
            database.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert_done_right(run)


def test_a_second_delivery_of_a_finished_run_does_nothing(claimed_after_first: Callable[[], Run]) -> None:
    run = claimed_after_first()
    perform_run(run, source=ListSource(AFTER))
    again = taken_over(run)
    perform_run(again, source=ListSource([]))
    assert_done_right(again)
