"""What one step of a run works with, and how long it may take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from integrations.engine.rules import Rules
from integrations.models import Run, RunKind
from integrations.provider import Events, Incremental, Page, Settings, Source
from integrations.services.request_log import RequestLog
from integrations.services.stopwatch import Monotonic, Stopwatch
from integrations.targets.directory import Directory
from portal.kit.http import Http

LEASE = timedelta(seconds=90)
STEP = timedelta(seconds=600)  # the queue's own limit


@dataclass(frozen=True)
class Sync:
    """Everything that one step of a run works with. `incremental` and `events` are the vendor's, where it has them."""

    run: Run
    source: Source
    http: Http
    settings: Settings = field(repr=False)
    rules: Rules
    directory: Directory
    asked: RequestLog
    watch: Stopwatch
    incremental: Incremental | None = None
    events: Events | None = None
    clock: Monotonic = time.monotonic

    def pages(self) -> Iterator[Page]:
        """What is left to read: of everybody, or of who changed since the connection's watermark."""
        run = self.run
        if run.kind == RunKind.INCREMENTAL and self.incremental:
            since = run.connection.watermark
            return self.incremental.changed(self.http, self.settings, since, run.cursor)
        return self.source.pages(self.http, self.settings, run.cursor)
