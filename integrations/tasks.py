"""What workers execute for connections. Arguments are ids; the rows are the truth."""

from __future__ import annotations

from integrations.models import Check, Inquiry, Preview, Run
from integrations.services import adopting, expiring, invitations, issues, previews, retention
from integrations.services.checks import end_failed_check, perform_check
from integrations.services.inquiring import CONNECTION_INQUIRY, perform_inquiry
from integrations.services.locks import lock_connection_of
from integrations.services.runs import end_failed_run, perform_run
from integrations.services.schedule import start_due_runs
from integrations.services.starts import CONNECTION_CHECK, SYNC_RUN
from integrations.services.sync import LEASE
from portal.kit import queue


# Four waits are about eighty minutes. Then the ladder of the connection decides, and its state tells.
@queue.job(
    SYNC_RUN,
    model=Run,
    cluster="sync",
    lease=LEASE,
    most_waits=4,
    failed=end_failed_run,
    locks=lock_connection_of,
)
def run_sync(run: Run) -> None:
    perform_run(run)


@queue.job(CONNECTION_CHECK, model=Check, failed=end_failed_check, locks=lock_connection_of)
def check_connection(check: Check) -> None:
    perform_check(check)


@queue.job(previews.SETUP_PREVIEW, model=Preview, cluster="sync", lease=previews.LEASE)
def read_preview(preview: Preview) -> None:
    previews.perform_preview(preview)


@queue.job(CONNECTION_INQUIRY, model=Inquiry, cluster="sync", lease=LEASE)
def answer_inquiry(inquiry: Inquiry) -> None:
    perform_inquiry(inquiry)


queue.on_tick(start_due_runs)
queue.on_tick(adopting.plan_refused_anew)
queue.on_tick(previews.forget_expired)
queue.on_tick(invitations.look_after)
queue.on_tick(issues.close_settled)
queue.on_tick(expiring.note_missing_ends)
queue.on_tick(expiring.watch_expiry)
queue.on_tick(retention.keep_time)
