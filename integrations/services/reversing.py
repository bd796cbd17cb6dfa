"""Reading what a run did and what is there now, for engine.undoing to find the way back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models.functions import Lower

from integrations.engine.diff import ACTIVE, STATUS, LineKind
from integrations.engine.undoing import Done, Moved, Present, UndoPlan, plan
from integrations.models import (
    Change,
    ChangeKind,
    Connection,
    DirectoryPerson,
    Membership,
    PersonState,
    Run,
    RunKind,
)
from integrations.people import ATTRIBUTES
from integrations.services.departing import RELEASED, batches

_TURNING = (ChangeKind.ADDED, ChangeKind.DEACTIVATED, ChangeKind.RETURNED, ChangeKind.MATCHED)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose somebody was before they were taken over: a connection's, under a key, in a state."""

    connection: Connection
    source_id: str
    state: str


@dataclass(frozen=True, slots=True)
class WayBack:
    """A plan with the keys of the people whom it is about, and former owners of those taken over, by source id."""

    plan: UndoPlan
    keys: Mapping[str, int]
    owners: Mapping[str, Owner]


def plan_back(run: Run) -> WayBack:
    people = {person.source_id: person for person in _people(run)}
    done = _done(run, people)
    groups = _groups(people.values())
    turned, taken, owners = _turned_since(run), _addresses_taken(run, done, people), _owners(run, done)
    present = {
        one.source_id: Present(
            active=person.state == PersonState.ACTIVE,
            attributes={name: getattr(person, name) for name in ATTRIBUTES},
            groups=frozenset(groups.get(person.pk, ())),
            protected=person.protected,
            turned=one.source_id in turned or _left_otherwise(run, one, person),
            returnable=one.source_id in owners,
            address_taken=_address(one, person) in taken,
        )
        for one in done
        if (person := people.get(one.source_id))
    }
    keys = {source_id: person.pk for source_id, person in people.items()}
    return WayBack(plan(done, present), keys, owners)


def _people(run: Run) -> list[DirectoryPerson]:
    """Those of the run's connection whom it did something to."""
    ours = DirectoryPerson.objects.filter(connection=run.connection_id).order_by()
    changed = ours.filter(source_id__in=run.changes.order_by().values("source_id"))
    moved = ours.filter(pk__in=run.membership_changes.order_by().values("person"))
    return [*changed.union(moved)]


def _done(run: Run, people: Mapping[str, DirectoryPerson]) -> list[Done]:
    moved: dict[int, list[Moved]] = defaultdict(list)
    for key, group, joined, by_hand in run.membership_changes.order_by("pk").values_list(
        "person", "group", "joined", "by_hand"
    ):
        moved[key].append(Moved(group, joined, by_hand))
    rows = run.changes.order_by("pk").values_list("source_id", "person_name", "kind", "before", "after")
    done = []
    for source_id, name, kind, before, after in rows:
        known = people.get(source_id)
        mine = moved.pop(known.pk, []) if known else []
        done.append(Done(source_id, name, LineKind(kind), before, after, tuple(mine)))
    others = {person.pk: person for person in people.values()}
    for key in sorted(moved.keys() & others.keys()):
        person = others[key]
        done.append(Done(person.source_id, str(person), moved=tuple(moved[key])))
    return done


def _groups(people: Iterable[DirectoryPerson]) -> Mapping[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for batch in batches([person.pk for person in people]):
        rows = Membership.objects.filter(person__in=batch).order_by()
        for person, group in rows.values_list("person", "group"):
            found[person].add(group)
    return found


def _turned_since(run: Run) -> Collection[str]:
    """Who has left or come back since, by a run of the same connection."""
    later = Change.objects.filter(run__connection=run.connection_id, run__gt=run.pk, kind__in=_TURNING)
    return set(later.order_by().values_list("source_id", flat=True))


def _addresses_taken(
    run: Run, done: Sequence[Done], people: Mapping[str, DirectoryPerson]
) -> Collection[str]:
    """Of the addresses that people would have again, those that somebody else is active with by now."""
    wanted = {_address(one, people[one.source_id]) for one in done if one.source_id in people} - {""}
    touched, found = {person.pk for person in people.values()}, set[str]()
    active = DirectoryPerson.objects.filter(company=run.connection.company_id, state=PersonState.ACTIVE)
    for batch in batches(sorted(wanted)):
        rows = active.annotate(lower=Lower("email")).filter(lower__in=batch).order_by()
        found |= {address for pk, address in rows.values_list("pk", "lower") if pk not in touched}
    return found


def _address(done: Done, person: DirectoryPerson) -> str:
    if done.kind is LineKind.DEACTIVATED:
        return person.email.lower()
    return done.before.get("email", "").lower()


def _left_otherwise(run: Run, done: Done, person: DirectoryPerson) -> bool:
    """Whether they are out for another reason than this run gave, without a run since: an invitation expired."""
    said = RELEASED if run.kind == RunKind.RELEASE else done.after.get(STATUS, "")
    return done.kind is LineKind.DEACTIVATED and person.left_because != said


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
    there: set[tuple[int, str]] = set()
    for batch in batches(sorted({owner.source_id for owner in owners.values()})):
        used = DirectoryPerson.objects.filter(company=run.connection.company_id, source_id__in=batch)
        there |= set(used.order_by().values_list("connection", "source_id"))
    return {key: one for key, one in owners.items() if (one.connection.pk, one.source_id) not in there}
