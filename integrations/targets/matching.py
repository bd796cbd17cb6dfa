"""The statements about people whom others may know already: one address twice, and people who were there before.

All of them work on the lines of one run; lines that cannot be decided leave the plan and become problems.
"""
# ruff: noqa: S608 - nothing but names of our own is put into a statement

from __future__ import annotations

from integrations.models import Connection, Match
from integrations.people import ATTRIBUTES, REMOVED_DOMAIN
from integrations.targets.sql import ASSIGNMENTS, PERSON, PROBLEM, STAGED

CONNECTION = Connection._meta.db_table
MATCH = Match._meta.db_table

# Two never decide about one address of a company at the same time. A run can wait longer than a page.
_ALONE = "pg_advisory_xact_lock(hashtext('people of a company'), %(company)s::int)"
ONE_AT_A_TIME = f"SELECT set_config('lock_timeout', '120s', true), {_ALONE}"
ONE_AT_A_TIME_ON_A_PAGE = f"SELECT {_ALONE}"

# Whether this company has other connections with people: live ones, and ended ones.
NEIGHBOURS = f"""
SELECT coalesce(bool_or(c.state <> 'disconnected'), false), coalesce(bool_or(c.state = 'disconnected'), false)
FROM {CONNECTION} c
WHERE c.company_id = %(company)s AND c.id <> %(connection)s
  AND EXISTS (SELECT FROM {PERSON} p WHERE p.connection_id = c.id)"""

# The addresses that lines of this run bring. Whoever is in already goes before somebody new.
_FRESH = f"""
fresh AS (
    SELECT id, source_id, kind, after->>'email' AS email
    FROM {STAGED}
    WHERE run_id = %(run)s AND kind IN ('added', 'changed', 'matched') AND after ? 'email'
    UNION ALL
    SELECT line.id, line.source_id, 'returned', coalesce(line.after->>'email', p.email)
    FROM {STAGED} line
    JOIN {PERSON} p ON p.connection_id = %(connection)s AND p.source_id = line.source_id
    WHERE line.run_id = %(run)s AND line.kind = 'returned'
)"""


def _dropped(code: str) -> str:
    """Takes the lines in `wrong` out of the plan and reports each."""
    return f"""
dropped AS (
    DELETE FROM {STAGED} line USING wrong
    WHERE line.run_id = %(run)s AND line.source_id = wrong.source_id
    RETURNING line.source_id, line.person_name
)
INSERT INTO {PROBLEM} (run_id, source_id, person_name, code, field, shape)
SELECT %(run)s, source_id, person_name, '{code}', 'email', '' FROM dropped"""


TWICE = f"""
WITH {_FRESH}, wrong AS (
    SELECT source_id FROM (
        SELECT source_id, row_number() OVER (PARTITION BY email ORDER BY kind = 'added', id) AS place FROM fresh
        WHERE email IN (SELECT email FROM fresh GROUP BY email HAVING count(*) > 1)
    ) one WHERE place > 1
), {_dropped("duplicate_email")}"""

# Of somebody of ours who stays. Asked until nobody is found: whoever is refused keeps what another one wanted.
TAKEN = f"""
WITH {_FRESH}, wrong AS (
    SELECT DISTINCT fresh.source_id FROM fresh
    JOIN {PERSON} p ON p.company_id = %(company)s AND lower(p.email) = fresh.email
    WHERE p.connection_id = %(connection)s AND p.state = 'active' AND p.source_id <> fresh.source_id
      AND NOT EXISTS (SELECT FROM {STAGED} other WHERE other.run_id = %(run)s AND other.source_id = p.source_id
                      AND (other.kind = 'deactivated' OR other.after ? 'email'))
      AND NOT EXISTS (SELECT FROM {STAGED} line WHERE line.run_id = %(run)s AND line.match_id = p.id
                      AND line.after ? 'email')
), {_dropped("duplicate_email")}"""

