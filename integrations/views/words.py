"""What the pages say: tones of states, what to do next, durations, and the lines of a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.models import (
    Change,
    ChangeKind,
    Check,
    Connection,
    ConnectionState,
    Phase,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.people import ATTRIBUTES, FIELDS
from integrations.provider import Kind
from portal.kit.leases import JobState

STATE_TONES = {
    ConnectionState.SETTING_UP: "neutral",
    ConnectionState.CONNECTING: "busy",
    ConnectionState.CONNECTED: "good",
    ConnectionState.ERROR: "bad",
    ConnectionState.PAUSED: "warn",
    ConnectionState.DISCONNECTED: "neutral",
}
KIND_TONES = {
    ChangeKind.ADDED: "good",
    ChangeKind.CHANGED: "info",
    ChangeKind.DEACTIVATED: "bad",
    ChangeKind.RETURNED: "purple",
}
_STEPS = {
    "o1": "Entries",
    "o2": "Address",
    "o3": "Sign-in settings",
    "o4": "Organisation",
    "o5": "Abilities",
    "o6": "Signing keys",
    "o7": "Credentials",
}
_SECONDS = ((86400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Badge:
    label: str
    tone: str


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute of a change. Empty stands for "nothing"."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    ok: bool
    words: str


def state_badge(connection: Connection) -> Badge:
    state = ConnectionState(connection.state)
    return Badge(str(state.label), STATE_TONES[state])


def advice(connection: Connection) -> str:
    """What this state means for whoever looks at it, and what to do."""
    hris = connection.kind == Kind.HRIS
    return {
        ConnectionState.SETTING_UP: "Not everything that the connection needs has been entered yet. "
        "Enter the credentials, and it is checked at once.",
        ConnectionState.CONNECTING: "We are checking the connection. You may close this page; it goes on.",
        ConnectionState.CONNECTED: "Everything works. People are kept in step by schedule."
        if hris
        else "Everything that can be checked without a person signing in is right.",
        ConnectionState.ERROR: "Nobody was changed by this. Put it right and try again, "
        "or replace the credentials if they are no longer the current ones.",
        ConnectionState.PAUSED: "Nothing is read and nobody is changed until the connection goes on.",
        ConnectionState.DISCONNECTED: "People stay as they are, and nothing changes them any more.",
    }[ConnectionState(connection.state)]


def run_badge(run: Run) -> Badge:
    if run.job_state == JobState.QUEUED:
        return Badge("Waiting to start" if run.phase == Phase.QUEUED else "Waiting to go on", "busy")
    if run.job_state == JobState.RUNNING:
        return Badge("Running", "busy")
    if run.job_state in (JobState.FAILED, JobState.DEAD) or run.outcome == RunOutcome.FAILED:
        return Badge("Failed", "bad")
    if run.outcome == RunOutcome.HELD:
        return Badge("Held", "warn")
    return Badge("Done", "good")


def run_title(run: Run) -> str:
    return {RunKind.FIRST: "First run", RunKind.SCHEDULED: "Scheduled run", RunKind.MANUAL: "Manual run"}.get(
        RunKind(run.kind), "Run"
    )


def duration(start: datetime | None, end: datetime | None) -> str:
    """ "1 minute 5 seconds"; empty when one of both is not known."""
    if start is None or end is None:
        return ""
    rest = max((end - start).total_seconds(), 0.0)
    if rest < 1:
        return "less than a second"
    seconds, parts = round(rest), []
    for size, word in (*_SECONDS, (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    return " ".join(parts[:2])


def phases(run: Run) -> list[dict[str, str]]:
    """The steps of a run for `_partials/_steps.html`, with where it is."""
    order = [Phase.TESTING, Phase.READING, Phase.APPLYING]
    at = -1 if run.phase == Phase.QUEUED else len(order)
    if run.phase in order:
        at = order.index(Phase(run.phase))
    told = {
        Phase.READING: f"{count(run.seen, 'person', 'people')} on {count(run.pages, 'page')} so far",
        Phase.APPLYING: f"{run.change_total:,} so far" if run.change_total else "",
    }
    return [
        {
            "title": str(phase.label),
            "text": told.get(phase, "") if index <= at else "",
            "state": "done" if index < at else "now" if index == at else "next",
        }
        for index, phase in enumerate(order)
    ]


def count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def lines(change: Change) -> list[Line]:
    """Before and after per attribute, in the order of the directory."""
    names = [name for name in ATTRIBUTES if name in change.before or name in change.after]
    names += sorted((set(change.before) | set(change.after)) - set(names))
    return [
        Line(
            ATTRIBUTES.get(name, name.replace("_", " ").capitalize()),
            _text(change.before, name),
            _text(change.after, name),
        )
        for name in names
    ]


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return "" if value is None else str(value)


def steps(check: Check | None) -> list[Step]:
    """The findings of a check, each with a heading."""
    findings: Sequence[dict[str, Any]] = check.findings if check else []
    return [
        Step(
            _STEPS.get(str(found.get("step")), str(found.get("step"))),
            bool(found.get("ok")),
            str(found.get("words", "")),
        )
        for found in findings
    ]


def mapping_rows(connection: Connection) -> list[tuple[str, str]]:
    """Attribute and the words of the field that it comes from, in the order of the directory."""
    mapping = connection.effective_mapping
    return [(label, field_label(mapping[name])) for name, label in ATTRIBUTES.items() if mapping.get(name)]


def field_label(field: str) -> str:
    return FIELDS.get(field, field.replace("_", " ").capitalize()) if field else ""
