"""Groups after the people: from an attribute or from the vendor's events, recomputed as far as anything changed."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_noop

from integrations.engine.diff import LineKind
from integrations.engine.guard import LEAST_ANSWERED_SHARE, MOST_REMOVALS
from integrations.engine.plan import Following
from integrations.engine.policy import BY_EVENT
from integrations.engine.problems import EVENT_UNREADABLE, FEW_EVENTS, Found
from integrations.models import Connection, DirectoryPerson, Run, RunOutcome
from integrations.people import EVENT_FIELD
from integrations.services.sync import LEASE, Sync
from integrations.targets import foreseen, groups
from integrations.targets.directory import Counts
from portal.kit import clock
from portal.kit.leases import fenced, renew, update

# Stored in English and retold to whoever reads it.
_FEW_EVENTS = gettext_noop(
    "Far fewer people than before are assigned to an event, so nobody was taken out of the group of an event."
)


@dataclass(frozen=True, slots=True)
class Grouped:
    """How many groups were made, and how many memberships joined and left."""

    made: int = 0
    joined: int = 0
    left: int = 0


def read_events(sync: Sync) -> None:
    """Who is assigned to what, before people are judged; nothing where neither groups nor the filter ask for it.

    Each batch is a transaction of its own: a step that is killed meanwhile begins again, as nobody was read yet.
    """
    events, run = sync.events, sync.run
    if events is None or not (_by_event(sync) or EVENT_FIELD in sync.rules.filter.fields):
        return
    with fenced(run):
        groups.forget_assigned(sync.directory)
    unusable = 0
    for batch in events.assigned(sync.http, sync.settings, clock.now().date()):
        with fenced(run):
            unusable += groups.assign(sync.directory, batch)
            sync.asked.write()
            renew(run, LEASE)
    if unusable:
        with fenced(run):
            sync.directory.report([Found(EVENT_UNREADABLE)] * unusable)
            renew(run, LEASE, problem_count=run.problem_count + unusable)


def update_groups(sync: Sync, connection: Connection, counts: Counts, *, held: bool) -> Grouped:
    """Makes what is missing and puts memberships as they should be; edits by hand do not survive.

    Only the people whom the run changed are looked at, unless groups may have changed without them. Removals that were
    held may mean that the events are wrong as well: then nobody is taken out of a group of an event.
    """
    by_event = _by_event(sync)
    edited, others = connection.groups_edited, _other_rules(sync.run)
    everybody = by_event or edited or others
    if not (everybody or counts.changes):
        return Grouped()
    leaves = not by_event or not (held or _events_are_few(sync))
    with sync.watch.timed("groups"):
        group_by, directory = sync.rules.policy.group_by, sync.directory
        if everybody:
            directory.in_bulk()
        made = groups.make(directory, group_by, everybody=everybody) if group_by else 0
        # By other rules nobody can tell any more what was done by hand.
        joined, left = groups.regroup(
            directory,
            group_by,
            everybody=everybody,
            edited=edited and not others,
            leaves=leaves,
            all_new=everybody and _all_are_new(sync, counts),
        )
    if edited and leaves:
        connection.groups_edited = False
        connection.save(update_fields=["groups_edited"])
    return Grouped(made, joined, left)


def foresee_groups(sync: Sync, counts: Counts) -> Following:
    """What `update_groups` would do once the plan is carried out; whoever only changes groups gets a line of the plan."""
    run, group_by = sync.run, sync.rules.policy.group_by
    edited = Connection.objects.order_by().values_list("groups_edited", flat=True).get(pk=run.connection_id)
    everybody = _by_event(sync) or edited or _other_rules(run)
    if not (everybody or counts.changes):
        return Following()
    if everybody:
        sync.directory.in_bulk()
    made, joined, left, moves = sync.directory.row(foreseen.regrouping(group_by, everybody=everybody))
    return Following(made, joined, left, moves=int(moves))


def _all_are_new(sync: Sync, counts: Counts) -> bool:
    """Whether everybody who is here, active or not, came in with this run, as with the first one."""
    people = DirectoryPerson.objects.filter(connection=sync.run.connection_id)
    return people.count() == counts.kinds[LineKind.ADDED]


def _events_are_few(sync: Sync) -> bool:
    """Whether less than half is left of all events at once: a fault sooner than their end, and said so.

    A plan says how many would leave their groups: what a person confirmed is done.
    """
    assigned, members = groups.assigned_and_members(sync.directory)
    enough = assigned >= members * LEAST_ANSWERED_SHARE
    if enough or members <= MOST_REMOVALS or sync.run.receipt_id:
        return False
    sync.directory.report([Found(FEW_EVENTS)])
    update(sync.run, words=_FEW_EVENTS, problem_count=sync.run.problem_count + 1)
    return True


def _by_event(sync: Sync) -> bool:
    return sync.rules.policy.group_by == BY_EVENT


def _other_rules(run: Run) -> bool:
    """Whether what the groups are was not made by these rules, all of them: by another attribute, for example."""
    done = Run.objects.filter(connection=run.connection_id, outcome__in=(RunOutcome.APPLIED, RunOutcome.HELD))
    last = done.exclude(rules_digest="").order_by("-pk").values_list("outcome", "rules_digest").first()
    return last != (RunOutcome.APPLIED, run.rules_digest)
