"""The audit log: chains without gaps, told apart from anything that was done to them by hand."""

from __future__ import annotations

import json
import logging
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.audit.digests import digest_of, plain
from portal.audit.models import DESK, Chain, Entry
from portal.audit.services import record, tell_heads
from portal.audit.verify import first_fault
from portal.kit import clock
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request
from requests_app.services.moves import make_move
from tests.requests_app.factories import a_request, a_tl, submitted
from tests.support.people import a_company, a_user

WORDS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\x00\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def the_fault(name: str = DESK) -> str:
    fault = first_fault(Chain.objects.get(name=name))
    return str(fault) if fault else ""


def as_owner(statement: str) -> None:
    """What somebody could do who owns the table: the triggers are off meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE audit_entry DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER USER")


@pytest.fixture
def five(db: None) -> list[Entry]:
    return [record(f"test.{number}", by=None, subject=f"REQ-{number}") for number in range(1, 6)]


# --- writing ------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(details=st.dictionaries(st.text(max_size=8), WORDS, max_size=4), subject=st.text(max_size=200))
def test_an_entry_comes_back_from_the_database_with_the_digest_it_was_given(
    db: None, details: dict[str, Any], subject: str
) -> None:
    entry = record("test.round_trip", by=None, subject=subject, details=details)
    kept = Entry.objects.select_related("chain").get(pk=entry.pk)
    assert kept.details == plain(details)
    assert digest_of(kept) == bytes(kept.digest) == bytes(entry.digest)


def test_each_company_has_a_chain_of_its_own_and_the_desk_another(db: None) -> None:
    person = a_user()
    for company_id in (7, 8, 7, None):
        record("test", by=person, company_id=company_id)
    assert list(Chain.objects.order_by("name").values_list("name", "length")) == [
        ("company:7", 2),
        ("company:8", 1),
        ("desk", 1),
    ]


def test_writing_takes_three_queries_and_no_savepoint(five: list[Entry]) -> None:
    with CaptureQueriesContext(connection) as captured:
        record("test", by=None)
    assert len(captured) == 3


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_eight_who_write_at_once_leave_a_chain_without_gaps() -> None:
    def write() -> None:
        for _ in range(50):
            record("test.at_once", by=None, company_id=3)
        connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chain = Chain.objects.get(name="company:3")
    assert (chain.length, chain.entries.count()) == (400, 400)
    assert first_fault(chain) is None


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry"])
def test_the_database_refuses_to_change_or_remove(five: list[Entry], statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_a_deed_that_cannot_be_recorded_does_not_happen() -> None:
    """reliability-security.md T32."""
    req, lead = submitted(), a_tl()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'the audit log is full'; END$$;"
            "CREATE TRIGGER test_refuse BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION refuse_audit()"
        )
    try:
        events = Event.objects.count()
        with pytest.raises(DatabaseError, match="the audit log is full"):
            make_move(req, "approve", by=lead)
        assert Request.objects.get().stage == Stage.SUBMITTED
        assert Event.objects.count() == events
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER test_refuse ON audit_entry; DROP FUNCTION refuse_audit()")


# --- verifying ----------------------------------------------------------------------------------------------


def test_an_untouched_chain_is_sound(five: list[Entry]) -> None:
    assert the_fault() == ""


@pytest.mark.parametrize(
    "change",
    [
        "action = 'other'",
        "actor = 'somebody@else.example'",
        "actor_id = 99",
        "at = at + interval '1 microsecond'",
        "subject = 'REQ-9'",
        "details = '{\"a\": 1}'",
        "address = '10.0.0.1'",
        "request_id = 'another'",
        "digest = decode(repeat('00', 32), 'hex')",
    ],
)
def test_a_changed_entry_is_named(five: list[Entry], change: str) -> None:
    as_owner(f"UPDATE audit_entry SET {change} WHERE number = 3")  # noqa: S608
    assert the_fault().startswith("desk, entry 3: changed")


def test_a_removed_entry_is_missed(five: list[Entry]) -> None:
    as_owner("DELETE FROM audit_entry WHERE number = 2")
    assert the_fault().startswith("desk, entry 2: missing")


def test_swapped_entries_are_out_of_order(five: list[Entry]) -> None:
    as_owner(
        "UPDATE audit_entry SET number = CASE number WHEN 2 THEN 1003 ELSE 1002 END WHERE number IN (2, 3)"
    )
    as_owner("UPDATE audit_entry SET number = number - 1000 WHERE number > 1000")
    assert the_fault().startswith("desk, entry 2: out of order")


def test_an_entry_that_was_put_in_between_is_out_of_order(five: list[Entry]) -> None:
    as_owner("UPDATE audit_entry SET number = number + 1000 WHERE number > 2")
    as_owner("UPDATE audit_entry SET number = number - 999 WHERE number > 1000")
    chain = Chain.objects.get()
    forged = Entry(chain=chain, number=3, at=clock.now(), action="forged", previous=five[1].digest)
    forged.digest = digest_of(forged)
    forged.save()
    assert the_fault().startswith("desk, entry 4: out of order")


def test_entries_beyond_the_end_are_named(five: list[Entry]) -> None:
    forged = Entry(chain=five[0].chain, number=6, at=clock.now(), action="forged", previous=five[4].digest)
    forged.digest = digest_of(forged)
    forged.save()
    assert the_fault() == "desk, entry 6: inserted: the chain ends before it"


def test_a_chain_whose_end_was_cut_off_is_truncated(five: list[Entry]) -> None:
    as_owner("DELETE FROM audit_entry WHERE number > 3")
    assert the_fault().startswith("desk, entry 4: truncated: 5 entries were written, 3 are there")
    as_owner("TRUNCATE audit_entry")
    assert the_fault().startswith("desk, entry 1: truncated")


def test_a_head_that_was_edited_is_noticed(five: list[Entry]) -> None:
    Chain.objects.update(head=bytes(32))
    assert the_fault() == "desk, entry 5: the head differs from the last entry"


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("audit", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_what_is_wrong_and_exits_with_1(five: list[Entry]) -> None:
    record("test", by=None, company_id=7)
    assert command("verify") == "2 chains with 6 entries: nothing was changed.\n"
    as_owner("UPDATE audit_entry SET subject = 'x' WHERE number = 4")
    with pytest.raises(CommandError, match="desk, entry 4: changed") as refused:
        command("verify")
    assert refused.value.returncode == 1
    assert "1 chains" in command("verify", "--chain", "company:7")
    with pytest.raises(CommandError, match="no chain"):
        command("verify", "--chain", "company:8")


def test_heads_that_were_kept_elsewhere_show_a_log_that_was_cut_and_sealed_again(
    five: list[Entry], tmp_path: Path
) -> None:
    kept = tmp_path / "heads"
    kept.write_text(command("head"))
    assert kept.read_text() == f"desk 5 {bytes(five[4].digest).hex(':', 4)}\n"
    record("test", by=None)
    command("verify", "--against", str(kept))
    as_owner("DELETE FROM audit_entry WHERE number > 3")
    Chain.objects.update(length=3, head=five[2].digest)
    command("verify")
    with pytest.raises(CommandError, match="desk, entry 5: truncated"):
        command("verify", "--against", str(kept))
    for _ in range(2):
        record("test.instead", by=None)
    with pytest.raises(CommandError, match="desk, entry 5: rewritten"):
        command("verify", "--against", str(kept))
    kept.write_text("nonsense")
    with pytest.raises(CommandError, match="not what `audit head` printed"):
        command("verify", "--against", str(kept))


def test_the_heads_are_told_once_a_day(five: list[Entry], caplog: pytest.LogCaptureFixture) -> None:
    record("test", by=None, company_id=a_company().pk)
    head = command("head").splitlines()
    with caplog.at_level(logging.INFO, logger="portal.audit.services"):
        tell_heads()
        tell_heads()
    assert [line.removeprefix("audit head ") for line in caplog.messages] == head
    told = Entry.objects.get(action="audit.heads")
    assert told.details["chains"] == 2
    assert the_fault() == ""


def test_a_move_is_recorded_with_its_request(db: None) -> None:
    req = a_request()
    make_move(req, "send_to_customer", by=req.owner)
    entry = Entry.objects.get(action__contains="send_to_customer")
    assert (entry.subject, entry.actor) == (str(req), req.owner.email)
    assert entry.chain.name == f"company:{req.company_id}"
    assert "password" not in json.dumps(entry.details)
