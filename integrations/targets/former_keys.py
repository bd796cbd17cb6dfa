"""The keys that people had before a run took them over, or an undoing gave them back: their history stands under those."""
# ruff: noqa: S608 - nothing but names of our own is put into a statement

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from django.db import connection as database

from integrations.models import Connection, Run
from integrations.targets.sql import CHANGE, PERSON

CONNECTION = Connection._meta.db_table
RUN = Run._meta.db_table

# The log names owner and key on both sides of each such change. A key that somebody else has by now stays: what stands
# under it is theirs as well, and goes with them.
_FORMER = f"""
WITH RECURSIVE link AS MATERIALIZED (
    SELECT line.after->>'connection' AS owner, line.after->>'source_id' AS source_id,
           was.public_id::text AS former_owner, was.id AS connection_id, line.before->>'source_id' AS former
    FROM {CONNECTION} our
    JOIN {RUN} run ON run.connection_id = our.id AND run.matched > 0
    JOIN {CHANGE} line ON line.run_id = run.id AND line.kind = 'matched'
    JOIN {CONNECTION} was ON was.company_id = our.company_id AND was.public_id::text = line.before->>'connection'
    WHERE our.company_id = (SELECT company_id FROM {CONNECTION} WHERE id = %(connection)s)
), had AS (
    SELECT now.public_id::text AS owner, now.id AS connection_id, key AS source_id
    FROM {CONNECTION} now, unnest(%(keys)s::text[]) key WHERE now.id = %(connection)s
    UNION
    SELECT link.former_owner, link.connection_id, link.former
    FROM had JOIN link ON link.owner = had.owner AND link.source_id = had.source_id
)
SELECT had.connection_id, had.source_id FROM had
WHERE had.connection_id = %(connection)s AND had.source_id = ANY(%(keys)s::text[])
   OR NOT EXISTS (SELECT FROM {PERSON} p WHERE p.connection_id = had.connection_id AND p.source_id = had.source_id)"""


def keys_ever(connection: int, keys: Collection[str]) -> Mapping[int, Collection[str]]:
    """By connection, the keys under which the people were known who have these now; these included."""
    found = defaultdict[int, list[str]](list)
    with database.cursor() as cursor:
        cursor.execute(_FORMER, {"connection": connection, "keys": list(keys)})
        for owner, key in cursor.fetchall():
            found[owner].append(key)
    return found
