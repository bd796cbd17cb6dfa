"""The statements of reading people and of writing them. Table and column names are constants; every value is a parameter.

How they must look, and which traps they avoid: performance.md §3 and §9.
"""
# ruff: noqa: S608 - nothing but names of our own is put into a statement

from __future__ import annotations

from integrations.models import Change, DirectoryPerson, Problem, Seen, Staged, StagedMember
from integrations.people import ATTRIBUTES

PERSON = DirectoryPerson._meta.db_table
CHANGE = Change._meta.db_table
SEEN = Seen._meta.db_table
STAGED = Staged._meta.db_table
STAGED_MEMBER = StagedMember._meta.db_table
PROBLEM = Problem._meta.db_table

# The digest of nobody's record: whoever left by being absent is read afresh on coming back.
NO_DIGEST = "00000000-0000-0000-0000-000000000000"

_COLUMNS = ", ".join(ATTRIBUTES)
_VALUES = ", ".join(f"coalesce(after->>'{name}', '')" for name in ATTRIBUTES)
ASSIGNMENTS = ", ".join(f"{name} = coalesce(line.after->>'{name}', p.{name})" for name in ATTRIBUTES)

# No key of ours holds a control character. One text is quoted far faster than a list of a thousand.
SEPARATOR = "\x1f"


def listed(name: str) -> str:
    """The parameter `name`, keys joined with SEPARATOR, as an array."""
    return split(f"%({name})s")


def split(joined: str) -> str:
    """Such a text as an array."""
    return f"string_to_array({joined}, chr({ord(SEPARATOR)}))"


IS_EMPTY = f"SELECT NOT EXISTS (SELECT FROM {PERSON} WHERE connection_id = %(connection)s)"

# A batch has at most some thousand keys: each is one look-up in the index, whatever the statistics say.
ONE_BY_ONE = """
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_material', 'off', true)"""

# A row for each batch: one for each person would be most of what a run without changes writes.
NOTE_KEYS = (
    f"INSERT INTO {SEEN} (run_id, place, people, keys) VALUES (%(run)s, %(place)s, %(people)s, %(keys)s)"
)
KEYS = f"SELECT place, unnest({split('keys')}) AS source_id FROM {SEEN} WHERE run_id = %(run)s"

# The batch that brought a person first counts; what later ones say of them leaves the plan.
REPEATED = f"""
WITH repeated AS (
    SELECT source_id, min(place) AS place, count(*) - 1 AS times FROM ({KEYS}) key
    GROUP BY source_id HAVING count(*) > 1
), dropped AS (
    DELETE FROM {STAGED} line USING repeated
    WHERE line.run_id = %(run)s AND line.source_id = repeated.source_id AND line.place > repeated.place
    RETURNING line.kind
), told AS (
    INSERT INTO {PROBLEM} (run_id, source_id, person_name, code, field, shape)
    SELECT %(run)s, source_id, '', %(code)s, '', '' FROM repeated, generate_series(1, times)
)
SELECT coalesce((SELECT sum(times) FROM repeated), 0),
       (SELECT count(*) FROM dropped WHERE kind <> 'refreshed')"""

# OFFSET keeps the look-up where it is: before anybody has counted the people, reading all of them looks cheaper.
DIFFERING = f"""
SELECT page.source_id, p.state, p.protected, p.kept,
       {", ".join(f"p.{name}" for name in ATTRIBUTES)}
FROM unnest({listed("keys")}, {listed("digests")}::uuid[]) AS page(source_id, digest)
LEFT JOIN LATERAL (
    SELECT * FROM {PERSON} one WHERE one.connection_id = %(connection)s AND one.source_id = page.source_id OFFSET 0
) p ON true
WHERE p.raw_digest IS DISTINCT FROM page.digest"""

STAGE = f"""
COPY {STAGED} (run_id, place, source_id, kind, person_name, digest, belongs, before, after) FROM STDIN"""
REPORT = f"COPY {PROBLEM} (run_id, source_id, person_name, code, field, shape) FROM STDIN"

WORK = f"""
SELECT (SELECT coalesce(sum(people), 0) FROM {SEEN} WHERE run_id = %(run)s),
       (SELECT count(*) FROM {STAGED} WHERE run_id = %(run)s)"""

ANALYSE = f"ANALYZE (SKIP_LOCKED) {STAGED} (run_id)"

