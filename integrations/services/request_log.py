"""What a run asked the HR system: one line per request for its page, without secrets, bodies and query values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from integrations.models import Asked, Run
from portal.kit import clock
from portal.kit.http import Egress
from portal.kit.redact import one_line

MOST = 500  # per run; the counters tell the rest


@dataclass
class RequestLog:
    """Collects in memory and is written with each batch, so that a request costs no statement."""

    run: Run
    kept: int = 0
    waiting: list[Asked] = field(default_factory=list)

    @classmethod
    def of(cls, run: Run) -> RequestLog:
        """Goes on where an earlier step of the run stopped."""
        return cls(run, Asked.objects.filter(run=run).count() if run.started_at else 0)

    def listening(self, egress: Egress) -> Egress:
        """The same egress, whose calls are noted here too."""
        also = egress.log

        def log(line: Mapping[str, object]) -> None:
            also(line)
            self.note(line)

        return replace(egress, log=log)

    def note(self, line: Mapping[str, Any]) -> None:
        """`line` is what portal.kit.http tells its log of a call: redacted, and of the query only the names."""
        if self.kept + len(self.waiting) >= MOST:
            return
        names = "&".join(f"{name}=…" for name in str(line.get("query", "")).split(",") if name)
        address = f"https://{line.get('host', '')}{line.get('path', '')}{'?' if names else ''}{names}"
        self.waiting.append(
            Asked(
                run=self.run,
                at=clock.now(),
                method=str(line.get("method", ""))[:7],
                address=one_line(address, 500),
                status=line.get("status"),
                milliseconds=line.get("ms", 0),
                size=line.get("bytes", 0),
                words=one_line(str(line.get("failed", "")), 200),
            )
        )

    def write(self) -> None:
        """Belongs into the transaction of a batch, or into one of its own when a step ends badly."""
        if self.waiting:
            Asked.objects.bulk_create(self.waiting)
            self.kept += len(self.waiting)
            self.waiting.clear()
