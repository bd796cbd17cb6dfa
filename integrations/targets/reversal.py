"""The writes of an undoing that differ from person to person: values, and owners. Many people at once."""
# ruff: noqa: S608 - nothing but names of our own is put into a statement

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson
from django.db import connection as database

from integrations.models import Connection
from integrations.people import ATTRIBUTES
from integrations.targets.sql import CHANGE, NO_DIGEST, PERSON

CONNECTION = Connection._meta.db_table

_ASSIGNMENTS = ", ".join(f"{name} = coalesce(line.after->>'{name}', p.{name})" for name in ATTRIBUTES)

# The sum keeps the planner from the index of the connection: without statistics it would be quadratic.
_PUT_BACK = f"""
UPDATE {PERSON} p SET {_ASSIGNMENTS}, raw_digest = '{NO_DIGEST}', updated_at = now()
FROM jsonb_to_recordset(%(lines)s::jsonb) AS line(id bigint, after jsonb)
WHERE p.id = line.id AND p.connection_id + 0 = %(connection)s"""


def put_back(connection: int, values: Iterable[tuple[int, Mapping[str, str]]]) -> int:
    """`values` are keys of people with the attributes that change; also none, to be read afresh. Returns how many."""
    lines = [{"id": pk, "after": dict(after)} for pk, after in values]
    with database.cursor() as cursor:
        cursor.execute(_PUT_BACK, {"connection": connection, "lines": orjson.dumps(lines).decode()})
        return int(cursor.rowcount)


_HAND_BACK = f"""
UPDATE {PERSON} p SET connection_id = owner.id, source_id = line.after->>'source_id', updated_at = now()
FROM {CHANGE} line JOIN {CONNECTION} owner ON owner.public_id = (line.after->>'connection')::uuid
WHERE line.run_id = %(run)s AND line.kind = 'matched'
  AND p.connection_id = %(connection)s AND p.source_id = line.source_id"""


def hand_back(connection: int, run: int) -> int:
    """People to the connection, and under the key there, that the log of the run `run` names. Returns how many."""
    with database.cursor() as cursor:
        cursor.execute(_HAND_BACK, {"connection": connection, "run": run})
        return int(cursor.rowcount)
