"""The timeline and the history cannot be changed, not even by hand."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from requests_app.models import AnswerChange, Event, Request
from tests.requests_app.factories import a_request

TABLES = ("requests_app_event", "requests_app_answerchange")


def refused(statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_neither_changed_nor_deleted(db: None, table: str) -> None:
    a_request()
    refused(f"UPDATE {table} SET at = now()")  # noqa: S608
    refused(f"DELETE FROM {table}")  # noqa: S608 - a name of ours


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_are_not_emptied(db: None, table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_no_truncate")
    refused(f"TRUNCATE {table}")
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_truncate")


def test_the_orm_cannot_rewrite_them_either(db: None) -> None:
    a_request()
    for row in (Event.objects.first(), AnswerChange.objects.first()):
        assert row is not None
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            row.save()


def test_self_approval_is_refused_by_the_database_itself(db: None) -> None:
    req = a_request()
    with pytest.raises(IntegrityError, match="request_four_eyes"), transaction.atomic():
        Request.objects.filter(pk=req.pk).update(decided_by=req.filed_by)


def test_a_stage_that_the_table_does_not_know_is_refused_by_the_database(db: None) -> None:
    req = a_request()
    with pytest.raises(IntegrityError, match="request_stage_known"), transaction.atomic():
        Request.objects.filter(pk=req.pk).update(stage="nirvana")
