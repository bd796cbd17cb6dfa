"""The inbox of a connection: trouble is opened once, counted, put aside by a person, and closed when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.engine import problems
from integrations.models import (
    Connection,
    ConnectionState,
    Held,
    HeldState,
    Invitation,
    InvitationState,
    Issue,
    Problem,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services.records import record_of
from portal.accounts.models import Company, User
from portal.kit import clock
from portal.kit.clock import Clock
from portal.kit.errors import NeedsPerson

# Codes of issues besides those of problems, which bear this beginning.
CREDENTIALS = "credentials"
FAILING = "failing"
EXPIRING, EXPIRED = "expiring", "expired"
HELD = "held_removals"
INVITATIONS = "invitations"
PROBLEM = "problem:"
SNOOZES = (1, 3, 7, 30)  # days

HELD_WORDS = gettext_noop("Removals wait for a decision.")
INVITATIONS_WORDS = gettext_noop(
    "Many invitations were not accepted in six months. So many people are not deactivated at once: they stay, and it is "
    "looked at again after a week. Invite again whoever is to accept."
)
TIME_TO_LOOK = timedelta(days=7)  # by so much such invitations go on
# Whoever it is about came in; only a field that never arrives is somebody's to mend.
_NOBODY_WAITS = problems.REMARKS - problems.NOT_ABOUT_PEOPLE
_READING = (RunKind.FIRST, RunKind.SCHEDULED, RunKind.MANUAL, RunKind.INCREMENTAL)
_CODE_LENGTH = Issue._meta.get_field("code").max_length or 0
_WORDS_LENGTH = Issue._meta.get_field("words").max_length or 0


def raise_issue(
    connection: Connection,
    code: str,
    words: str,
    *,
    count: int = 1,
    url: str = "",
    now: Clock = clock.now,
) -> Issue:
    """The open issue of this code with these words, made if there is none. One that was put aside stays aside.

    `words` is a sentence without numbers, so that it can be translated; `count` is how many people or times.
    """
    at = now()
    values = {"words": words[:_WORDS_LENGTH], "count": count, "url": url, "seen_at": at}
    issue, created = Issue.objects.get_or_create(
        connection=connection,
        code=code[:_CODE_LENGTH],
        resolved_at=None,
        defaults={**values, "opened_at": at},
    )
    if not created:
        Issue.objects.filter(pk=issue.pk).update(**values)
        for name, value in values.items():
            setattr(issue, name, value)
    return issue


def resolve(connection: Connection, code: str | None = None, *, now: Clock = clock.now) -> int:
    """It is over: the open issue of this code, or with None all of the connection. Returns how many."""
    found = Issue.objects.filter(connection=connection, resolved_at=None).order_by()
    if code is not None:
        found = found.filter(code=code[:_CODE_LENGTH])
    return found.update(resolved_at=now())


def snooze(issue: Issue, days: int, *, by: User, now: Clock = clock.now) -> Issue:
    """Puts an open issue aside for so many days, 0 takes it back. Raises NeedsPerson."""
    if days not in (0, *SNOOZES):
        raise NeedsPerson(_("Choose for how many days the issue is put aside."), code="days")
    until = now() + timedelta(days=days) if days else None
    with transaction.atomic():
        fresh = Issue.objects.select_for_update().get(pk=issue.pk)
        if fresh.resolved_at:
            raise NeedsPerson(_("This issue is over already."), code="over")
        fresh.snoozed_until, fresh.snoozed_by = until, by if until else None
        fresh.save(update_fields=["snoozed_until", "snoozed_by"])
        connection = Connection.objects.select_related("company").get(pk=fresh.connection_id)
        action = "issue.snoozed" if until else "issue.unsnoozed"
        record_of(connection, action, by=by, subject=f"{connection} · {fresh.code}", days=days)
    return fresh


def note_run(connection: Connection, *, now: Clock = clock.now) -> Run | None:
    """Opens and closes what the latest run that read people says about its problems and held removals.

    A run that read only what changed closes no issue about people whom it did not read. Returns that run.
    """
    runs = Run.objects.filter(
        connection=connection, kind__in=_READING, outcome__in=(RunOutcome.APPLIED, RunOutcome.HELD)
    )
    run = runs.order_by("-pk").first()
    if run is not None:
        counts = _problems_of(run)
        url = f"{reverse('run_detail', args=[run.public_id])}#problems"
        for code, number in counts.items():
            words = problems.words(code).title
            raise_issue(connection, f"{PROBLEM}{code}", words, count=number, url=url, now=now)
        if run.kind != RunKind.INCREMENTAL:
            known = [f"{PROBLEM}{code}"[:_CODE_LENGTH] for code in counts]
            gone = Issue.objects.filter(connection=connection, resolved_at=None, code__startswith=PROBLEM)
            gone.exclude(code__in=known).order_by().update(resolved_at=now())
    _note_held(connection, run, now)
    return run


def _problems_of(run: Run) -> Mapping[str, int]:
    if not run.problem_count:
        return {}
    rows = Problem.objects.filter(run=run).exclude(code__in=_NOBODY_WAITS).order_by().values_list("code")
    return dict(rows.annotate(number=Count("pk")))


def _note_held(connection: Connection, run: Run | None, now: Clock) -> None:
    waiting = Held.objects.filter(person__connection=connection, state=HeldState.WAITING).count()
    if not waiting:
        resolve(connection, HELD, now=now)
        return
    url = reverse("run_detail", args=[run.public_id]) if run else ""
    raise_issue(connection, HELD, HELD_WORDS, count=waiting, url=url, now=now)


def close_settled() -> None:
    """Duty: held removals that were all decided meanwhile, invitations of which none is about to end any more, and
    connections that were ended, have no open issue."""
    waiting = Held.objects.filter(person__connection=OuterRef("connection"), state=HeldState.WAITING)
    found = Issue.objects.filter(resolved_at=None)
    settled = found.filter(code=HELD).filter(~Exists(waiting))
    ending = Invitation.objects.filter(
        person__connection=OuterRef("connection"),
        state=InvitationState.PENDING,
        expires_at__lte=clock.now() + TIME_TO_LOOK,
    )
    accepted = found.filter(code=INVITATIONS).filter(~Exists(ending))
    ended = found.filter(connection__state=ConnectionState.DISCONNECTED)
    for rows in (settled, accepted, ended):
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:500])
        if keys:
            Issue.objects.filter(pk__in=keys).order_by().update(resolved_at=clock.now())


def issues_of(connection: Connection) -> list[Issue]:
    """What is open and not put aside, the latest first: the lines on the connection's page."""
    return list(Issue.objects.filter(connection=connection).shown().order_by("-seen_at", "-pk"))


def issues_for(user: User, company: Company | None = None) -> QuerySet[Issue]:
    """Every issue that the user may see, of one company or of all, with its connection and company."""
    found: QuerySet[Issue] = Issue.objects.for_actor(user)
    if company is not None:
        found = found.filter(connection__company=company)
    return found.select_related("connection__company", "snoozed_by").order_by("-seen_at", "-pk")


def count_for_customer(user: User) -> int | None:
    """As `issue_count`; None for whoever has no company. One query."""
    issue = "connections__issues"
    aside = Q(**{f"{issue}__snoozed_until__gt": Now()})
    shown = Q(**{f"{issue}__resolved_at": None}) & ~aside
    mine = Company.objects.for_actor(user).order_by()
    number = Count(issue, filter=shown, distinct=True)
    found = mine.aggregate(companies=Count("pk", distinct=True), number=number)
    return int(found["number"]) if found["companies"] else None


def issue_count(user: User) -> int:
    """How many the user should look at. One query."""
    return int(Issue.objects.for_actor(user).shown().count())
