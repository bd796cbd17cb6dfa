"""Calls made at the same moment, each on a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection as database


def together(*calls: Callable[[], object]) -> list[object]:
    """What each returned, or the exception that it raised, in the order of the calls."""
    results: list[object] = [None] * len(calls)
    barrier = threading.Barrier(len(calls), timeout=30)

    def run(place: int, call: Callable[[], object]) -> None:
        try:
            barrier.wait()
            results[place] = call()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[place] = error
        finally:
            database.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def elsewhere(work: Callable[[], object]) -> threading.Thread:
    """In another session of the database."""

    def go() -> None:
        try:
            work()
        finally:
            database.close()

    thread = threading.Thread(target=go)
    thread.start()
    return thread


def until_somebody_waits(*kinds: str) -> None:
    """Returns as soon as another session waits for a lock of one of these kinds, or of any."""
    # Not those of another worker's tests: whoever waits here holds other locks of this database.
    waits = """SELECT FROM pg_locks WHERE NOT granted AND (locktype = ANY(%(kinds)s) OR %(any)s) AND pid IN (
        SELECT pid FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()))"""
    with database.cursor() as cursor:
        for _ in range(1_000):
            cursor.execute(waits, {"kinds": list(kinds), "any": not kinds})
            if cursor.fetchone() is not None:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    pytest.fail("nobody waits")
