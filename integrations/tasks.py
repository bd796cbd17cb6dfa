"""What workers execute for connections. Arguments are ids; the rows are the truth."""

from __future__ import annotations

from integrations.models import Check, Run
from integrations.services.checks import end_failed_check, perform_check
from integrations.services.reading import LEASE
from integrations.services.runs import end_failed_run, perform_run
from integrations.services.schedule import start_due_runs
from integrations.services.starts import CONNECTION_CHECK, SYNC_RUN
from portal.kit import queue


@queue.job(SYNC_RUN, model=Run, cluster="sync", lease=LEASE, failed=end_failed_run)
def run_sync(run: Run) -> None:
    perform_run(run)


@queue.job(CONNECTION_CHECK, model=Check, failed=end_failed_check)
def check_connection(check: Check) -> None:
    perform_check(check)


queue.on_tick(start_due_runs)
