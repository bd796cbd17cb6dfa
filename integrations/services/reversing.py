"""Reading what a run did and what is there now, for engine.undoing to find the way back: some people at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Lower

from integrations.engine.diff import ACTIVE, STATUS, LineKind
from integrations.engine.undoing import Back, Conflict, Done, Moved, Present, reverse
from integrations.models import (
    Change,
    ChangeKind,
    Connection,
    DirectoryPerson,
    Membership,
    PersonState,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.people import ATTRIBUTES
from integrations.services.departing import BATCH, RELEASED, UNDONE

_TURNING = (ChangeKind.ADDED, ChangeKind.DEACTIVATED, ChangeKind.RETURNED, ChangeKind.MATCHED)
_CAME = (ChangeKind.ADDED, ChangeKind.RETURNED)
_READ = ("pk", "source_id", "state", "protected", "left_because", *ATTRIBUTES)
_People = Mapping[str, Mapping[str, Any]]  # what is there now, by source id


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose somebody was before they were taken over: a connection's, under a key, in a state."""

    connection: Connection
    source_id: str
    state: str


@dataclass(frozen=True, slots=True)
class WayBack:
    """What undoing does to some people and leaves alone of them; their keys and former owners by source id."""

    ways: Sequence[tuple[Back | None, tuple[Conflict, ...]]]
    keys: Mapping[str, int]
    owners: Mapping[str, Owner]

    @property
    def lines(self) -> list[Back]:
        return [line for line, _ in self.ways if line]


class Touched:
    """Whom a run did something to: who was changed, in the order of that, then who was only put into other groups."""

    def __init__(self, run: Run) -> None:
        self._changed = run.changes.order_by("pk")
        ours = DirectoryPerson.objects.filter(connection=run.connection_id)
        changed = run.changes.filter(source_id=OuterRef("source_id"))
        moved = run.membership_changes.filter(person=OuterRef("pk"))
        self._regrouped: QuerySet[DirectoryPerson] = ours.filter(Exists(moved), ~Exists(changed)).order_by(
            "pk"
        )

    def __len__(self) -> int:
        return self._changed.count() + self._regrouped.count()

    def part(self, first: int, most: int) -> list[Done]:
        """From the `first` on, which is 0 for the very first."""
        found = [*_changes(self._changed[first : first + most])]
        if len(found) < most:
            after = first + len(found) - self._changed.count()
            found += _moves(self._regrouped[after : after + most - len(found)])
        return found

    def __iter__(self) -> Iterator[Done]:
        return chain(_changes(self._changed), _moves(self._regrouped))


def ways_back(run: Run, *, at_a_time: int = BATCH) -> Iterator[WayBack]:
    """For everybody, a batch at a time."""
    stream = iter(Touched(run))
    while some := list(islice(stream, at_a_time)):
        yield way_back(run, some)


def way_back(run: Run, touched: Sequence[Done]) -> WayBack:
    """For some of those whom the run touched."""
    named = [one.source_id for one in touched]
    rows = DirectoryPerson.objects.filter(connection=run.connection_id, source_id__in=named)
    people: _People = {row["source_id"]: row for row in rows.order_by().values(*_READ)}
    keys: dict[str, int] = {source_id: row["pk"] for source_id, row in people.items()}
    moved = _moved(run, keys.values())
    done = [replace(one, moved=tuple(moved.get(keys.get(one.source_id, 0), ()))) for one in touched]
    present, owners = _present(run, done, people)
    return WayBack([reverse(one, present.get(one.source_id)) for one in done], keys, owners)


def _changes(rows: QuerySet[Change]) -> Iterator[Done]:
    told = rows.values_list("source_id", "person_name", "kind", "before", "after")
    for source_id, name, kind, before, after in told.iterator(chunk_size=BATCH):
        yield Done(source_id, name, LineKind(kind), before, after)


def _moves(rows: QuerySet[DirectoryPerson]) -> Iterator[Done]:
    for person in rows.only("source_id", "first_name", "last_name", "email").iterator(chunk_size=BATCH):
        yield Done(person.source_id, str(person))


