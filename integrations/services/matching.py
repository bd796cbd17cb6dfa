"""New people against those whom the company has already: taken over, left to a person's decision, or refused."""

from __future__ import annotations

from integrations.engine.diff import LineKind
from integrations.services.reading import Sync
from integrations.targets import matching as statements
from integrations.targets.directory import Counts

_BRING_ADDRESSES = (LineKind.ADDED, LineKind.CHANGED, LineKind.RETURNED)


def match_people(sync: Sync, counts: Counts) -> int:
    """Changes the lines of the plan accordingly. Returns how many problems that made.

    An address belongs to one person: of two lines the second is refused, and so is one that has somebody's address.
    """
    directory = sync.directory
    if not any(counts.kinds[kind] for kind in _BRING_ADDRESSES):
        return 0
    live, ended = directory.row(statements.NEIGHBOURS)
    is_empty = directory.is_empty()
    found = directory.execute(statements.TWICE)
    if not is_empty:
        found += directory.execute(statements.TAKEN)
    if live:
        found += directory.execute(statements.ELSEWHERE)
    if counts.kinds[LineKind.ADDED] and (ended or not is_empty):
        found += _recognise(sync, others=ended, own=not is_empty)
    return found


def _recognise(sync: Sync, *, others: bool, own: bool) -> int:
    """Who is new here but not new to the company: decisions first, then each key in its order."""
    directory, found = sync.directory, 0
    taken = directory.execute(statements.DECIDED)
    for key in sync.rules.policy.match_by if others else ():
        taken += directory.execute(statements.BY[key])
        found += directory.execute(statements.AMBIGUOUS[key])
    if own:
        found += directory.execute(statements.REHIRED)
    if taken:
        directory.execute(statements.STAYS)
        directory.execute(statements.DESCRIBE, sometimes=list(sync.rules.mapping.sometimes))
    return found
