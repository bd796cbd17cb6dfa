"""The company's people as they are now: the synthetic base plus an overlay of edits."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from portal.sandbox.company import Company, Person, Status
from portal.sandbox.names import DEPARTMENTS

# Field name -> text; dates in ISO form; "" in `terminated_on` means that an earlier leaving was undone.
Edit = dict[str, str]


class Population(StrEnum):
    """Which people a vendor's list contains."""

    EVERYONE = "everyone"
    EMPLOYED = "employed"
    LEFT = "left"


@dataclass(slots=True)
class Staff:
    """People by index. Not thread-safe by itself: the world holds the lock around every change."""

    company: Company
    edits: dict[int, Edit] = field(default_factory=dict)
    hired: int = 0
    _version: int = 0
    _lists: dict[Population, tuple[tuple[int, date], Sequence[int]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Everyone who was ever known: current, former and newly hired."""
        return self.company.first_hire + self.hired

    def person(self, index: int, today: date) -> Person:
        """The person as of today. Raises LookupError for an index that nobody has."""
        if not 0 <= index < self.count:
            raise LookupError(f"nobody has index {index}")
        base = self.company.person(index)
        edit = self.edits.get(index)
        return _apply(base, edit, today) if edit else base

    def hire(self, today: date, *, starts_on: date) -> int:
        """Add one person and return the index."""
        index = self.count
        self.hired += 1
        self.edit(index, today, hired_on=starts_on.isoformat())
        return index

    def edit(self, index: int, today: date, **changes: str) -> None:
        """Lay changes over one person. Raises LookupError for an unknown person or department."""
        self.person(index, today)
        if "department" in changes and changes["department"] not in {known.name for known in DEPARTMENTS}:
            raise LookupError(f"there is no department {changes['department']!r}")
        self.edits[index] = {**self.edits.get(index, {}), **changes, "updated_on": today.isoformat()}
        self._version += 1

    def indexes(self, population: Population, today: date) -> Sequence[int]:
        """The members of a population, in a fixed order. Four bytes per person, remembered until a change."""
        if population is Population.EVERYONE:
            return range(self.count)
        stamp = (self._version, today)
        known = self._lists.get(population)
        if known is None or known[0] != stamp:
            known = (stamp, array("I", self._members(population, today)))
            self._lists[population] = known
        return known[1]

    def _members(self, population: Population, today: date) -> Iterator[int]:
        employed = population is Population.EMPLOYED
        for index in range(self.count):
            if index in self.edits:
                status = self.person(index, today).status
                member = status in (Status.ACTIVE, Status.LEAVE) if employed else status is Status.TERMINATED
            else:
                member = (index < self.company.size) is employed
            if member:
                yield index


def _apply(base: Person, edit: Edit, today: date) -> Person:
    unit = next((d.unit for d in DEPARTMENTS if d.name == edit.get("department")), base.business_unit)
    hired_on = _day(edit, "hired_on", base.hired_on) or base.hired_on
    rehired_on = _day(edit, "rehired_on", base.rehired_on)
    terminated_on = _day(edit, "terminated_on", base.terminated_on)
    status = base.status
    if terminated_on and terminated_on <= today:
        status = Status.TERMINATED
    elif (rehired_on or hired_on) > today:
        status = Status.PREHIRE
    elif status is Status.TERMINATED:
        status = Status.ACTIVE
    return replace(
        base,
        first_name=edit.get("first_name", base.first_name),
        last_name=edit.get("last_name", base.last_name),
        preferred_name=edit.get("preferred_name", base.preferred_name),
        department=edit.get("department", base.department),
        business_unit=unit,
        hired_on=hired_on,
        rehired_on=rehired_on,
        terminated_on=terminated_on,
        status=status,
        updated_on=_day(edit, "updated_on", base.updated_on) or base.updated_on,
    )


def _day(edit: Edit, name: str, otherwise: date | None) -> date | None:
    if name not in edit:
        return otherwise
    return date.fromisoformat(edit[name]) if edit[name] else None
