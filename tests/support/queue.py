"""The worker, in this process: takes what was queued and runs it, as often as a test says."""

from __future__ import annotations

from django.db.models.functions import Now
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from portal.kit import queue
from portal.kit.leases import JobState


def drain(most: int = 200) -> int:
    """Runs queued tasks until none is left. Returns how many ran; failures of ours are left to rise."""
    ran = 0
    while ran < most and (row := OrmQ.objects.order_by("pk").first()):
        task = SignedPackage.loads(row.payload)
        row.delete()
        import_string(task["func"])(*task["args"], **task["kwargs"])
        ran += 1
    return ran


def time_passes() -> None:
    """What waits for a later try is due now; the reaper wakes it."""
    for job in queue.JOBS.values():
        job.model._default_manager.filter(job_state=JobState.QUEUED).update(due_at=Now(), woken_at=None)
    queue.reap()
