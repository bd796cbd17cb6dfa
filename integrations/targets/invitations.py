"""The statements of invitations: one for whoever is new, none for whoever is gone."""
# ruff: noqa: S608 - nothing but names of our own is put into a statement

from __future__ import annotations

from integrations.models import Invitation
from integrations.targets.sql import PERSON, STAGED

INVITATION = Invitation._meta.db_table

_OF_THE_LINE = f"""
{STAGED} line JOIN {PERSON} p ON p.connection_id = %(connection)s AND p.source_id = line.source_id"""

INVITE = f"""
INSERT INTO {INVITATION} (person_id, mails, expires_at)
SELECT p.id, %(mails)s, now() + interval '6 months'
FROM {_OF_THE_LINE}
WHERE line.run_id = %(run)s AND line.kind IN ('added', 'returned', 'matched')
  AND NOT EXISTS (SELECT FROM {INVITATION} i WHERE i.person_id = p.id AND i.state IN ('pending', 'accepted'))"""

REMOVE = f"""
UPDATE {INVITATION} i SET state = 'removed'
FROM {_OF_THE_LINE}
WHERE line.run_id = %(run)s AND line.kind = 'deactivated'
  AND i.person_id = p.id AND i.state = 'pending'"""
