"""New people against those whom the company has already: taken over, left to a person's decision, or refused."""

from __future__ import annotations

from integrations.engine.diff import LineKind
from integrations.services.sync import Sync
from integrations.targets import matching as statements
from integrations.targets.directory import Counts, Directory

_BRING_ADDRESSES = (LineKind.ADDED, LineKind.CHANGED, LineKind.RETURNED)


def match_people(sync: Sync, counts: Counts) -> int:
    """Changes the lines of the plan accordingly. Returns how many problems that made.

    An address belongs to one person: of two lines the second is refused, and so is one that has somebody's address.
    """
    directory = sync.directory
    if not any(counts.kinds[kind] for kind in _BRING_ADDRESSES):
        return 0
    directory.execute(statements.ONE_AT_A_TIME)
    live, ended = directory.row(statements.NEIGHBOURS)
    is_empty = directory.is_empty()
    found = directory.execute(statements.TWICE)
    if not is_empty:
        found += refuse_taken(directory)
    later, taken_over = directory.execute(statements.ELSEWHERE) if live else 0, 0
    if counts.kinds[LineKind.ADDED] and (live or ended or not is_empty):
        asked, taken_over = _recognise(sync, others=ended, out=live or not is_empty)
        later += asked
    if ended:
        later += directory.execute(statements.STILL_THERE)
    if (later or taken_over) and not is_empty:
        later += refuse_taken(directory)
    return found + later


def refuse_taken(directory: Directory) -> int:
    """Takes out of the plan whoever would have the address of somebody who stays. Returns how many."""
    found = 0
    while refused := directory.execute(statements.TAKEN):
        found += refused
    return found


def _recognise(sync: Sync, *, others: bool, out: bool) -> tuple[int, int]:
    """Who is new here but not new to the company: decisions first, then each key in its order.

    Returns how many a person must decide about, and how many are taken over.
    """
    directory, found = sync.directory, 0
    taken = directory.execute(statements.DECIDED)
    for key in sync.rules.policy.match_by if others else ():
        taken += directory.execute(statements.BY[key])
        found += directory.execute(statements.AMBIGUOUS[key])
    if out:
        found += directory.execute(statements.REHIRED)
    if taken:
        directory.execute(statements.STAYS)
        directory.execute(statements.DESCRIBE, sometimes=list(sync.rules.mapping.sometimes))
    return found, taken
