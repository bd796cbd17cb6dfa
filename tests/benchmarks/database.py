"""A database for the benchmarks on the private PostgreSQL: empty at the start, durable like a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
import psycopg
from django.core.management import call_command
from django.db import connection as database

from portal.kit import private_postgres

ROOT = Path(__file__).resolve().parents[2]
# Nothing refers to their rows, so that the tables can be emptied without the ones that they refer to.
_TABLES = ", ".join(
    f"integrations_{name}"
    for name in (
        *("directoryperson", "change", "problem", "staged", "seen", "planned", "held", "match"),
        *("membership", "membershipchange", "invitation", "group", "asked", "stagedmember"),
    )
)


@contextmanager
def bench_database() -> Iterator[None]:
    """Holds the cluster up and sets Django up on it."""
    with private_postgres.running(ROOT, name="bench") as address:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        use(address)
        call_command("migrate", verbosity=0)
        yield
        database.close()


def use(address: str) -> None:
    """Django on this database. Before anything else touches its settings."""
    os.environ["DATABASE_URL"] = address
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()


def empty() -> None:
    with database.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_TABLES} CASCADE")


def settle() -> None:
    """What autovacuum and the checkpointer do between two syncs of a day."""
    with database.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
