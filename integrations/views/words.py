"""What the pages say: tones of states, names of runs, durations, and the lines of a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, ngettext_lazy, pgettext

from integrations.engine.diff import ACTIVE, STATUS
from integrations.engine.plan import GROUPS, REGROUPED
from integrations.engine.policy import Leaving
from integrations.engine.problems import EVENT_UNREADABLE, FIELD_NEVER_SENT
from integrations.models import (
    Change,
    ChangeKind,
    Check,
    Connection,
    Issue,
    PersonState,
    Phase,
    Planned,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.people import ATTRIBUTES
from integrations.services.departing import RELEASED, UNDONE
from integrations.services.invitation_ends import EXPIRED
from integrations.services.issues import PROBLEM
from integrations.services.states import tile
from integrations.services.wording import attribute_label, day_words
from portal.kit import clock
from portal.kit.leases import JobState

KIND_TONES = {
    ChangeKind.ADDED: "good",
    ChangeKind.CHANGED: "info",
    ChangeKind.DEACTIVATED: "bad",
    ChangeKind.RETURNED: "purple",
    ChangeKind.MATCHED: "purple",
    REGROUPED: "info",
}
# Plans have one kind of line more than the change log.
KINDS = {**{kind.value: str(kind.label) for kind in ChangeKind}, REGROUPED: gettext_noop("Moves group")}
_STATUSES = {
    ACTIVE: gettext_noop("active"),
    Leaving.TERMINATED.value: gettext_noop("has left, says the HR system"),
    Leaving.ABSENT.value: gettext_noop("no longer listed by the HR system"),
    Leaving.OUTSIDE.value: gettext_noop("no longer let in by the filter"),
    RELEASED: gettext_noop("a person released the removal"),
    UNDONE: gettext_noop("the run that brought them was undone"),
    EXPIRED: gettext_noop("did not accept the invitation in time"),
    PersonState.DEACTIVATED.value: gettext_noop("deactivated"),
}
PERSON_TONES = {PersonState.ACTIVE: "good", PersonState.DEACTIVATED: "neutral"}
# What an issue counts where it counts no people.
_ABOUT = {
    f"{PROBLEM}{FIELD_NEVER_SENT}": gettext_noop("It is about %(number)s fields."),
    f"{PROBLEM}{EVENT_UNREADABLE}": gettext_noop("It is about %(number)s events."),
}
_STEPS = {
    "o1": gettext_noop("Entries"),
    "o2": gettext_noop("Address"),
    "o3": gettext_noop("Sign-in settings"),
    "o4": gettext_noop("Organisation"),
    "o5": gettext_noop("Abilities"),
    "o6": gettext_noop("Signing keys"),
    "o7": gettext_noop("Credentials"),
}
_SPANS = (
    (86400, ngettext_lazy("%(count)d day", "%(count)d days", "count")),
    (3600, ngettext_lazy("%(count)d hour", "%(count)d hours", "count")),
    (60, ngettext_lazy("%(count)d minute", "%(count)d minutes", "count")),
    (1, ngettext_lazy("%(count)d second", "%(count)d seconds", "count")),
)


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
    shown = tile(connection)
    return Badge(shown.label, shown.tone)


def run_badge(run: Run) -> Badge:
    if run.job_state == JobState.QUEUED:
        return Badge(_("Waiting to start") if run.phase == Phase.QUEUED else _("Waiting to go on"), "busy")
    if run.job_state == JobState.RUNNING:
        return Badge(_("Running"), "busy")
    if run.job_state in (JobState.FAILED, JobState.DEAD) or run.outcome == RunOutcome.FAILED:
        return Badge(_("Failed"), "bad")
    if run.outcome == RunOutcome.HELD:
        return Badge(pgettext("run", "Held"), "warn")
    if run.outcome == RunOutcome.PLANNED:
        return Badge(_("Planned"), "info")
    return Badge(_("Done"), "good")


def run_title(run: Run) -> str:
    """What every page calls it. A set-up is carried out by the first run, a change by whichever comes next."""
    if run.receipt_id and run.kind != RunKind.FIRST:
        return _("Change of settings")
    return {
        RunKind.FIRST: _("First run"),
        RunKind.SCHEDULED: _("Scheduled run"),
        RunKind.MANUAL: _("Manual run"),
        RunKind.INCREMENTAL: _("Scheduled run, only what changed"),
        RunKind.DRY: _("Plan only"),
        RunKind.RELEASE: _("Held removals released"),
        RunKind.UNDO: _("Undo of a run"),
    }.get(RunKind(run.kind), _("Run"))


def duration(start: datetime | None, end: datetime | None) -> str:
    """ "1 minute 5 seconds"; empty when one of both is not known."""
    if start is None or end is None:
        return ""
    rest = max((end - start).total_seconds(), 0.0)
    if rest < 1:
        return _("less than a second")
    seconds, parts = round(rest), []
    for size, words in _SPANS:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(str(words % {"count": number}))
    return " ".join(parts[:2])


def phases(run: Run) -> list[dict[str, str]]:
    """The steps of a run for `_partials/_steps.html`, with where it is."""
    deed = run.kind in (RunKind.UNDO, RunKind.RELEASE)  # nothing is read for it
    order = [Phase.APPLYING] if deed else [Phase.TESTING, Phase.READING, Phase.APPLYING]
    at = -1 if run.phase == Phase.QUEUED else len(order)
    if run.phase in order:
        at = order.index(Phase(run.phase))
    told = {
        Phase.READING: _("%(people)s on %(pages)s so far")
        % {"people": people(run.seen), "pages": pages(run.pages)},
        Phase.APPLYING: _("%(number)s so far") % {"number": intcomma(run.change_total)}
        if run.change_total
        else "",
    }
    return [
        {
            "title": _(str(phase.label)),
            "text": told.get(phase, "") if index <= at else "",
            "state": "done" if index < at else "now" if index == at else "next",
        }
        for index, phase in enumerate(order)
    ]


def people(number: int) -> str:
    return ngettext("%(number)s person", "%(number)s people", number) % {"number": intcomma(number)}


def pages(number: int) -> str:
    return ngettext("%(number)s page", "%(number)s pages", number) % {"number": intcomma(number)}


def read(run: Run) -> str:
    """How much of the source a run has read: "Read 93 people of 250 on 2 pages."."""
    told = {"people": people(run.seen), "pages": pages(run.pages), "all": intcomma(run.expected or 0)}
    if run.expected:
        return _("Read %(people)s of %(all)s on %(pages)s.") % told
    return _("Read %(people)s on %(pages)s.") % told


def pace(run: Run) -> str:
    """ "120 people a second, about 2 minutes left"; "" where nothing can be said yet."""
    if run.phase != Phase.READING or not run.started_at or not run.seen or run.job_state != JobState.RUNNING:
        return ""
    rate = run.seen / max((clock.now() - run.started_at).total_seconds(), 1.0)
    if rate < 1:
        said = _("%(number)s people a minute") % {"number": max(round(rate * 60), 1)}
    else:
        said = _("%(number)s people a second") % {"number": intcomma(round(rate))}
    if not run.expected or run.expected <= run.seen:
        return said
    left = _span((run.expected - run.seen) / rate)
    return _("%(pace)s, about %(left)s left") % {"pace": said, "left": left}


def _span(seconds: float) -> str:
    """The largest unit alone: "2 minutes"."""
    size, words = next(((size, words) for size, words in _SPANS if seconds >= size), _SPANS[-1])
    return str(words % {"count": max(round(seconds / size), 1)})


def kind_badge(kind: str) -> Badge:
    return Badge(_(KINDS[kind]), KIND_TONES[kind])


def lines(change: Change | Planned) -> list[Line]:
    """Before and after per attribute, in the order of the directory."""
    names = [name for name in ATTRIBUTES if name in change.before or name in change.after]
    names += sorted((set(change.before) | set(change.after)) - set(names))
    return [
        Line(
            _("Groups") if name == GROUPS else attribute_label(name),
            _text(change.before, name),
            _text(change.after, name),
        )
        for name in names
    ]


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if name == STATUS and value in _STATUSES:
        return _(_STATUSES[value])
    return "" if value is None else day_words(str(value))


def steps(check: Check | None) -> list[Step]:
    """The findings of a check, each with a heading."""
    findings: Sequence[dict[str, Any]] = check.findings if check else []
    return [
        Step(
            _(_STEPS.get(str(found.get("step")), str(found.get("step")))),
            bool(found.get("ok")),
            str(found.get("words", "")),
        )
        for found in findings
    ]


def issue_amount(issue: Issue) -> str:
    """What does not work is counted in times, everything else in people, or in what it is about instead; "" for one."""
    if issue.count < 2:
        return ""
    if issue.is_error:
        said = _("It happened %(number)s times.")
    else:
        said = _(_ABOUT[issue.code]) if issue.code in _ABOUT else _("It is about %(number)s people.")
    return said % {"number": intcomma(issue.count)}
