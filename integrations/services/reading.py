"""The reading half of a run: pages of the HR system become lines of a plan, batch by batch, resumable."""

from __future__ import annotations

import gc

from integrations.services.batches import Batches
from integrations.services.collector import quiet_collector
from integrations.services.sync import Sync
from portal.kit.errors import NeedsPerson, RetryLater

READING_SECONDS = 120.0  # then the worker is given back
BATCHES_PER_COLLECTION = 25


def read_people(sync: Sync) -> bool:
    """Reads on from where the run stands. False when the time of this step is over before the list is.

    What was read before a RetryLater or NeedsPerson is kept.
    """
    with quiet_collector(), sync.watch.timed("reading"):
        batches = Batches(sync)
        try:
            return _read_on(sync, batches)
        finally:
            batches.drop()


def _read_on(sync: Sync, batches: Batches) -> bool:
    began, saved = sync.clock(), 0
    try:
        for page in sync.pages():
            batches.add(page)
            if page.cursor is None or not batches.is_full:
                continue
            batches.save()
            saved += 1
            if saved % BATCHES_PER_COLLECTION == 0:
                gc.collect()
            if sync.clock() - began >= READING_SECONDS:
                return False
    except (RetryLater, NeedsPerson):
        if batches.batch.pages:
            batches.save()
        raise
    batches.save(ended=True)
    return True