ELSEWHERE = f"""
WITH {_FRESH}, wrong AS (
    SELECT DISTINCT fresh.source_id FROM fresh
    JOIN {PERSON} p ON p.company_id = %(company)s AND lower(p.email) = fresh.email
    JOIN {CONNECTION} c ON c.id = p.connection_id AND c.id <> %(connection)s AND c.state <> 'disconnected'
    WHERE p.state = 'active'
), {_dropped("owned_elsewhere")}"""

# Of somebody of an ended connection: whom nobody takes over keeps the account, and the address with it.
STILL_THERE = f"""
WITH {_FRESH}, wrong AS (
    SELECT DISTINCT fresh.source_id FROM fresh
    JOIN {PERSON} p ON p.company_id = %(company)s AND lower(p.email) = fresh.email
    JOIN {CONNECTION} c ON c.id = p.connection_id AND c.id <> %(connection)s AND c.state = 'disconnected'
    WHERE p.state = 'active'
      AND NOT EXISTS (SELECT FROM {STAGED} line WHERE line.run_id = %(run)s AND line.match_id = p.id
                      AND line.after ? 'email')
      AND NOT EXISTS (SELECT FROM {MATCH} m WHERE m.connection_id = %(connection)s
                      AND m.source_id = fresh.source_id AND m.decided_at IS NOT NULL)
), {_dropped("duplicate_email")}"""

# People of an ended connection may be taken over; so may whoever is out, here or in a system that the company has beside
# this one, and people of ours who go with this very run.
_WAS_HERE = f"""
    JOIN {CONNECTION} c ON c.id = p.connection_id
    WHERE p.company_id = %(company)s AND c.id <> %(connection)s AND c.state = 'disconnected'"""
_IS_OUT = f"""
    JOIN {CONNECTION} c ON c.id = p.connection_id AND c.state <> 'disconnected'
    WHERE p.company_id = %(company)s AND (p.state = 'deactivated' OR c.id = %(connection)s AND EXISTS (
        SELECT FROM {STAGED} going WHERE going.run_id = %(run)s AND going.source_id = p.source_id
        AND going.kind = 'deactivated'))"""

DECIDED = f"""
WITH chosen AS (
    SELECT DISTINCT ON (p.id) p.id, m.source_id FROM {MATCH} m JOIN {PERSON} p ON p.id = m.chosen_id
    WHERE m.connection_id = %(connection)s AND m.decided_at IS NOT NULL
      AND p.id IN (SELECT p.id FROM {PERSON} p {_WAS_HERE} UNION ALL SELECT p.id FROM {PERSON} p {_IS_OUT})
    ORDER BY p.id, m.id
)
UPDATE {STAGED} line SET kind = 'matched', match_id = chosen.id
FROM chosen WHERE line.run_id = %(run)s AND line.source_id = chosen.source_id AND line.kind = 'added'"""


def _pairs(attribute: str, candidates: str) -> str:
    """New people and those who could be they, with how often each of both has a partner."""
    return f"""
unknown AS (
    SELECT line.source_id, lower(line.after->>'{attribute}') AS value FROM {STAGED} line
    WHERE line.run_id = %(run)s AND line.kind = 'added' AND line.after ? '{attribute}'
      AND NOT EXISTS (SELECT FROM {MATCH} m WHERE m.connection_id = %(connection)s
                      AND m.source_id = line.source_id AND m.decided_at IS NOT NULL)
), pairs AS (
    SELECT unknown.source_id, p.id, p.public_id,
           count(*) OVER (PARTITION BY unknown.source_id) AS partners, count(*) OVER (PARTITION BY p.id) AS rivals
    FROM {PERSON} p JOIN unknown ON unknown.value = lower(p.{attribute}) {candidates}
      AND NOT EXISTS (SELECT FROM {STAGED} taken WHERE taken.run_id = %(run)s
                      AND taken.kind = 'matched' AND taken.match_id = p.id)
)"""


