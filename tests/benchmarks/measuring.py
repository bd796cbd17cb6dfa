"""All measurements in their order, each against a baseline of the same run (performance.md §8)."""

from __future__ import annotations

import os
from pathlib import Path

from tests.benchmarks.database import empty, settle
from tests.benchmarks.figures import BARE, DAY, FIRST, READ, UNCHANGED, Cost, Figure, Figures
from tests.benchmarks.memory import peak_of_a_sync
from tests.benchmarks.recording import record_pages
from tests.support import documents

FEW, MANY = 1_000, 10_000
TENANTS = 10  # connections that two workers share
BUSY = 1.3


def measure(folder: Path, people: int, rounds: int, *, scale: int = 0) -> Figures:
    """`scale` is a number of people for the check that nothing grows faster than they do; 0 leaves it out."""
    # The sandbox and the models can be imported only once Django is set up.
    from portal.sandbox.vendors.adp import adp_pages  # noqa: PLC0415
    from portal.sandbox.world import World  # noqa: PLC0415
    from tests.benchmarks.scenarios import a_day_later  # noqa: PLC0415
    from tests.benchmarks.syncing import asked_fields  # noqa: PLC0415

    selected, world = asked_fields(), World(people)
    pages = {name: folder / name for name in ("people", "day", "many")}
    record_pages(pages["people"], adp_pages(world, selected=selected))
    a_day_later(world)
    record_pages(pages["day"], adp_pages(world, selected=selected))
    record_pages(pages["many"], adp_pages(World(MANY), selected=selected))
    result = Figures(people)
    for _ in range(rounds):
        _measure_round(result, pages)
    _judge_runs(result)
    _peers(result, pages["people"])
    _engine(result, pages["people"])
    _profile(result, pages["people"])
    growth = _peak(people) - _peak(FEW)
    result.figures.append(Figure(f"memory growth, {FEW:,} to {people:,} people", growth, 32.0, "MiB"))
    document = max(map(documents.growth, documents.CASES))
    result.figures.append(Figure("memory growth for one document of 80 MiB (P9)", document, 32.0, "MiB"))
    _plan(result, pages["many"])
    _workers(result, pages["many"])
    if scale:
        _scale(result, folder / "scale", scale)
    result.figures += _list_figures()
    return result


def _measure_round(result: Figures, pages: dict[str, Path]) -> None:
    from tests.benchmarks.syncing import cost_of, new_connection, plain_copy, sync  # noqa: PLC0415

    connection = new_connection()

    def synced(name: str, path: Path) -> Cost:
        settle()
        cost = result.note(name, cost_of(lambda: sync(connection, path)))
        run = connection.runs.latest("pk")
        assert (run.outcome, run.change_total > 0) == ("applied", name != UNCHANGED), run.objections
        return cost

    empty()
    first, bare = synced(FIRST, pages["people"]), result.note(BARE, plain_copy())
    result.compare(FIRST, first, bare)
    before, unchanged, after = (
        _read(result, pages["people"]),
        synced(UNCHANGED, pages["people"]),
        _read(result, pages["people"]),
    )
    result.compare(UNCHANGED, unchanged, before, after)
    result.compare("unchanged of a COPY", unchanged, bare)
    day = synced(DAY, pages["day"])
    result.compare(DAY, day, unchanged, synced(UNCHANGED, pages["day"]))


def _read(result: Figures, path: Path) -> Cost:
    from tests.benchmarks.scenarios import reading_seconds  # noqa: PLC0415

    seconds = reading_seconds(path)
    return result.note(READ, Cost(seconds, seconds))


def _judge_runs(result: Figures) -> None:
    bare = result.middle(BARE)
    # A COPY that had to wait for a processor says that others had them; then the clock measures the others.
    alone = bare.wall <= BUSY * bare.cpu
    first, unchanged, day = (result.ratio(name) for name in (FIRST, UNCHANGED, DAY))
    of_copy = result.ratio("unchanged of a COPY").cpu
    result.figures += [
        Figure("first load ÷ plain COPY into an indexed table, clock", first.wall, 4.0, "×", alone),
        Figure("first load ÷ plain COPY, processor", first.cpu, 4.0, "×"),
        Figure("unchanged ÷ reading, parsing and hashing alone", unchanged.wall, 1.5, "×", alone),
        Figure("unchanged ÷ plain COPY, processor (P2)", of_copy, 0.9, "×", judged=False),
        Figure("1 % + 1 % + 1 % ÷ unchanged, clock", day.wall, 1.3, "×", alone),
        Figure("1 % + 1 % + 1 % ÷ unchanged, processor", day.cpu, 1.3, "×"),
    ]


