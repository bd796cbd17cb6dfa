"""One sync as a worker does it, the plain COPY that it is compared with, and where its time goes."""

from __future__ import annotations

import os
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from django.db import connection as database
from django.db import transaction

from integrations import catalog
from integrations.engine.pipeline import identify, judge
from integrations.engine.rules import Rules
from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Draft,
    Phase,
    Purpose,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services.runs import perform_run
from integrations.sources.rest import RestSource, narrowed
from integrations.targets.directory import Directory
from portal.accounts.models import Company, Role, User
from portal.kit.leases import claim
from tests.benchmarks.figures import Cost
from tests.benchmarks.recording import Noting, Recorded, bodies, numbered_pages

CARD = "adp_workforce_now"
LIST = "workers"


def recorded(path: Path) -> Recorded:
    """Pages in a file."""
    return _answering(lambda: bodies(path))


def made(people: int) -> Recorded:
    """Pages of the card's shape, made while they are read: a file of a million people is large, and so is their world."""
    return _answering(lambda: numbered_pages(people))


def _answering(pages: Callable[[], Iterable[bytes]]) -> Recorded:
    return Recorded(pages, _source(), LIST)


def _source() -> RestSource:
    """Reads as a run does: the fields that the card's own mapping uses."""
    card = catalog.get(CARD)
    assert isinstance(card.source, RestSource)
    return narrowed(card.source, Rules.of(card.mapping).fields)


def asked_fields() -> str:
    """The $select of a run's question: what the vendor sends is what the run asks for, no more."""
    source = _source()
    assert source.named is not None
    return dict(source.named.into(source.people.ask, source.fields, custom=False).query)["$select"]


def new_connection() -> Connection:
    """Of a company of its own: a company has one active connection."""
    company = Company.objects.create(name=f"Benchmark {uuid.uuid4().hex[:8]}")
    return Connection.objects.create(
        company=company, provider_slug=CARD, kind="hris", state=ConnectionState.CONNECTING
    )


def sync(
    connection: Connection, pages: Path | Recorded, directory: Callable[[Run], Directory] = Directory.of
) -> Run:
    """From the claim to the last write."""
    source = recorded(pages) if isinstance(pages, Path) else pages
    pk = Run.objects.create(connection=connection, kind=RunKind.MANUAL).pk
    while True:
        run = claim(Run, pk, lease=timedelta(seconds=90))
        assert run is not None
        perform_run(run, source=source, settings={"none": ""}, directory=directory(run))
        if run.phase == Phase.FINISHED:
            Run.objects.filter(pk=pk).update(job_state="done")
            return run


def cost_of(work: Callable[[], object]) -> Cost:
    server, client, began = _server_seconds(), time.process_time(), time.perf_counter()
    work()
    wall = time.perf_counter() - began
    return Cost(wall, time.process_time() - client + _server_seconds() - server)


def _server_seconds() -> float:
    """Of the process that serves our connection, which runs on this machine."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def plain_copy() -> Cost:
    """What it costs to COPY everybody who is there into an empty table with the directory's columns and indexes.

    Rows and indexes are the same as those of the sync, so that the ratio is what reading and comparing add.
    """
    columns = ", ".join(str(column.column) for column in DirectoryPerson._meta.concrete_fields)
    table = DirectoryPerson._meta.db_table
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} ORDER BY id")  # noqa: S608 - names of our own
        rows = cursor.fetchall()
        cursor.execute(f"CREATE TABLE bare (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES)")
    cost = cost_of(lambda: _copy(f"COPY bare ({columns}) FROM STDIN", rows))
    with database.cursor() as cursor:
        cursor.execute("DROP TABLE bare")
    return cost


def _copy(statement: str, rows: list[tuple[Any, ...]]) -> None:
    with transaction.atomic(), database.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


@dataclass
class Stopwatch:
    """Seconds by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - began


class Timed:
    """A directory whose calls are timed, one by one."""

    def __init__(self, inner: Directory, watch: Stopwatch) -> None:
        self._inner, self._watch = inner, watch

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)

        def timed(*args: Any) -> Any:
            with self._watch.running(f"database: {name}"):
                return call(*args)

        return timed


@dataclass(frozen=True)
class Profile:
    """Where the time of a sync goes. The pure parts are timed apart from the run, on the same pages."""

    connection: Connection
    path: Path

    @cached_property
    def seconds(self) -> dict[str, float]:
        watch = Stopwatch()
        with watch.running("whole run"):
            sync(self.connection, self.path, lambda run: Timed(Directory.of(run), watch))  # type: ignore[arg-type,return-value]
        return dict(watch.seconds)


def engine_seconds(path: Path) -> dict[str, float]:
    """Parsing, identifying and judging everybody as new, without a database."""
    watch, source = Stopwatch(), recorded(path)
    rules = Rules.of(catalog.get(CARD).mapping)
    for body in bodies(path):
        with watch.running("parse the pages"):
            records = orjson.loads(body)[LIST]
        with watch.running("find id and digest"):
            keyed = identify(records, source, rules).keyed
        with watch.running("read, normalise, map, compare (first load)"):
            judge(keyed, {}, source, rules)
    return dict(watch.seconds)


def plan_seconds(path: Path) -> float:
    """From the last page of a dry run to the plan that a person can look at."""
    connection = new_connection()
    by, _ = User.objects.get_or_create(email="bench.setup@support.example", defaults={"role": Role.CSM})
    draft = Draft.objects.create(connection=connection, purpose=Purpose.SETUP, created_by=by)
    pk = Run.objects.create(connection=connection, kind=RunKind.DRY, draft=draft).pk
    run = claim(Run, pk, lease=timedelta(seconds=90))
    assert run is not None
    read_at: list[float] = []
    pages = recorded(path)
    perform_run(run, source=Noting(pages, read_at), settings={"none": ""})
    seconds = time.perf_counter() - read_at[-1]
    run.refresh_from_db()
    assert run.outcome == RunOutcome.PLANNED
    return seconds