def _match(attribute: str) -> str:
    return f"""
WITH {_pairs(attribute, _WAS_HERE)}
UPDATE {STAGED} line SET kind = 'matched', match_id = pairs.id
FROM pairs WHERE line.run_id = %(run)s AND line.source_id = pairs.source_id
  AND pairs.partners = 1 AND pairs.rivals = 1"""


def _ask(attribute: str, candidates: str) -> str:
    """Lists the new people who could be several others, or others who could be several of them."""
    return f"""
WITH {_pairs(attribute, candidates)}, asked AS (
    SELECT source_id, jsonb_agg(public_id ORDER BY id) AS candidates FROM pairs GROUP BY source_id
), listed AS (
    INSERT INTO {MATCH} AS m (connection_id, source_id, person_name, candidates)
    SELECT %(connection)s, asked.source_id, line.person_name, asked.candidates
    FROM asked JOIN {STAGED} line ON line.run_id = %(run)s AND line.source_id = asked.source_id
    ON CONFLICT (connection_id, source_id) DO UPDATE
    SET candidates = excluded.candidates, person_name = excluded.person_name
    WHERE (m.candidates, m.person_name) IS DISTINCT FROM (excluded.candidates, excluded.person_name)
), wrong AS (SELECT source_id FROM asked), {_dropped("ambiguous_match")}"""


_KEYS = ("email", "employee_number")
BY = {key: _match(key) for key in _KEYS}
AMBIGUOUS = {key: _ask(key, _WAS_HERE) for key in _KEYS}
REHIRED = _ask("email", _IS_OUT)

# What stands there then is nothing of theirs.
_FORGOTTEN = f"p.email LIKE '%%{REMOVED_DOMAIN}'"
_PAIRS = ", ".join(f"('{name}', p.{name}, coalesce(line.after->>'{name}', ''))" for name in ATTRIBUTES)

# From here on a matched line shows what differs, as any change; the connection and the key are part of it. Whoever is
# taken over is not new: attributes that are filled for new people, or where nothing is, keep what stands there.
DESCRIBE = f"""
UPDATE {STAGED} line SET (before, after) = (
    SELECT coalesce(jsonb_object_agg(name, has), '{{}}') || jsonb_build_object(
               'source_id', p.source_id, 'connection', was.public_id, 'status', p.state),
           coalesce(jsonb_object_agg(name, wants), '{{}}') || jsonb_build_object(
               'source_id', line.source_id, 'connection', our.public_id, 'status', 'active')
    FROM (VALUES {_PAIRS}) AS attribute(name, has, wants)
    WHERE has <> wants AND (has = '' OR name <> ALL(%(sometimes)s) OR {_FORGOTTEN}))
FROM {PERSON} p JOIN {CONNECTION} was ON was.id = p.connection_id, {CONNECTION} our
WHERE line.run_id = %(run)s AND line.kind = 'matched' AND p.id = line.match_id
  AND our.id = %(connection)s"""

# Whoever is taken over under another key does not leave under the old one.
STAYS = f"""
DELETE FROM {STAGED} going USING {STAGED} line, {PERSON} p
WHERE going.run_id = %(run)s AND going.kind = 'deactivated'
  AND line.run_id = %(run)s AND line.kind = 'matched' AND p.id = line.match_id
  AND p.connection_id = %(connection)s AND p.source_id = going.source_id"""

TAKE_OVER = f"""
UPDATE {PERSON} p SET connection_id = %(connection)s, source_id = line.source_id, {ASSIGNMENTS}, state = 'active',
       deactivated_at = NULL, left_because = '', kept = '', edited_at = NULL,
       raw_digest = line.digest, updated_at = now()
FROM {STAGED} line
WHERE line.run_id = %(run)s AND line.kind = %(kind)s
  AND p.company_id = %(company)s AND p.id = line.match_id"""
