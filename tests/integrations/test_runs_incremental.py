"""Runs that read only who changed: cheap, and never a reason to miss anybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from integrations.models import Connection, Held, RunKind, RunOutcome
from integrations.provider import Cursor, Page, Settings
from integrations.services.runs import prepared
from integrations.services.starts import start_run
from integrations.sources.changes import Since
from integrations.sources.rest import RestSource
from portal.kit.http import Http
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records

pytestmark = pytest.mark.django_db


@dataclass
class Changes:
    """What changed, and since when it was asked for."""

    people: list[dict[str, Any]]
    asked: list[str] = field(default_factory=list)
    complete: bool = True

    def changed(
        self, http: Http, settings: Settings, since: str, cursor: Cursor | None = None
    ) -> Iterator[Page]:
        self.asked.append(since)
        yield Page(tuple(self.people), None if self.complete else {"at": 1})

    def watermark(self, began: datetime) -> str:
        return began.isoformat()


class Never(ListSource):
    """Whoever reads everybody is wrong."""

    def pages(self, *parts: Any, **more: Any) -> Iterator[Page]:
        raise AssertionError("everybody was read")


def test_only_the_changed_are_read_and_nobody_is_missed(sync: Syncer, connection: Connection) -> None:
    sync(ListSource(records(20)), incremental=Changes([]))
    mark, full = connection.watermark, connection.full_pass_at
    assert mark
    assert full
    changes = Changes([record("k00000", first="Renamed"), record("k00001", status="terminated")])
    run = sync(Never([]), RunKind.INCREMENTAL, incremental=changes)
    assert (run.kind, run.outcome, run.changed, run.deactivated) == ("incremental", RunOutcome.APPLIED, 1, 1)
    assert changes.asked == [mark]
    assert connection.watermark > mark
    assert connection.full_pass_at == full


def test_nobody_changed_is_a_good_answer(sync: Syncer, connection: Connection) -> None:
    sync(ListSource(records(20)), incremental=Changes([]))
    run = sync(Never([]), RunKind.INCREMENTAL, incremental=Changes([]))
    assert (run.outcome, run.change_total, run.objections) == (RunOutcome.APPLIED, 0, [])


def test_a_broken_list_of_changes_moves_no_watermark(sync: Syncer, connection: Connection) -> None:
    sync(ListSource(records(20)), incremental=Changes([]))
    mark = connection.watermark
    changes = Changes([record("k00000", first="Renamed")], complete=False)
    run = sync(Never([]), RunKind.INCREMENTAL, incremental=changes)
    assert (run.outcome, run.change_total, connection.watermark) == (RunOutcome.HELD, 0, mark)


def test_without_a_watermark_everybody_is_read(sync: Syncer, connection: Connection) -> None:
    run = sync(ListSource(records(20)), RunKind.INCREMENTAL, incremental=Changes([]))
    assert (run.kind, run.added) == (RunKind.SCHEDULED, 20)
    assert connection.watermark


def test_removals_that_wait_stay_unless_their_people_were_among_the_changed(
    sync: Syncer, connection: Connection
) -> None:
    sync(ListSource(records(20)), incremental=Changes([]))
    held = sync(ListSource(records(13)), incremental=Changes([]))
    assert held.held_people.filter(state="waiting").count() == 7
    sync(Never([]), RunKind.INCREMENTAL, incremental=Changes([record("k00019")]))
    assert held.held_people.filter(state="waiting").count() == 6
    assert (connection.state, connection.reason_code) == ("degraded", "too_many_removals")
    sync(Never([]), RunKind.INCREMENTAL, incremental=Changes(records(20)))
    assert connection.state == "connected"


def test_a_run_asks_for_what_its_rules_use_and_no_more_also_where_only_changes_are_read(
    connection: Connection,
) -> None:
    connection.provider_slug, connection.declined = "personio", ["department", "location"]
    connection.save()
    sync = prepared(start_run(connection, kind=RunKind.INCREMENTAL))
    assert isinstance(sync.source, RestSource)
    assert sync.source.fields.keys() == connection.rules.fields - {"status"}
    assert not sync.source.fields.keys() & {"department", "location", "preferred_name"}
    assert isinstance(sync.incremental, Since)
    assert sync.incremental.source is sync.source


def test_held_removals_do_not_slip_through_in_the_small_parts_of_later_news(
    sync: Syncer, connection: Connection
) -> None:
    sync(ListSource(records(20)), incremental=Changes([]))
    gone = [record(f"k{number:05}", status="terminated") for number in range(8)]
    for part in (gone, gone[:5], gone[5:], gone[:1]):
        run = sync(Never([]), RunKind.INCREMENTAL, incremental=Changes(part))
        assert (run.outcome, run.held, run.deactivated) == (RunOutcome.HELD, len(part), 0)
    assert Held.objects.filter(state="waiting").count() == 8
