"""What the outcome of a run or a check means for its connection: the state, the reason, and the news."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.engine.problems import NOT_ABOUT_PEOPLE, REMARKS
from integrations.models import Connection, ConnectionState, Problem, Run
from integrations.provider import Kind
from integrations.services import issues, ladder
from integrations.services.ladder import Failure
from integrations.services.schedule import next_slot
from integrations.signals import CONNECTED, FAILED, connection_news
from portal.kit import clock
from portal.kit.clock import Clock
from portal.kit.retold import retold

# A person's decision; what a worker found out meanwhile does not undo it.
_DECIDED = (ConnectionState.PAUSED, ConnectionState.DISCONNECTED)
MANY_PROBLEMS, LEAST_PROBLEMS = 0.20, 5  # of those who were read
MANY_WORDS = gettext_noop("Many people could not be handled by the last run. Its page names them.")


@dataclass(frozen=True, slots=True)
class Tile:
    """A state at a glance (seed 003). `tone` is one of the badge's; `words` say more, the reason of an error first."""

    label: str
    tone: str
    words: str


def tile(connection: Connection) -> Tile:
    """What the tile of a connection says, in the reader's language."""
    reason = retold(connection.reason)
    label, tone, words = {
        ConnectionState.SETTING_UP: (
            _("Setting up"),
            "neutral",
            _("Somebody has begun to set it up. Nothing is read before the plan is confirmed."),
        ),
        ConnectionState.CONNECTING: (_("Connecting"), "neutral", _("We are checking the connection.")),
        ConnectionState.CONNECTED: (_("Connected"), "good", _("Everything works.")),
        ConnectionState.DEGRADED: (_("Connected"), "warn", _("It works, but something needs a look.")),
        ConnectionState.QUARANTINED: (_("Connection error"), "bad", _("It does not work at the moment.")),
        ConnectionState.PAUSED: (_("Paused"), "warn", _("Nothing is read and nobody is changed.")),
        ConnectionState.DISCONNECTED: (
            _("Disconnected"),
            "neutral",
            _("Nothing changes the people any more."),
        ),
    }[ConnectionState(connection.state)]
    return Tile(label, tone, reason or words)


@transaction.atomic
def set_connected(
    connection: Connection,
    *,
    reason: str = "",
    reason_code: str = "",
    asked: bool = True,
    now: Clock = clock.now,
) -> None:
    """It works, and what was wrong is over. `reason` is for what somebody should look at nevertheless, such as held
    removals, and makes it DEGRADED; so does a run that could not handle many of the people whom it read. `asked` False:
    a person settled it here, so the data is as old as it was."""
    row = _locked(connection)
    if row.state not in _DECIDED:
        first = asked and row.last_success_at is None
        run = issues.note_run(row, now=now)
        if not reason and _has_many_problems(run):
            reason, reason_code = MANY_WORDS, "many_problems"
        row.state = ConnectionState.DEGRADED if reason else ConnectionState.CONNECTED
        row.reason, row.reason_code = reason[:500], reason_code[:40]
        if row.failures and row.kind == Kind.HRIS:
            row.next_run_at = next_slot(row, now())
        _forgive(row, now)
        row.save(update_fields=[*_WRITTEN, "next_run_at"])
        if asked:
            Connection.objects.filter(pk=row.pk).order_by().update(last_success_at=Now())
    else:
        first = False
    connection.refresh_from_db()
    if first:
        connection_news.send(Connection, connection=connection, news=CONNECTED, reason="")


@transaction.atomic
def set_error(
    connection: Connection,
    *,
    reason: str,
    reason_code: str,
    by_hand: bool = False,
    now: Clock = clock.now,
) -> None:
    """A person must look at it: quarantine, and the ladder of retries. What is only being planned keeps its state.

    `by_hand`: a person's own try is no step of the ladder. It is news for a request only while the connection was being
    made.
    """
    row = _locked(connection)
    was = row.state
    if was not in (*_DECIDED, ConnectionState.SETTING_UP):
        if was == ConnectionState.CONNECTING:  # somebody has just put it right: its time begins again
            _forgive(row, now)
        failure = Failure(reason, reason_code)
        ladder.climb(row, failure, now(), by_hand=by_hand)
        ladder.tell(row, failure, quietly=was == ConnectionState.CONNECTING)
        row.save(update_fields=[*_WRITTEN, "next_run_at"])
    connection.refresh_from_db()
    if was == ConnectionState.CONNECTING:
        connection_news.send(Connection, connection=connection, news=FAILED, reason=connection.reason)


def _forgive(connection: Connection, now: Clock) -> None:
    """Forgets the failures so far; the caller saves the row."""
    connection.failing_since, connection.failures, connection.told_reason = None, 0, ""
    for code in (issues.FAILING, issues.CREDENTIALS):
        issues.resolve(connection, code, now=now)


_WRITTEN = ("state", "reason", "reason_code", "failing_since", "failures", "told_reason")


def _locked(connection: Connection) -> Connection:
    rows = Connection.objects.select_for_update(of=("self",), no_key=True).select_related(
        "company", "created_by"
    )
    found: Connection = rows.order_by().get(pk=connection.pk)
    return found


def _has_many_problems(run: Run | None) -> bool:
    """A field that nobody has and a remark are worth a line, but no person's trouble."""
    most = 0.0 if run is None else max(LEAST_PROBLEMS, run.seen * MANY_PROBLEMS)
    if run is None or run.problem_count <= most:
        return False
    others = Problem.objects.filter(run=run, code__in=NOT_ABOUT_PEOPLE | REMARKS).count()
    return run.problem_count - others > most
