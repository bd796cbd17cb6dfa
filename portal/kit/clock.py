"""The one place that asks what time it is, so that tests can pass another clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The current instant, in UTC and aware."""
    return datetime.now(UTC)  # noqa: TID251
