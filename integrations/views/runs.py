"""The page of a run: live while it goes on, then what it did to whom, and what it could not do."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from integrations import queries
from integrations.engine import problems
from integrations.engine.problems import Words
from integrations.models import ChangeKind, DirectoryPerson, Problem, Run
from integrations.people import ATTRIBUTES
from integrations.views import words
from integrations.views.shared import DeskRequest, page_of, people_by_key, run_of

PER_PAGE = 25
PEOPLE_PER_PROBLEM = 20


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    value: str
    count: int
    active: bool


@dataclass(frozen=True, slots=True)
class Group:
    """All problems of one code: what it means, and the first people concerned."""

    words: Words
    count: int
    shown: tuple[tuple[Problem, DirectoryPerson | None, str], ...]

    @property
    def more(self) -> int:
        return self.count - len(self.shown)


@require_safe
def run_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    run = run_of(request.user, public_id)
    context = _progress(run)
    if not run.is_open:
        context |= _changes(request, run) | {"groups": _problems(run)}
    return render(request, "integrations/run_detail.html", context)


@require_safe
def run_progress(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Asked for every two seconds. The last answer asks the page to load itself again, with the changes."""
    run = run_of(request.user, public_id)
    response = render(request, "integrations/_run_progress.html", _progress(run))
    if request.htmx and not run.is_open:
        response["HX-Refresh"] = "true"
    return response


def _progress(run: Run) -> dict[str, Any]:
    return {
        "run": run,
        "connection": run.connection,
        "title": words.run_title(run),
        "badge": words.run_badge(run),
        "phases": words.phases(run),
        "waited": words.duration(run.created_at, run.started_at),
        "read": words.read(run),
        "took": words.duration(run.started_at, run.finished_at),
        "numbers": [
            (_("Added"), run.added, _counted(_("%(number)s more came back"), run.returned)),
            (_("Changed"), run.changed, _("%(number)s unchanged") % {"number": intcomma(run.unchanged)}),
            (_("Deactivated"), run.deactivated, _("Their accounts are kept") if run.deactivated else ""),
            (_("Problems"), run.problem_count, _("Explained below") if run.problem_count else ""),
        ],
    }


def _counted(words: str, number: int) -> str:
    return words % {"number": intcomma(number)} if number else ""


def _changes(request: DeskRequest, run: Run) -> dict[str, Any]:
    """The tabs by kind, and the page of changes with a link to each person."""
    counts = dict(run.changes.order_by().values_list("kind").annotate(number=Count("pk")))
    chosen = request.GET.get("kind", "")
    chosen = chosen if chosen in ChangeKind.values else ""
    page = page_of(request, queries.changes_of(run, kind=chosen), PER_PAGE)
    people = people_by_key(run.connection, [change.source_id for change in page])
    tabs = [Tab(_("All"), "", sum(counts.values()), not chosen)]
    tabs += [
        Tab(_(str(label)), value, counts[value], value == chosen)
        for value, label in ChangeKind.choices
        if value in counts
    ]
    return {
        "page": page,
        "tabs": tabs,
        "changes": [
            (
                change,
                words.KIND_TONES[ChangeKind(change.kind)],
                words.lines(change),
                people.get(change.source_id),
            )
            for change in page
        ],
    }


def _problems(run: Run) -> list[Group]:
    """Grouped by code, the most frequent first, with the first people of each. Three queries in all."""
    counts = dict(run.problems.order_by().values_list("code").annotate(number=Count("pk")))
    if not counts:
        return []
    shown: dict[str, list[Problem]] = defaultdict(list)
    rank = Window(RowNumber(), partition_by=[F("code")], order_by="pk")
    for problem in queries.problems_of(run).annotate(rank=rank).filter(rank__lte=PEOPLE_PER_PROBLEM):
        shown[problem.code].append(problem)
    people = people_by_key(
        run.connection, [problem.source_id for found in shown.values() for problem in found]
    )
    return [
        Group(
            problems.words(code),
            number,
            tuple(
                (
                    problem,
                    people.get(problem.source_id),
                    _attribute(problem.field),
                )
                for problem in shown[code]
            ),
        )
        for code, number in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def _attribute(name: str) -> str:
    return _(ATTRIBUTES[name]) if name in ATTRIBUTES else words.field_label(name)
