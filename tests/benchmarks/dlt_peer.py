"""dlt on the same pages: `python -m tests.benchmarks.dlt_peer ADDRESS FILE HOW` prints the seconds of two loads as JSON.

HOW is "pages": it is given the vendor's records as they are, and makes its tables of them; or "flat": the card reads and
our engine maps them first, so that dlt is spared the nested JSON. It merges by upsert. Neither finds who has left, keeps a
log of changes, or makes groups.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import orjson

from integrations import catalog
from integrations.engine.rules import Rules
from tests.benchmarks.recording import bodies

CARD, LIST, KEY, DATASET = "adp_workforce_now", "workers", "associateOID", "dlt_peer"


def records(path: Path) -> Iterator[list[dict[str, Any]]]:
    for body in bodies(path):
        yield orjson.loads(body)[LIST]


def rows(path: Path) -> Iterator[list[dict[str, Any]]]:
    """A page at a time, as a dlt resource likes it."""
    card = catalog.get(CARD)
    assert card.source is not None
    mapping = Rules.of(card.mapping).mapping
    for body in bodies(path):
        people = [card.source.read(record) for record in orjson.loads(body)[LIST]]
        mapped = ((person, mapping.apply(person).attributes) for person in people)
        yield [{"source_id": person.source_id, **attributes} for person, attributes in mapped if attributes]


def _spelled_out(address: str) -> str:
    """With the host and password that dlt insists on. The host in the query wins, and the socket asks for no password."""
    return address.replace("postgres@:", "postgres:none@localhost:")


def main(address: str, path: Path, how: str) -> None:
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="ERROR")
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "peer",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(_spelled_out(address)),
            dataset_name=DATASET,
        )
        for _ in range(2):
            flat = how == "flat"
            resource = dlt.resource(
                rows(path) if flat else records(path),
                name="person",
                primary_key="source_id" if flat else KEY,
                write_disposition={"disposition": "merge", "strategy": "upsert"},
            )
            began = time.perf_counter()
            pipeline.run(resource, loader_file_format="csv")
            seconds.append(time.perf_counter() - began)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
