"""Reading the audit log with a suspicious mind: each chain from its beginning, every digest made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from portal.audit.digests import digest_of
from portal.audit.models import Chain, Entry

_BEGINNING = bytes(32)
_AT_A_TIME = 2000


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place of a chain that does not hold. `number` is the entry's; 0 is the chain itself."""

    chain: str
    number: int
    words: str

    def __str__(self) -> str:
        where = f", entry {self.number}" if self.number else ""
        return f"{self.chain}{where}: {self.words}"


def first_fault(chain: Chain) -> Fault | None:
    """Walks the chain in order; memory does not grow with its length. None when all of it holds.

    reliability-security.md T26.
    """
    last, digest, at_head = 0, _BEGINNING, _BEGINNING
    for entry in _entries(chain):
        expected = last + 1
        if entry.number != expected:
            return Fault(chain.name, expected, f"missing: {entry.number} is the next one that is there")
        if bytes(entry.previous) != digest:
            return Fault(chain.name, expected, "out of order: it does not follow the entry before it")
        entry.chain = chain
        if digest_of(entry) != bytes(entry.digest):
            return Fault(chain.name, expected, f"changed: “{entry.action}” is not what was recorded")
        last, digest = entry.number, bytes(entry.digest)
        at_head = digest if last <= chain.length else at_head
    if last < chain.length:
        return Fault(
            chain.name, last + 1, f"truncated: {chain.length} entries were written, {last} are there"
        )
    if at_head != bytes(chain.head):
        return Fault(chain.name, chain.length, "the head differs from the last entry")
    # Entries that were added while we walked are in the chain by now; what is not was put in by hand.
    chain.refresh_from_db()
    return Fault(chain.name, last, "inserted: the chain ends before it") if last > chain.length else None


def kept_fault(line: str) -> Fault | None:
    """Whether the log still holds what `audit head` printed then (`services.head_line`). Raises ValueError."""
    name, length, head = line.split()
    if int(length) == 0:
        return None
    entry = Entry.objects.filter(chain__name=name, number=int(length)).first()
    if entry is None:
        return Fault(name, int(length), "truncated: it was there when the heads were kept")
    if bytes(entry.digest).hex(":", 4) != head:
        return Fault(name, int(length), "rewritten since the heads were kept")
    return None


def _entries(chain: Chain) -> Iterator[Entry]:
    return Entry.objects.filter(chain=chain).order_by("number").iterator(chunk_size=_AT_A_TIME)
