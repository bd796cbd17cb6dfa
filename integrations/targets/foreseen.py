"""What a plan would do to groups and invitations: the statements of `groups` and `invitations`, asked beforehand.

They see the people as they will be once the lines are carried out. What they say and what a run then does must agree.
"""
# ruff: noqa: S608 - nothing but names of our own is put into a statement

from __future__ import annotations

from integrations.engine.plan import GROUPS, REGROUPED
from integrations.targets.groups import EVENT, GROUP, MEMBERSHIP, column
from integrations.targets.invitations import INVITATION
from integrations.targets.sql import NO_DIGEST, PERSON, STAGED, STAGED_MEMBER

_NAME = "left(coalesce(nullif(btrim(p.first_name || ' ' || p.last_name), ''), p.email), 250)"


def _future(attribute: str) -> str:
    """Everybody of the connection after the run: `kind` is that of their line, `value` what they are grouped by."""
    stood, said = (f"p.{attribute}", f"line.after->>'{attribute}'") if attribute else ("''", "NULL")
    return f"""
    SELECT p.id AS person_id, p.source_id, {_NAME} AS person_name, line.kind, coalesce({said}, {stood}) AS value,
           CASE WHEN line.kind IS NULL THEN p.state = 'active' ELSE line.kind <> 'deactivated' END AS active
    FROM {PERSON} p
    LEFT JOIN {STAGED} line ON line.run_id = %(run)s AND line.source_id = p.source_id
                            AND line.kind IN ('changed', 'returned', 'deactivated')
    WHERE p.connection_id = %(connection)s
      AND NOT EXISTS (SELECT FROM {STAGED} taken WHERE taken.run_id = %(run)s AND taken.kind = 'matched'
                      AND taken.match_id = p.id)
    UNION ALL
    SELECT p.id, line.source_id, line.person_name, line.kind, coalesce({said}, {stood}), true
    FROM {STAGED} line JOIN {PERSON} p ON p.company_id = %(company)s AND p.id = line.match_id
    WHERE line.run_id = %(run)s AND line.kind = 'matched'
    UNION ALL
    SELECT NULL, line.source_id, line.person_name, line.kind, coalesce({said}, ''), true
    FROM {STAGED} line WHERE line.run_id = %(run)s AND line.kind = 'added'"""


def _wanted(group_by: str) -> str:
    """Memberships as they should be, by the key of their group."""
    who = "SELECT f.person_id, f.source_id, f.person_name, f.kind"
    if group_by == EVENT:
        return f"""
    {who}, m.group_key AS key, m.group_name AS name
    FROM {STAGED_MEMBER} m JOIN future f ON f.source_id = m.source_id
    WHERE m.run_id = %(run)s AND f.active"""
    return f"""
    {who}, left(f.value, 200) AS key, left(f.value, 200) AS name
    FROM future f WHERE f.active AND f.value <> ''"""


_DIGEST = """
    ('x' || left(encode(sha256(convert_to(source_id || chr(31) || key || chr(31) || joins, 'UTF8')), 'hex'), 15)
    )::bit(60)::bigint"""


def _names(which: str) -> str:
    return f"coalesce(string_agg(name, ', ' ORDER BY name COLLATE \"C\") FILTER (WHERE {which}), '')"


def regrouping(group_by: str, *, everybody: bool) -> str:
    """Adds a line for whoever changes groups and nothing else.

    Answers with the groups to be made, the memberships to be joined and left, and the digest of these.
    """
    attribute = column(group_by) if group_by not in ("", EVENT) else ""
    scope = "" if everybody else "AND f.kind IS NOT NULL"
    return f"""
WITH future AS ({_future(attribute)}
), wanted AS ({_wanted(group_by)} {scope}
), has AS (
    SELECT f.person_id, f.source_id, f.person_name, f.kind, g.key, g.name,
           CASE WHEN g.connection_id = %(connection)s AND g.source = '{group_by}' THEN g.key END AS stays
    FROM {MEMBERSHIP} m JOIN future f ON f.person_id = m.person_id JOIN {GROUP} g ON g.id = m.group_id
    WHERE true {scope}
), moves AS (
    SELECT coalesce(w.source_id, h.source_id) AS source_id, coalesce(w.person_name, h.person_name) AS person_name,
           coalesce(w.kind, h.kind) AS kind, coalesce(w.key, h.key) AS key, coalesce(w.name, h.name) AS name,
           h.source_id IS NULL AS joins
    FROM wanted w FULL JOIN has h ON h.person_id = w.person_id AND h.stays = w.key
    WHERE w.source_id IS NULL OR h.source_id IS NULL
), told AS (
    INSERT INTO {STAGED} (run_id, place, source_id, kind, person_name, digest, belongs, before, after)
    SELECT %(run)s, 0, source_id, '{REGROUPED}', person_name, '{NO_DIGEST}', true,
           jsonb_build_object('{GROUPS}', {_names("NOT joins")}), jsonb_build_object('{GROUPS}', {_names("joins")})
    FROM moves WHERE kind IS NULL GROUP BY source_id, person_name
)
SELECT (SELECT count(DISTINCT w.key) FROM wanted w WHERE NOT EXISTS (
           SELECT FROM {GROUP} g WHERE g.connection_id = %(connection)s AND g.source = '{group_by}' AND g.key = w.key)),
       count(*) FILTER (WHERE joins), count(*) FILTER (WHERE NOT joins), coalesce(sum({_DIGEST}), 0)
FROM moves"""


# Such lines were for whoever looks at the plan: a run has nothing to do for them but to regroup.
FORGET = f"DELETE FROM {STAGED} WHERE run_id = %(run)s AND kind = '{REGROUPED}'"

INVITED = f"""
SELECT count(*) FROM (
    SELECT NULL::bigint AS person_id FROM {STAGED} WHERE run_id = %(run)s AND kind = 'added'
    UNION ALL
    SELECT p.id FROM {STAGED} line
    JOIN {PERSON} p ON p.connection_id = %(connection)s AND p.source_id = line.source_id
    WHERE line.run_id = %(run)s AND line.kind = 'returned'
    UNION ALL
    SELECT match_id FROM {STAGED} WHERE run_id = %(run)s AND kind = 'matched'
) here
WHERE NOT EXISTS (SELECT FROM {INVITATION} i
                  WHERE i.person_id = here.person_id AND i.state IN ('pending', 'accepted'))"""
