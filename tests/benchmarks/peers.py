"""What others cost on the same people: dlt's merge, Django's bulk_create, and a plain COPY of rows made in Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection as database

from integrations.models import Connection, DirectoryPerson
from integrations.people import ATTRIBUTES
from tests.benchmarks.database import ROOT, empty, settle
from tests.benchmarks.figures import Cost
from tests.benchmarks.syncing import cost_of

FEWER = 10_000  # bulk_create is linear, and ten times as many take half a minute


def dlt_seconds(address: str, pages: Path, how: str) -> tuple[float, float] | None:
    """First and unchanged load, in a fresh process; None where dlt is not installed."""
    if find_spec("dlt") is None:
        return None
    _drop_dlt()
    command = [sys.executable, "-m", "tests.benchmarks.dlt_peer", address, str(pages), how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    first, again = json.loads(done.stdout.splitlines()[-1])
    _drop_dlt()
    return first, again


def _drop_dlt() -> None:
    with database.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS dlt_peer, dlt_peer_staging CASCADE")


def bulk_create_costs(connection: Connection) -> tuple[Cost, Cost, int]:
    """First and unchanged `bulk_create(update_conflicts=True)` of FEWER of the people that the last sync left."""
    fields = ("source_id", "raw_digest", *ATTRIBUTES)
    people = list(islice(_people(connection, fields), FEWER))
    empty()
    settle()
    costs = [cost_of(lambda: _upsert(connection, people, fields)) for _ in range(2)]
    return costs[0], costs[1], len(people)


def _people(connection: Connection, fields: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    yield from DirectoryPerson.objects.filter(connection=connection).order_by("pk").values(*fields).iterator()


def _upsert(connection: Connection, people: list[dict[str, Any]], fields: tuple[str, ...]) -> None:
    DirectoryPerson.objects.bulk_create(
        [
            DirectoryPerson(company_id=connection.company_id, connection=connection, **person)
            for person in people
        ],
        batch_size=1_000,
        update_conflicts=True,
        unique_fields=["connection", "source_id"],
        update_fields=[name for name in fields if name != "source_id"],
    )
