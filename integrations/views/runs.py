"""The page of a run: live while it goes on, then what it did to whom, how long it took, and what was asked for it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_safe

from integrations.engine.problems import REMARKS
from integrations.models import Run, RunKind, RunOutcome
from integrations.services.adopting import new_draft_of
from integrations.services.undo import refusal, undoing_of
from integrations.views import words
from integrations.views.run_changes import changes_of, skipped_and_remarks
from integrations.views.shared import DeskRequest, address_for, page_of, run_of
from integrations.views.standing_words import stopped
from portal.accounts.models import User
from portal.kit.retold import retold

REQUESTS_PER_PAGE = 100
_DEEDS = (RunKind.UNDO, RunKind.RELEASE)  # of a person: nothing is read for them
# Stages as runs time them; another one is shown by its own name.
_STAGES = {
    "testing": gettext_noop("Testing the credentials"),
    "reading": gettext_noop("Reading people"),
    "comparing": gettext_noop("Comparing with the directory"),
    "applying": gettext_noop("Applying the changes"),
    "groups": gettext_noop("Groups"),
    "invitations": gettext_noop("Invitations"),
}


@require_safe
def run_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    run = run_of(request.user, public_id)
    context = progress(run) | {"facts": facts(run)}
    if not run.is_open:
        context |= changes_of(request, run)
        context |= skipped_and_remarks(run) | {"stages": _stages(run), **_links(request.user, run)}
        context["new_plan_url"] = _new_plan_url(request.user, run)
    return render(request, "integrations/run_detail.html", context)


@require_safe
def run_progress(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Asked for every two seconds. The last answer asks the page to load itself again, with the changes."""
    run = run_of(request.user, public_id)
    response = render(request, "integrations/_run_progress.html", progress(run))
    if request.htmx and not run.is_open:
        response["HX-Refresh"] = "true"
    return response


@require_safe
def run_requests(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """What was asked of the HR system, request by request: for whoever looks into a fault."""
    run = run_of(request.user, public_id)
    page = page_of(request, run.asked.order_by("pk"), REQUESTS_PER_PAGE)
    context = {"run": run, "connection": run.connection, "title": words.run_title(run), "page": page}
    return render(request, "integrations/run_requests.html", context)


def progress(run: Run) -> dict[str, Any]:
    """The context of _run_progress.html."""
    return {
        "run": run,
        "connection": run.connection,
        "title": words.run_title(run),
        "badge": words.run_badge(run),
        "stopped": stopped(run),
        "dry": run.kind == RunKind.DRY,
        "undoes": run.kind == RunKind.UNDO,
        "is_deed": run.kind in _DEEDS,
        "phases": words.phases(run),
        "pace": words.pace(run),
        "waited": words.duration(run.created_at, run.started_at),
        "read": words.read(run) if run.pages else "",
        "took": words.duration(run.started_at, run.finished_at),
        "numbers": _numbers(run),
    }


def _numbers(run: Run) -> list[tuple[str, int, str]]:
    """The tiles: a label, a number, and a word on what it leaves out. Those that say nothing are not there."""
    came = _more(_("%(number)s came back"), run.returned), _more(_("%(number)s taken over"), run.matched)
    moved = _("%(joined)s joined, %(left)s left") % {
        "joined": intcomma(run.joined),
        "left": intcomma(run.left_groups),
    }
    made = _more(
        ngettext("%(number)s group is new", "%(number)s groups are new", run.groups_made), run.groups_made
    )
    tiles = [
        (_("Added"), run.added, ", ".join(filter(None, came))),
        (_("Changed"), run.changed, _("%(number)s unchanged") % {"number": intcomma(run.unchanged)}),
        (_("Deactivated"), run.deactivated, _("Their accounts are kept") if run.deactivated else ""),
        _problems(run),
    ]
    rest = [
        (_("Removals held"), run.held, _("Nobody of them was changed")),
        (_("Memberships"), run.joined + run.left_groups, ". ".join(filter(None, (moved, made)))),
        (_("Invited"), run.invited, ""),
    ]
    return tiles + [tile for tile in rest if tile[1]]


def _problems(run: Run) -> tuple[str, int, str]:
    """How many could not be handled; who was handled with a remark is in the note alone."""
    remarks = run.problems.filter(code__in=REMARKS).count() if run.problem_count else 0
    skipped = max(run.problem_count - remarks, 0)
    said = ngettext("%(number)s remark", "%(number)s remarks", remarks)
    notes = _("Explained below") if skipped else "", _more(said, remarks)
    return _("Problems"), skipped, ", ".join(filter(None, notes))


def _more(words: str, number: int) -> str:
    return words % {"number": intcomma(number)} if number else ""


def facts(run: Run) -> list[str]:
    """When it was due, who asked for it and why, and what it belongs to."""
    again = run.kind in (RunKind.SCHEDULED, RunKind.INCREMENTAL) and not run.slot
    said = [
        _("Another try after a failure") if again else "",
        _("Slot of %(when)s UTC") % {"when": f"{run.slot:%Y-%m-%d %H:%M}"} if run.slot else "",
        _("Asked for by %(who)s") % {"who": run.asked_by} if run.asked_by else "",
        f"“{retold(run.words)}”" if run.words else "",
        _("Carries out a confirmed plan") if run.receipt_id else "",
    ]
    return [one for one in said if one]


def _stages(run: Run) -> dict[str, Any]:
    """Seconds by stage, in the order in which they went."""
    names = [*_STAGES, *(name for name in run.timings if name not in _STAGES)]
    found = [(name, run.timings[name]) for name in names if name in run.timings]
    return {
        "labels": [_(_STAGES[name]) if name in _STAGES else str(name).capitalize() for name, _took in found],
        "seconds": [round(float(took), 1) for _name, took in found],
    }


def _new_plan_url(user: User, run: Run) -> str:
    """Where a change goes on that this run did not carry out."""
    refused = run.receipt is not None and run.outcome in (RunOutcome.HELD, RunOutcome.FAILED)
    goes_on = refused and run.receipt and new_draft_of(run.receipt) is not None
    return address_for(user, "setup", run.connection.public_id) if goes_on else ""


def _links(user: User, run: Run) -> dict[str, Any]:
    may_undo = run.change_total or run.joined or run.left_groups
    undone = undoing_of(run) if may_undo else None
    undo = address_for(user, "run_undo", run.public_id) if may_undo and not undone else ""
    return {
        "requests_url": "" if run.kind in _DEEDS else address_for(user, "run_requests", run.public_id),
        "undo_url": undo if undo and not refusal(run) else "",
        "undone_url": address_for(user, "run_detail", undone.public_id) if undone else "",
        "again_url": address_for(user, "run_undo", run.undoes.public_id) if run.undoes else "",
        "undone": undone,
        "decide_url": address_for(user, "holds_detail", run.connection.public_id)
        if run.kind == RunKind.RELEASE
        else "",
        "holds_url": address_for(user, "holds_detail", run.connection.public_id) if run.held else "",
        "matches_url": address_for(user, "matches_list", run.connection.public_id),
    }
