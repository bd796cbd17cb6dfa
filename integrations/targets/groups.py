"""The statements of groups: made when missing, and their memberships as the attribute or the events say.

`scope` narrows them to the people whom the run has changed; what is as it should be is never written.
"""
# ruff: noqa: S608 - nothing but names of our own is put into a statement

from __future__ import annotations

from collections.abc import Iterable

from integrations.engine.normalise import text, usable_key
from integrations.engine.policy import BY_EVENT
from integrations.models import Group, Membership, MembershipChange
from integrations.people import ATTRIBUTES
from integrations.provider import Assigned
from integrations.targets.directory import Directory
from integrations.targets.sql import PERSON, SEPARATOR, STAGED, STAGED_MEMBER, listed

GROUP = Group._meta.db_table
MEMBERSHIP = Membership._meta.db_table
MEMBERSHIP_CHANGE = MembershipChange._meta.db_table
EVENT = BY_EVENT

_FORGET = f"DELETE FROM {STAGED_MEMBER} WHERE run_id = %(run)s"
_ASSIGN = f"""
INSERT INTO {STAGED_MEMBER} (run_id, source_id, group_key, group_name)
SELECT %(run)s, one.source_id, one.group_key, one.group_name
FROM unnest({listed("keys")}, {listed("groups")}, {listed("names")}) AS one(source_id, group_key, group_name)
ON CONFLICT DO NOTHING"""
_ASSIGNED = f"""
SELECT coalesce(array_agg(DISTINCT source_id), '{{}}') FROM {STAGED_MEMBER}
WHERE run_id = %(run)s AND source_id = ANY({listed("keys")})"""

# How many are assigned to anything, and how many memberships of events there are.
_ASSIGNED_AND_MEMBERS = f"""
SELECT (SELECT count(*) FROM {STAGED_MEMBER} WHERE run_id = %(run)s),
       (SELECT count(*) FROM {MEMBERSHIP} m JOIN {GROUP} g ON g.id = m.group_id
        WHERE g.connection_id = %(connection)s AND g.source = '{EVENT}')"""

_CHANGED = f"""
  AND p.source_id IN (SELECT source_id FROM {STAGED} WHERE run_id = %(run)s AND kind <> 'refreshed')"""

_MAKE_EVENTS = f"""
INSERT INTO {GROUP} (company_id, connection_id, source, key, name)
SELECT DISTINCT ON (group_key) %(company)s, %(connection)s, '{EVENT}', group_key, group_name
FROM {STAGED_MEMBER} m JOIN {PERSON} p ON p.connection_id = %(connection)s AND p.source_id = m.source_id
WHERE m.run_id = %(run)s AND p.state = 'active'
  AND NOT EXISTS (SELECT FROM {GROUP} g WHERE g.connection_id = %(connection)s AND g.source = '{EVENT}'
                  AND g.key = m.group_key)
ORDER BY group_key"""
_RENAME_EVENTS = f"""
UPDATE {GROUP} g SET name = m.group_name
FROM (SELECT group_key, min(group_name) AS group_name FROM {STAGED_MEMBER} WHERE run_id = %(run)s GROUP BY 1) m
WHERE g.connection_id = %(connection)s AND g.source = '{EVENT}' AND g.key = m.group_key AND g.name <> m.group_name"""
_WANTED_EVENTS = f"""
SELECT g.id AS group_id, p.id AS person_id
FROM {STAGED_MEMBER} m
JOIN {GROUP} g ON g.connection_id = %(connection)s AND g.source = '{EVENT}' AND g.key = m.group_key
JOIN {PERSON} p ON p.connection_id = %(connection)s AND p.source_id = m.source_id
WHERE m.run_id = %(run)s AND p.state = 'active'"""


def _make(attribute: str, scope: str) -> str:
    return f"""
INSERT INTO {GROUP} (company_id, connection_id, source, key, name)
SELECT %(company)s, %(connection)s, '{attribute}', key, key
FROM (SELECT DISTINCT left(p.{attribute}, 200) AS key FROM {PERSON} p
      WHERE p.connection_id = %(connection)s AND p.state = 'active' AND p.{attribute} <> '' {scope}) wanted
WHERE NOT EXISTS (SELECT FROM {GROUP} g WHERE g.connection_id = %(connection)s AND g.source = '{attribute}'
                  AND g.key = wanted.key)"""


def _wanted(attribute: str, scope: str) -> str:
    return f"""
SELECT g.id AS group_id, p.id AS person_id FROM {PERSON} p
JOIN {GROUP} g ON g.connection_id = %(connection)s AND g.source = '{attribute}' AND g.key = left(p.{attribute}, 200)
WHERE p.connection_id = %(connection)s AND p.state = 'active' AND p.{attribute} <> '' {scope}"""


_NOBODY = "SELECT NULL::bigint AS group_id, NULL::bigint AS person_id WHERE false"


# Whoever left this system leaves every group all the same.
_BUT_EVENTS = f"""
      AND (p.state <> 'active' OR m.group_id NOT IN (
          SELECT g.id FROM {GROUP} g WHERE g.connection_id = %(connection)s AND g.source = '{EVENT}'))"""