# Without statistics a nested loop looks cheap and is quadratic. Compiling costs more than these statements.
# What ONE_BY_ONE took away is given back: where both are in one transaction, nothing would be left to choose.
IN_BULK = """
SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true), set_config('work_mem', '32MB', true),
       set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true),
       set_config('enable_seqscan', 'on', true), set_config('enable_material', 'on', true)"""

# Of few lines each is one look-up; to join them, everybody would be read for each statement.
IN_SMALL = "SELECT set_config('enable_nestloop', 'on', true)"

# How many are active, and whether anybody is kept although they were missing.
OWNED = f"""
SELECT count(*) FILTER (WHERE state = 'active'), coalesce(bool_or(kept = 'absent'), false)
FROM {PERSON} WHERE connection_id = %(connection)s"""

_MISSING = f"""
FROM {PERSON} p
WHERE p.connection_id = %(connection)s AND p.state = 'active'
  AND NOT EXISTS (SELECT FROM ({KEYS}) key WHERE key.source_id = p.source_id)"""
MISSING = f"SELECT count(*) {_MISSING}"

PLAN_ABSENT = f"""
INSERT INTO {STAGED} (run_id, place, source_id, kind, person_name, digest, belongs, before, after)
SELECT %(run)s, 0, p.source_id, 'deactivated',
       left(coalesce(nullif(btrim(p.first_name || ' ' || p.last_name), ''), p.email), 250), '{NO_DIGEST}', false,
       jsonb_build_object('status', 'active'), jsonb_build_object('status', 'absent')
{_MISSING} AND NOT p.protected AND p.kept <> 'absent'"""

COUNT_BY_KIND = f"""
SELECT kind, CASE WHEN kind = 'deactivated' THEN after->>'status' ELSE '' END, count(*)
FROM {STAGED} WHERE run_id = %(run)s GROUP BY 1, 2"""

DROP_REMOVALS = f"DELETE FROM {STAGED} WHERE run_id = %(run)s AND kind = 'deactivated'"

# Somebody rejected their removal because they were missing; now they are listed again.
SEEN_AGAIN = f"""
UPDATE {PERSON} p SET kept = '' FROM ({KEYS}) key
WHERE p.connection_id = %(connection)s AND p.kept = 'absent' AND key.source_id = p.source_id"""

ADD = f"""
INSERT INTO {PERSON} (company_id, connection_id, source_id, raw_digest, {_COLUMNS})
SELECT %(company)s, %(connection)s, source_id, digest, {_VALUES}
FROM {STAGED} WHERE run_id = %(run)s AND kind = 'added'"""

_LINES = f"""
FROM {STAGED} line
WHERE line.run_id = %(run)s AND line.kind = %(kind)s
  AND p.connection_id = %(connection)s AND p.source_id = line.source_id"""

# Whoever does not belong in any more is here because somebody, or the policy, decided so: that lasts.
CHANGE_PEOPLE = f"""
UPDATE {PERSON} p SET {ASSIGNMENTS}, state = 'active', deactivated_at = NULL, left_because = '',
       kept = CASE WHEN line.belongs THEN '' ELSE p.kept END,
       edited_at = NULL, raw_digest = line.digest, updated_at = now() {_LINES}"""

DEACTIVATE = f"""
UPDATE {PERSON} p SET state = 'deactivated', deactivated_at = now(), left_because = line.after->>'status',
       raw_digest = line.digest, updated_at = now() {_LINES}"""

REFRESH = f"""
UPDATE {PERSON} p SET raw_digest = line.digest,
       kept = CASE WHEN line.belongs THEN '' ELSE p.kept END,
       edited_at = CASE WHEN line.belongs THEN NULL ELSE p.edited_at END {_LINES}"""

LOG_CHANGES = f"""
INSERT INTO {CHANGE} (run_id, source_id, person_name, kind, before, after)
SELECT %(run)s, source_id, person_name, kind, before, after
FROM {STAGED} WHERE run_id = %(run)s AND kind <> 'refreshed'"""

CLEAR = tuple(f"DELETE FROM {table} WHERE run_id = %(run)s" for table in (SEEN, STAGED, STAGED_MEMBER))
FORGET_PROBLEMS = f"DELETE FROM {PROBLEM} WHERE run_id = %(run)s"
