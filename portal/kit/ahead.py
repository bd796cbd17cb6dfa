"""A question to the database that is answered while something else is done: psycopg's pipeline on Django's connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from django.db import connection as database


class Ahead:
    """Statements on their way; the last one has the answer. It must be fetched, or dropped, before a transaction begins."""

    def __init__(self, statements: Sequence[str], values: Mapping[str, Any]) -> None:
        database.ensure_connection()
        self._pipeline = ExitStack()
        self._pipeline.enter_context(database.wrap_database_errors)
        self._pipeline.enter_context(database.connection.pipeline())
        self._cursor = self._pipeline.enter_context(database.cursor())
        try:
            for statement in statements:
                self._cursor.execute(statement, values)
        except BaseException:
            self.drop()
            raise

    def rows(self) -> list[tuple[Any, ...]]:
        """Waits for the answer, once."""
        try:
            return list(self._cursor.fetchall())
        finally:
            self.drop()

    def drop(self) -> None:
        """Nobody wants the answer any more. Harmless after `rows`."""
        self._pipeline.close()