def _present(
    run: Run, done: Sequence[Done], people: _People
) -> tuple[Mapping[str, Present], Mapping[str, Owner]]:
    groups = _groups([row["pk"] for row in people.values()])
    turned, taken, owners = (
        _turned_since(run, people),
        _addresses_taken(run, done, people),
        _owners(run, done),
    )
    present = {
        one.source_id: Present(
            active=person["state"] == PersonState.ACTIVE,
            attributes=person,
            groups=frozenset(groups.get(person["pk"], ())),
            protected=person["protected"],
            turned=one.source_id in turned or _left_otherwise(run, one, person),
            returnable=one.source_id in owners,
            address_taken=_address(one, person) in taken,
        )
        for one in done
        if (person := people.get(one.source_id))
    }
    return present, owners


def _moved(run: Run, people: Collection[int]) -> Mapping[int, list[Moved]]:
    found: dict[int, list[Moved]] = defaultdict(list)
    rows = run.membership_changes.filter(person__in=people).order_by("pk")
    for person, group, joined, by_hand in rows.values_list("person", "group", "joined", "by_hand"):
        found[person].append(Moved(group, joined, by_hand))
    return found


def _groups(people: Collection[int]) -> Mapping[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    rows = Membership.objects.filter(person__in=people).order_by()
    for person, group in rows.values_list("person", "group"):
        found[person].add(group)
    return found


def _turned_since(run: Run, people: _People) -> Collection[str]:
    """Who has left or come back since, by a run of the same connection."""
    return set(_turns_since(run).filter(source_id__in=people).order_by().values_list("source_id", flat=True))


def _turns_since(run: Run) -> QuerySet[Change]:
    """What later runs have turned, without those that were undone: they and their undoing come to nothing."""
    later = Change.objects.filter(run__connection=run.connection_id, run__gt=run.pk, kind__in=_TURNING)
    return later.exclude(run__undone_by__outcome=RunOutcome.APPLIED).exclude(run__undoes__gt=run.pk)


def _addresses_taken(run: Run, done: Sequence[Done], people: _People) -> Collection[str]:
    """Of the addresses that people would have again, those that somebody has who keeps theirs."""
    wanted = {_address(one, people[one.source_id]) for one in done if one.source_id in people} - {""}
    active = DirectoryPerson.objects.filter(company=run.connection.company_id, state=PersonState.ACTIVE)
    rows = active.annotate(lower=Lower("email")).filter(~_frees(run), lower__in=wanted).order_by()
    return set(rows.values_list("lower", flat=True))


def _frees(run: Run) -> Q:
    """Whoever goes with the undoing, or gets their former address back for the one that the run gave them."""
    changes = run.changes.filter(source_id=OuterRef("source_id"))
    goes = Q(Exists(changes.filter(kind__in=_CAME)), protected=False)
    given = changes.exclude(kind__in=_CAME).annotate(given=KeyTextTransform("email", "after"))
    turned = Exists(_turns_since(run).filter(source_id=OuterRef("source_id")))
    gets_back = Q(Exists(given.filter(given=OuterRef("email"))))
    return Q(connection=run.connection_id) & (goes | gets_back) & ~Q(turned)


def _address(done: Done, person: Mapping[str, Any]) -> str:
    if done.kind is LineKind.DEACTIVATED:
        return str(person["email"]).lower()
    return done.before.get("email", "").lower()


def _left_otherwise(run: Run, done: Done, person: Mapping[str, Any]) -> bool:
    """Whether they are out for another reason than this run gave, without a run since: an invitation expired.

    Of a later run that brought them back and was undone nothing else is left.
    """
    said = RELEASED if run.kind == RunKind.RELEASE else done.after.get(STATUS, "")
    return done.kind is LineKind.DEACTIVATED and person["left_because"] not in (said, UNDONE)


def _owners(run: Run, done: Sequence[Done]) -> Mapping[str, Owner]:
    """The former owners who can take somebody back: of the same company, with nobody under that key by now."""
    matched = [one for one in done if one.kind is LineKind.MATCHED]
    if not matched:
        return {}
    rows = Connection.objects.filter(company=run.connection.company_id)
    found = {str(row.public_id): row for row in rows}
    owners = {
        one.source_id: Owner(owner, one.before["source_id"], one.before.get(STATUS, ACTIVE))
        for one in matched
        if (owner := found.get(one.before.get("connection", "")))
    }
    keys = {owner.source_id for owner in owners.values()}
    used = DirectoryPerson.objects.filter(company=run.connection.company_id, source_id__in=keys)
    there = set(used.order_by().values_list("connection", "source_id"))
    return {key: one for key, one in owners.items() if (one.connection.pk, one.source_id) not in there}
