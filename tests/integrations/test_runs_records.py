"""What a run leaves behind about itself: seconds by stage, its requests, and fields that never came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations import catalog
from integrations.models import Asked, Connection, Problem, RunKind
from integrations.provider import Page
from integrations.services import batches
from integrations.services.request_log import MOST, RequestLog
from portal.kit.errors import NeedsPerson
from portal.sandbox import credentials
from portal.sandbox.server import Running
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records

pytestmark = pytest.mark.django_db


def missing_fields(connection: Connection) -> set[str]:
    run = connection.runs.latest("pk")
    rows = Problem.objects.filter(run=run, code="field_never_sent")
    assert run.problem_count == Problem.objects.filter(run=run).count()
    return set(rows.values_list("field", flat=True))


def test_a_run_tells_where_its_time_went(sync: Syncer) -> None:
    run = sync(ListSource(records(5)))
    assert set(run.timings) == {"testing", "reading", "comparing", "applying", "groups", "invitations"}
    assert all(seconds >= 0 for seconds in run.timings.values())


def test_requests_are_on_the_runs_page_without_secrets(
    sync: Syncer, connection: Connection, sandbox: Running
) -> None:
    given = credentials.CREDENTIALS["personio"]
    source = catalog.get("personio").source
    assert source is not None
    run = sync(source, settings=given)
    assert run.added > 0
    asked = list(Asked.objects.filter(run=run))
    assert len(asked) >= 2
    assert {one.status for one in asked} == {200}
    assert all(one.address.startswith("https://api.personio.de/") and one.size > 0 for one in asked)
    told = " ".join(f"{one.address} {one.words}" for one in asked)
    assert not any(value in told for value in given.values())


def test_requests_of_a_run_that_failed_are_kept(sync: Syncer, sandbox: Running) -> None:
    source = catalog.get("personio").source
    assert source is not None
    run = sync(source, settings={**credentials.CREDENTIALS["personio"], "client_secret": "wrong"})
    assert run.failure_code == "wrong_credentials"
    assert Asked.objects.filter(run=run).exists()


def test_a_long_run_keeps_a_bounded_number_of_requests(sync: Syncer) -> None:
    run = sync(ListSource(records(5)))
    log = RequestLog.of(run)
    for _ in range(MOST + 20):
        log.note({"method": "GET", "host": "api.example.com", "path": "/people", "query": "page", "ms": 1})
    log.write()
    log.note({"method": "GET"})
    log.write()
    assert Asked.objects.filter(run=run).count() == MOST
    assert RequestLog.of(run).kept == MOST


def test_a_mapped_field_that_nobody_has_is_a_warning(
    sync: Syncer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_PEOPLE", 10)
    connection.mapping = {"city": "custom.town", "office": "custom.office"}
    connection.save()
    late: list[dict[str, Any]] = [*records(30), record("last", **{"custom.town": "Riga"})]

    class Broken(ListSource):
        """Breaks off in mid-list once, so that the rest is another step's."""

        def pages(self, *parts: Any, **more: Any) -> Iterator[Page]:
            for number, page in enumerate(super().pages(*parts, **more)):
                if number == 2 and not parts[2]:
                    raise NeedsPerson("Again.", code="again")
                yield page

    sync(Broken(late), RunKind.FIRST)
    assert {"custom.town", "custom.office"} <= missing_fields(connection)
    sync(ListSource(late), RunKind.FIRST)
    assert "custom.office" in missing_fields(connection)
    assert "custom.town" not in missing_fields(connection)
    sync(ListSource(late))
    assert missing_fields(connection) == set()
