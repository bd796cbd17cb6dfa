"""What a run did, or would do: people before and after, their groups, and what could not be done, grouped by code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _

from integrations import queries
from integrations.engine import problems
from integrations.engine.problems import Words
from integrations.models import DirectoryPerson, Problem, Run, RunKind
from integrations.services.wording import attribute_label, shape_words
from integrations.views import words
from integrations.views.shared import DeskRequest, page_of, people_by_key

PER_PAGE = 25
PEOPLE_PER_PROBLEM = 20
GROUPS = "groups"  # the tab of memberships


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    value: str
    count: int
    active: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """All problems of one code: what it means, and the first people concerned."""

    code: str
    words: Words
    count: int
    shown: tuple[tuple[Problem, DirectoryPerson | None, str, str], ...]

    @property
    def more(self) -> int:
        return self.count - len(self.shown)


def changes_of(request: DeskRequest, run: Run) -> dict[str, Any]:
    """The tabs by kind, and the page of changes or of memberships. At most four queries."""
    found = queries.changes_of(run)
    counts = dict(found.order_by().values_list("kind").annotate(number=Count("pk")))
    # A plan has no memberships yet: whoever would change groups has a line of their own.
    moved = 0 if run.kind == RunKind.DRY else run.joined + run.left_groups
    chosen = request.GET.get("kind", "")
    chosen = chosen if chosen in words.KINDS or (chosen == GROUPS and moved) else ""
    tabs = [Tab(_("All"), "", sum(counts.values()), not chosen)]
    tabs += [
        Tab(_(label), value, counts[value], value == chosen)
        for value, label in words.KINDS.items()
        if value in counts
    ]
    if moved:
        tabs.append(Tab(_("Groups"), GROUPS, moved, chosen == GROUPS))
    shown = _memberships(request, run) if chosen == GROUPS else _people(request, run, chosen)
    return {"tabs": tabs, "kind": chosen, **shown}


def _people(request: DeskRequest, run: Run, chosen: str) -> dict[str, Any]:
    page: Any = page_of(request, queries.changes_of(run, kind=chosen), PER_PAGE)
    people = people_by_key(run.connection, [change.source_id for change in page])
    lines = [
        (change, words.kind_badge(change.kind), words.lines(change), people.get(change.source_id))
        for change in page
    ]
    return {"page": page, "changes": lines}


def _memberships(request: DeskRequest, run: Run) -> dict[str, Any]:
    rows = run.membership_changes.select_related("group", "person").order_by("pk")
    return {"page": page_of(request, rows, PER_PAGE)}


def skipped_and_remarks(run: Run) -> dict[str, list[Trouble]]:
    """What could not be handled, and what was handled with a remark."""
    found = troubles_of(run)
    return {
        "skipped": [one for one in found if one.code not in problems.REMARKS],
        "remarks": [one for one in found if one.code in problems.REMARKS],
    }


def troubles_of(run: Run) -> list[Trouble]:
    """Grouped by code, the most frequent first, with the first people of each. Three queries in all."""
    counts, shown = queries.problems_by_code(run, PEOPLE_PER_PROBLEM)
    if not counts:
        return []
    people = people_by_key(
        run.connection, [problem.source_id for found in shown.values() for problem in found]
    )
    return [
        Trouble(
            code,
            problems.words(code),
            number,
            tuple(
                (
                    problem,
                    people.get(problem.source_id),
                    attribute_label(problem.field),
                    shape_words(problem.shape),
                )
                for problem in shown[code]
            ),
        )
        for code, number in by_frequency(counts)
    ]


def by_frequency(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
