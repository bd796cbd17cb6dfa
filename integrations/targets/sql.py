"""The statements of the directory. Table and column names are constants; every value is a parameter.

How they must look, and which traps they avoid: performance.md §3 and §9.
"""
# ruff: noqa: S608 - nothing but names of our own is put into a statement

from __future__ import annotations

from integrations.models import Change, DirectoryPerson, Problem, Seen, Staged
from integrations.people import ATTRIBUTES

PERSON = DirectoryPerson._meta.db_table
CHANGE = Change._meta.db_table
SEEN = Seen._meta.db_table
STAGED = Staged._meta.db_table
PROBLEM = Problem._meta.db_table

# The digest of nobody's record: whoever left by being absent is read afresh on coming back.
NO_DIGEST = "00000000-0000-0000-0000-000000000000"

_COLUMNS = ", ".join(ATTRIBUTES)
_VALUES = ", ".join(f"coalesce(person->'after'->>'{name}', '')" for name in ATTRIBUTES)
_ASSIGNMENTS = ", ".join(
    f"{name} = coalesce(line.person->'after'->>'{name}', p.{name})" for name in ATTRIBUTES
)

# No key of ours holds a control character. One text is quoted far faster than a list of a thousand.
SEPARATOR = "\x1f"


def _list(name: str) -> str:
    return f"string_to_array(%({name})s, chr({ord(SEPARATOR)}))"


IS_EMPTY = f"SELECT NOT EXISTS (SELECT FROM {PERSON} WHERE connection_id = %(connection)s)"

# A batch has at most some thousand keys: each is one look-up in the index, whatever the statistics say.
ONE_BY_ONE = """
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_seqscan', 'off', true)"""

# A plain INSERT takes half of what ON CONFLICT DO NOTHING takes; a repeated key is the exception.
NOTE_KEYS = f"INSERT INTO {SEEN} (run_id, source_id) SELECT %(run)s, unnest({_list('keys')})"
NOTED = f"SELECT source_id FROM {SEEN} WHERE run_id = %(run)s AND source_id = ANY({_list('keys')})"

DIFFERING = f"""
SELECT page.source_id, p.state, p.protected OR p.kept <> '', {", ".join(f"p.{name}" for name in ATTRIBUTES)}
FROM unnest({_list("keys")}, {_list("digests")}::uuid[]) AS page(source_id, digest)
LEFT JOIN {PERSON} p ON p.connection_id = %(connection)s AND p.source_id = page.source_id
WHERE p.raw_digest IS DISTINCT FROM page.digest"""

STAGE = f"COPY {STAGED} (run_id, source_id, person) FROM STDIN"
REPORT = f"COPY {PROBLEM} (run_id, source_id, person_name, code, field, shape) FROM STDIN"

WORK = f"""
SELECT (SELECT count(*) FROM {SEEN} WHERE run_id = %(run)s),
       (SELECT count(*) FROM {STAGED} WHERE run_id = %(run)s)"""

ANALYSE = (f"ANALYZE (SKIP_LOCKED) {SEEN} (run_id, source_id)", f"ANALYZE (SKIP_LOCKED) {STAGED} (run_id)")

# Without statistics a nested loop looks cheap and is quadratic. Compiling costs more than these statements.
IN_BULK = """
SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true),
       set_config('work_mem', '32MB', true)"""

OWNED = f"SELECT count(*) FROM {PERSON} WHERE connection_id = %(connection)s AND state = 'active'"

PLAN_ABSENT = f"""
INSERT INTO {STAGED} (run_id, source_id, person)
SELECT %(run)s, p.source_id, jsonb_build_object(
    'kind', 'deactivated', 'digest', '{NO_DIGEST}',
    'name', coalesce(nullif(btrim(p.first_name || ' ' || p.last_name), ''), p.email),
    'before', jsonb_build_object('status', 'active'), 'after', jsonb_build_object('status', 'absent'))
FROM {PERSON} p
WHERE p.connection_id = %(connection)s AND p.state = 'active'
  AND NOT EXISTS (SELECT FROM {SEEN} s WHERE s.run_id = %(run)s AND s.source_id = p.source_id)"""

COUNT_BY_KIND = f"SELECT person->>'kind', count(*) FROM {STAGED} WHERE run_id = %(run)s GROUP BY 1"

DROP_REMOVALS = f"DELETE FROM {STAGED} WHERE run_id = %(run)s AND person->>'kind' = 'deactivated'"

ADD = f"""
INSERT INTO {PERSON} (company_id, connection_id, source_id, raw_digest, {_COLUMNS})
SELECT %(company)s, %(connection)s, source_id, (person->>'digest')::uuid, {_VALUES}
FROM {STAGED} WHERE run_id = %(run)s AND person->>'kind' = 'added'"""

_LINES = f"""
FROM {STAGED} line
WHERE line.run_id = %(run)s AND line.person->>'kind' = %(kind)s
  AND p.connection_id = %(connection)s AND p.source_id = line.source_id"""

CHANGE_PEOPLE = f"""
UPDATE {PERSON} p SET {_ASSIGNMENTS}, state = 'active', deactivated_at = NULL,
       raw_digest = (line.person->>'digest')::uuid, updated_at = now() {_LINES}"""

DEACTIVATE = f"""
UPDATE {PERSON} p SET state = 'deactivated', deactivated_at = now(),
       raw_digest = (line.person->>'digest')::uuid, updated_at = now() {_LINES}"""

REFRESH = f"UPDATE {PERSON} p SET raw_digest = (line.person->>'digest')::uuid {_LINES}"

LOG_CHANGES = f"""
INSERT INTO {CHANGE} (run_id, source_id, person_name, kind, before, after)
SELECT %(run)s, source_id, person->>'name', person->>'kind', person->'before', person->'after'
FROM {STAGED} WHERE run_id = %(run)s AND person->>'kind' <> 'refreshed'"""

CLEAR = (f"DELETE FROM {SEEN} WHERE run_id = %(run)s", f"DELETE FROM {STAGED} WHERE run_id = %(run)s")
FORGET_PROBLEMS = f"DELETE FROM {PROBLEM} WHERE run_id = %(run)s"