def _leave(wanted: str, scope: str, but: str = "") -> str:
    """Also out of the groups of the connection that somebody was taken over from."""
    return f"""
WITH wanted AS ({wanted}), gone AS (
    DELETE FROM {MEMBERSHIP} m USING {PERSON} p
    WHERE p.id = m.person_id AND p.connection_id = %(connection)s {scope} {but}
      AND NOT EXISTS (SELECT FROM wanted w WHERE w.group_id = m.group_id AND w.person_id = m.person_id)
    RETURNING m.group_id, m.person_id, m.by_hand
)
INSERT INTO {MEMBERSHIP_CHANGE} (run_id, group_id, person_id, joined, by_hand)
SELECT %(run)s, group_id, person_id, false, by_hand FROM gone"""


def _join(wanted: str, by_hand: str, logs: str) -> str:
    """Whoever `logs` holds for is told about one by one; the others are only counted."""
    return f"""
WITH wanted AS ({wanted}), joined AS (
    INSERT INTO {MEMBERSHIP} (group_id, person_id)
    SELECT w.group_id, w.person_id FROM wanted w
    WHERE NOT EXISTS (SELECT FROM {MEMBERSHIP} m WHERE m.group_id = w.group_id AND m.person_id = w.person_id)
    RETURNING group_id, person_id
), told AS (
    INSERT INTO {MEMBERSHIP_CHANGE} (run_id, group_id, person_id, joined, by_hand)
    SELECT %(run)s, joined.group_id, joined.person_id, true, {by_hand} FROM joined WHERE {logs}
)
SELECT count(*) FROM joined"""


def _settle(wanted: str) -> str:
    """What somebody added here and the source says as well is no edit any more."""
    return f"""
WITH wanted AS ({wanted})
UPDATE {MEMBERSHIP} m SET by_hand = false FROM wanted w
WHERE m.by_hand AND m.group_id = w.group_id AND m.person_id = w.person_id"""


def _line(kinds: str) -> str:
    """Whether this run has such a line for the person who joined."""
    return f"""EXISTS (
    SELECT FROM {STAGED} line JOIN {PERSON} p ON p.connection_id = %(connection)s AND p.source_id = line.source_id
    WHERE line.run_id = %(run)s AND line.kind {kinds} AND p.id = joined.person_id)"""


# Somebody took them out here: the attribute says what it said, or a run had put them in and no run took them out.
_TAKEN_OUT = "NOT " + _line("<> 'refreshed'")
_TAKEN_OUT_OF_EVENT = f"""coalesce((
    SELECT last.joined FROM {MEMBERSHIP_CHANGE} last
    WHERE last.person_id = joined.person_id AND last.group_id = joined.group_id ORDER BY last.id DESC LIMIT 1
), false)"""
# The line of somebody new tells the attribute already: to tell the group again doubles the cost of a first run.
_UNTOLD = "NOT " + _line("= 'added'")


def forget_assigned(directory: Directory) -> None:
    """As if no event had been read."""
    directory.execute(_FORGET)


def assign(directory: Directory, batch: Iterable[Assigned]) -> int:
    """Remembers who is assigned to what; repeated ones count once. Returns how many could not be used."""
    given = tuple(batch)
    rows = [one for one in given if usable_key(one.source_id) and usable_key(one.group_key)]
    if rows:
        columns = {
            "keys": [one.source_id for one in rows],
            "groups": [one.group_key for one in rows],
            "names": [text(one.group_name)[:200] or one.group_key for one in rows],
        }
        directory.execute(_ASSIGN, **{name: SEPARATOR.join(column) for name, column in columns.items()})
    return len(given) - len(rows)


def assigned(directory: Directory, keys: Iterable[str]) -> frozenset[str]:
    """Which of these people are assigned to anything."""
    return frozenset(directory.row(_ASSIGNED, keys=SEPARATOR.join(keys))[0])


def assigned_and_members(directory: Directory) -> tuple[int, int]:
    """How many assignments to events were read, and how many memberships of such groups there are."""
    read, members = directory.row(_ASSIGNED_AND_MEMBERS)
    return int(read), int(members)


def make(directory: Directory, group_by: str, *, everybody: bool) -> int:
    """Groups that are missing. Returns how many were made."""
    if group_by != EVENT:
        return directory.execute(_make(column(group_by), "" if everybody else _CHANGED))
    directory.execute(_RENAME_EVENTS)
    return directory.execute(_MAKE_EVENTS)


def regroup(
    directory: Directory,
    group_by: str,
    *,
    everybody: bool,
    edited: bool,
    leaves: bool = True,
    all_new: bool = False,
) -> tuple[int, int]:
    """Puts memberships as they should be and logs each. Returns how many were joined and left.

    `all_new`: whoever is here came in with this run, as the lines of the plan would tell, too, and is in no group yet.
    `edited`: somebody changed memberships here since the last run, so that it is looked at what this undoes.
    `leaves` False: nobody who is here is taken out of the group of an event.
    """
    scope = "" if everybody else _CHANGED
    if not group_by:
        wanted = _NOBODY
    elif group_by == EVENT:
        wanted = _WANTED_EVENTS + scope
    else:
        wanted = _wanted(column(group_by), scope)
    left = 0 if all_new else directory.execute(_leave(wanted, scope, "" if leaves else _BUT_EVENTS))
    by_hand, logs = "false", "true" if group_by == EVENT else "false" if all_new else _UNTOLD
    if edited:
        directory.execute(_settle(wanted))
        by_hand = _TAKEN_OUT_OF_EVENT if group_by == EVENT else _TAKEN_OUT
    return int(directory.row(_join(wanted, by_hand, logs))[0]), left


def column(group_by: str) -> str:
    """The name goes into a statement: nothing but one of ours may."""
    if group_by not in ATTRIBUTES:
        raise ValueError(f"nobody is grouped by {group_by!r}")
    return group_by