def _peers(result: Figures, pages: Path) -> None:
    from tests.benchmarks.peers import bulk_create_costs, dlt_seconds  # noqa: PLC0415
    from tests.benchmarks.syncing import new_connection, sync  # noqa: PLC0415

    first, unchanged = result.middle(FIRST), result.middle(UNCHANGED)
    for how, judged in (("pages", True), ("flat", False)):
        if seconds := dlt_seconds(os.environ["DATABASE_URL"], pages, how):
            said = "dlt" if judged else "dlt, spared the vendor's JSON"
            named = (f"{said}: first merge ÷ our first load", f"{said}: unchanged merge ÷ ours")
            result.figures += [
                Figure(named[0], seconds[0] / first.wall, 3.0, "×", judged, at_least=True),
                Figure(named[1], seconds[1] / unchanged.wall, 6.0, "×", judged, at_least=True),
            ]
    empty()
    settle()
    connection = new_connection()
    sync(connection, pages)
    made, again, many = bulk_create_costs(connection)
    per = result.people / many
    result.figures += [
        Figure(
            "bulk_create ÷ our first load, processor (P1)", made.cpu * per / first.cpu, 5.0, "×", False, True
        ),
        Figure(
            "bulk_create ÷ our unchanged, processor (P2)",
            again.cpu * per / unchanged.cpu,
            10.0,
            "×",
            False,
            True,
        ),
    ]


def _engine(result: Figures, pages: Path) -> None:
    from tests.benchmarks.scenarios import plain_seconds  # noqa: PLC0415

    ours, plain = plain_seconds(pages)
    result.figures.append(
        Figure("parse, normalise, map ÷ orjson and plain code (P7)", ours / plain, 2.0, "×")
    )


def _profile(result: Figures, pages: Path) -> None:
    from tests.benchmarks.syncing import Profile, engine_seconds, new_connection  # noqa: PLC0415

    empty()
    settle()
    connection = new_connection()
    result.profiles[FIRST] = Profile(connection, pages).seconds
    settle()
    result.profiles[UNCHANGED] = Profile(connection, pages).seconds
    result.profiles["pure parts, timed alone"] = engine_seconds(pages)


def _plan(result: Figures, pages: Path) -> None:
    from tests.benchmarks.syncing import plan_seconds  # noqa: PLC0415

    empty()
    settle()
    result.figures.append(
        Figure(f"plan of {MANY:,} people after the last page", plan_seconds(pages), 2.0, "s")
    )


def _workers(result: Figures, pages: Path) -> None:
    from django.conf import settings  # noqa: PLC0415

    from tests.benchmarks.workers import begin_seconds, throughput  # noqa: PLC0415

    poll = settings.Q_CLUSTER["poll"]
    assert isinstance(poll, float)
    found = begin_seconds()
    late = found[int(len(found) * 0.95) - 1]
    result.figures.append(
        Figure("waking a worker to its start, p95 ÷ poll interval (P10)", late / poll, 1.2, "×")
    )
    address = os.environ["DATABASE_URL"]
    one, two = (throughput(address, pages, TENANTS, number) for number in (1, 2))
    name = f"{TENANTS} connections of {MANY:,}: two workers ÷ one"
    result.figures.append(Figure(name, one / two, 1.7, "×", at_least=True))


def _scale(result: Figures, path: Path, people: int) -> None:
    from portal.sandbox.vendors.adp import adp_pages  # noqa: PLC0415
    from portal.sandbox.world import World  # noqa: PLC0415
    from tests.benchmarks.syncing import asked_fields, cost_of, new_connection, sync  # noqa: PLC0415

    record_pages(path, adp_pages(World(people), selected=asked_fields()))
    empty()
    settle()
    connection, per = new_connection(), people / result.people
    for name in (FIRST, UNCHANGED):
        cost = result.note(f"{name}, {people:,} people", cost_of(lambda: sync(connection, path)))
        ratio = cost.cpu / result.middle(name).cpu / per
        result.figures.append(Figure(f"{name}, processor per person at {people:,}", ratio, 1.3, "×"))
        settle()


def _peak(people: int) -> float:
    empty()
    settle()
    return peak_of_a_sync(os.environ["DATABASE_URL"], people)


def _list_figures() -> list[Figure]:
    from tests.benchmarks.pages import FEW, MANY, list_costs  # noqa: PLC0415

    few, many = list_costs()
    return [
        Figure(f"requests list, {MANY:,} requests: queries", many.queries, 25, "queries"),
        Figure(f"… more queries than with {FEW}", many.queries - few.queries, 0, "queries"),
        Figure(f"… its time ÷ that with {FEW}", many.seconds / few.seconds, 3, "×"),
    ]
