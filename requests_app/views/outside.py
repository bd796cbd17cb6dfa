"""What happens outside after an approval: the ticket and the connection, as the pages show them live."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.models import Check, Connection, ConnectionState, Run
from integrations.provider import Kind
from integrations.services.states import tile
from integrations.views.words import run_title
from portal.kit.leases import JobState
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.services.moves import marker_of

_DECIDED = frozenset({Stage.APPROVED, Stage.LIVE, Stage.FAILED, Stage.CLOSED})


@dataclass(frozen=True, slots=True)
class Outside:
    """`effect` is the row that creates the ticket; `run` and `check` the latest of the connection."""

    req: Request
    effect: Effect | None = None
    connection: Connection | None = None
    run: Run | None = None
    check: Check | None = None

    @property
    def is_shown(self) -> bool:
        return self.req.current_stage in _DECIDED

    @property
    def jira_failed(self) -> bool:
        states = (JobState.FAILED, JobState.DEAD)
        return not self.req.jira_key and self.effect is not None and self.effect.job_state in states

    @property
    def jira_waits(self) -> bool:
        """Jira was away; the next try is at `effect.due_at`."""
        return self.jira_busy and self.effect is not None and bool(self.effect.failure)

    @property
    def jira_busy(self) -> bool:
        return not self.req.jira_key and self.effect is not None and self.effect.is_open

    @property
    def tone(self) -> str:
        return tile(self.connection).tone if self.connection else "neutral"

    @property
    def connection_busy(self) -> bool:
        return bool((self.run and self.run.is_open) or (self.check and self.check.is_open))

    @property
    def connection_failed(self) -> bool:
        return self.connection is not None and self.connection.state == ConnectionState.QUARANTINED

    @property
    def run_words(self) -> str:
        return run_title(self.run) if self.run else ""

    @property
    def every(self) -> str:
        """How often the page asks again; empty when there is nothing more to come."""
        if self.connection_busy or (self.jira_busy and not self.jira_waits):
            return "2s"
        if self.req.jira_key and not self.req.jira_status:
            return "5s"
        if self.connection and self.req.current_stage == Stage.APPROVED:
            # The run may have ended between our look at the request and at the run: the news is still to come.
            return "5s"
        return "15s" if self.jira_busy else ""


def issue_effect(req: Request) -> Effect | None:
    """The row that creates the ticket."""
    return Effect.objects.filter(marker=marker_of(req)).first()


def outside_of(req: Request) -> Outside:
    """At most three queries; none before a decision."""
    if req.current_stage not in _DECIDED:
        return Outside(req)
    effect = issue_effect(req)
    connection = req.connection
    if connection is None:
        return Outside(req, effect)
    if connection.kind == Kind.SSO:
        return Outside(req, effect, connection, check=connection.checks.first())
    return Outside(req, effect, connection, run=connection.runs.first())
