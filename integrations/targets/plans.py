"""Plans as rows: kept to be looked at, compared with what was confirmed, and the removals that wait for a person."""
# ruff: noqa: S608 - nothing but names of our own is put into a statement

from __future__ import annotations

import orjson
from django.db import connection as database

from integrations.engine.plan import Summary, summarise
from integrations.models import Held, Planned
from integrations.targets.directory import Directory
from integrations.targets.sql import KEYS, PERSON, PROBLEM, STAGED

PLANNED = Planned._meta.db_table
HELD = Held._meta.db_table

_LINES = f"FROM {STAGED} WHERE run_id = %(run)s AND kind <> 'refreshed'"

_KEEP = f"""
INSERT INTO {PLANNED} (run_id, source_id, person_name, kind, before, after)
SELECT %(run)s, source_id, person_name, kind, before, after {_LINES}"""

_READ = f"SELECT source_id, kind, after {_LINES}"

_DIFFERENT = f"""
SELECT count(*)
FROM (SELECT source_id, kind, after {_LINES}) now
FULL JOIN (SELECT source_id, kind, after FROM {PLANNED} WHERE run_id = %(plan)s) was USING (source_id)
WHERE (now.kind, now.after) IS DISTINCT FROM (was.kind, was.after)"""

_SUPERSEDE = f"""
UPDATE {HELD} held SET state = 'superseded' FROM {PERSON} p
WHERE held.state = 'waiting' AND p.id = held.person_id AND p.connection_id = %(connection)s"""
_SUPERSEDE_SEEN = f"""{_SUPERSEDE}
  AND EXISTS (SELECT FROM ({KEYS}) key WHERE key.source_id = p.source_id)"""

_WAITING_UNSEEN = f"""
SELECT count(*) FROM {HELD} held JOIN {PERSON} p ON p.id = held.person_id
WHERE held.state = 'waiting' AND p.connection_id = %(connection)s AND p.state = 'active'
  AND NOT EXISTS (SELECT FROM ({KEYS}) key WHERE key.source_id = p.source_id)"""

_HOLD = f"""
INSERT INTO {HELD} (run_id, person_id, why)
SELECT %(run)s, p.id, line.after->>'status'
FROM {STAGED} line JOIN {PERSON} p ON p.connection_id = %(connection)s AND p.source_id = line.source_id
WHERE line.run_id = %(run)s AND line.kind = 'deactivated'"""

# A manager counts who is here and stays, or comes in with this very run.
_UNKNOWN_MANAGERS = f"""
INSERT INTO {PROBLEM} (run_id, source_id, person_name, code, field, shape)
SELECT %(run)s, line.source_id, line.person_name, 'manager_unknown', 'manager_id',
       length(line.after->>'manager_id') || ' characters'
FROM {STAGED} line
WHERE line.run_id = %(run)s AND line.kind <> 'deactivated'
  AND coalesce(line.after->>'manager_id', '') <> ''
  AND NOT EXISTS (SELECT FROM {PERSON} p WHERE p.connection_id = %(connection)s AND p.state = 'active'
                  AND p.source_id = line.after->>'manager_id'
                  AND NOT EXISTS (SELECT FROM {STAGED} going WHERE going.run_id = %(run)s
                                  AND going.source_id = p.source_id AND going.kind = 'deactivated' AND %(removes)s))
  AND NOT EXISTS (SELECT FROM {STAGED} other WHERE other.run_id = %(run)s
                  AND other.source_id = line.after->>'manager_id'
                  AND other.kind IN ('added', 'matched', 'returned'))"""


def keep(directory: Directory) -> None:
    """Stores the lines of the plan, so that people can look at it."""
    directory.execute(_KEEP)


def summary(directory: Directory) -> Summary:
    """Counts and digest of the plan. Memory does not grow with it. Belongs into a transaction."""
    with database.chunked_cursor() as cursor:
        cursor.execute(_READ, directory.values())
        return summarise((source_id, kind, orjson.loads(after)) for source_id, kind, after in cursor)


def different(directory: Directory, plan: int) -> int:
    """How many people the plan of this run treats otherwise than the stored plan of the run `plan`."""
    return int(directory.row(_DIFFERENT, plan=plan)[0])


def supersede(directory: Directory, *, only_seen: bool) -> None:
    """Removals that still wait for a decision are asked afresh, or not at all. `only_seen`: not everybody was read."""
    directory.execute(_SUPERSEDE_SEEN if only_seen else _SUPERSEDE)


def waiting_unseen(directory: Directory) -> int:
    """Removals of earlier runs that wait for a decision, of people whom this run did not read."""
    return int(directory.row(_WAITING_UNSEEN)[0])


def hold(directory: Directory) -> int:
    """Lists the removals of the plan by person for a decision. Returns how many; dropping them is another call."""
    return directory.execute(_HOLD)


def report_unknown_managers(directory: Directory, *, removes: bool) -> int:
    """A problem for each line whose manager is nobody of this connection. Returns how many.

    `removes` False: the removals are held, so whoever would leave stays.
    """
    return directory.execute(_UNKNOWN_MANAGERS, removes=removes)
