"""Pages of other days: one percent new, one percent changed, one percent gone; and everything read and hashed alone."""

from __future__ import annotations

import time
from pathlib import Path

import orjson

from integrations import catalog
from integrations.engine.pipeline import digest_of
from integrations.engine.rules import Rules
from portal.sandbox.staff import Population
from portal.sandbox.world import World
from tests.benchmarks.recording import bodies
from tests.benchmarks.syncing import CARD, LIST, recorded


def a_day_later(world: World) -> None:
    """Every hundredth person is renamed, another hundredth has left, and as many are new."""
    many = len(world.indexes(Population.EVERYONE))
    for index in range(0, many - 2, 100):
        world.rename(index, "Renamed", f"Person {index}")
        world.let_go(index + 1)
        world.hire()


def reading_seconds(pages: Path) -> float:
    """To read, parse and hash the pages and nothing else: what nobody can do without."""
    began = time.perf_counter()
    for body in bodies(pages):
        for record in orjson.loads(body)[LIST]:
            digest_of(record, b"0123456789abcdef")
    return time.perf_counter() - began


def plain_seconds(pages: Path) -> tuple[float, float]:
    """P7: our reading, normalising and mapping of everybody, and the same fields by plain code. Both after orjson."""
    rules, source = Rules.of(catalog.get(CARD).mapping), recorded(pages)
    ours = plain = 0.0
    for body in bodies(pages):
        began = time.perf_counter()
        records = orjson.loads(body)[LIST]
        for record in records:
            rules.mapping.apply(source.read(record))
        ours += time.perf_counter() - began
        began = time.perf_counter()
        for record in orjson.loads(body)[LIST]:
            _plain(record)
        plain += time.perf_counter() - began
    return ours, plain


def _plain(record: dict[str, object]) -> dict[str, str]:
    """What somebody would write by hand for this one vendor, without any care."""
    person: dict[str, object] = record.get("person") or {}  # type: ignore[assignment]
    name: dict[str, str] = person.get("legalName") or {}  # type: ignore[assignment]
    jobs: list[dict[str, object]] = record.get("workAssignments") or [{}]  # type: ignore[assignment]
    mails: list[dict[str, str]] = (record.get("businessCommunication") or {}).get("emails") or [{}]  # type: ignore[attr-defined]
    job = next((one for one in jobs if one.get("primaryIndicator")), jobs[0])
    place: dict[str, dict[str, str]] = job.get("homeWorkLocation") or {}  # type: ignore[assignment]
    units: list[dict[str, dict[str, str]]] = job.get("homeOrganizationalUnits") or []  # type: ignore[assignment]
    department = next((u["nameCode"] for u in units if u["typeCode"].get("codeValue") == "Department"), {})
    return {
        "id": str(record.get("associateOID")),
        "first_name": name.get("givenName", "").strip(),
        "last_name": name.get("familyName1", "").strip(),
        "email": mails[0].get("emailUri", "").strip().lower(),
        "job_title": str((job.get("jobCode") or {}).get("shortName") or ""),  # type: ignore[attr-defined]
        "department": department.get("shortName") or department.get("longName") or "",
        "location": (place.get("nameCode") or {}).get("shortName") or "",
        "city": (place.get("address") or {}).get("cityName") or "",
        "country": (place.get("address") or {}).get("countryCode") or "",
    }
