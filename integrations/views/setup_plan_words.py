"""A plan as its page shows it: counts, tabs, lines and problems, be it stored or made up in memory for a rehearsal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from integrations import queries
from integrations.engine import problems
from integrations.engine.problems import Found, Words
from integrations.models import ChangeKind, Planned, Problem, Run
from integrations.people import ATTRIBUTES
from integrations.services.rehearsal import Rehearsed
from integrations.views import words
from integrations.views.setup_words import consequences
from portal.templatetags.desk_charts import Part

Troubled = Problem | Found
PER_PAGE = 25
PEOPLE_PER_PROBLEM = 20
# Removals first.
_CSS = {
    ChangeKind.DEACTIVATED: "ch-red",
    ChangeKind.ADDED: "ch-green",
    ChangeKind.RETURNED: "ch-purple",
    ChangeKind.MATCHED: "ch-sky",
    ChangeKind.CHANGED: "ch-blue",
}


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    value: str
    count: int
    active: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """Somebody who could not be handled: who, which field, and the value's shape."""

    name: str
    field: str
    shape: str


@dataclass(frozen=True, slots=True)
class Group:
    """All problems of one code, with the first people concerned."""

    words: Words
    count: int
    shown: tuple[Trouble, ...]

    @property
    def more(self) -> int:
        return self.count - len(self.shown)


@dataclass(frozen=True, slots=True)
class Drawn:
    """`counts` are people by kind of change; `lines` are the rows of the page with tone and words."""

    counts: Mapping[str, int]
    page: Page[Any]
    groups: tuple[Group, ...]
    objections: tuple[str, ...]
    chosen: str

    @property
    def lines(self) -> list[tuple[Planned, str, list[words.Line]]]:
        return [(row, words.KIND_TONES[ChangeKind(row.kind)], words.lines(row)) for row in self.page]

    @property
    def affected(self) -> int:
        return sum(self.counts.values())

    @property
    def sentence(self) -> str:
        return consequences(self.counts)

    @property
    def parts(self) -> list[Part]:
        return [
            Part(_(str(kind.label)), self.counts[kind.value], css)
            for kind, css in _CSS.items()
            if self.counts.get(kind.value)
        ]

    @property
    def tabs(self) -> list[Tab]:
        return [
            Tab(_("All"), "", self.affected, not self.chosen),
            *(
                Tab(_(str(kind.label)), kind.value, self.counts[kind.value], kind.value == self.chosen)
                for kind in _CSS
                if self.counts.get(kind.value)
            ),
        ]


def stored(run: Run, *, chosen: str, page: str | None) -> Drawn:
    """Five queries, however many people there are."""
    rows = Planned.objects.filter(run=run).order_by("pk")
    counts = dict(rows.order_by().values_list("kind").annotate(number=Count("pk")))
    shown = Paginator(rows.filter(kind=chosen) if chosen else rows, PER_PAGE).get_page(page)
    return Drawn(counts, shown, _groups_of(run), tuple(_(one) for one in run.objections), chosen)


def in_memory(made: Rehearsed, *, chosen: str, page: str | None) -> Drawn:
    """As `stored`, of a rehearsal; its lines and problems are the first ones of each kind."""
    rows = [
        Planned(
            source_id=line.source_id,
            person_name=line.name,
            kind=line.kind.value,
            before=dict(line.before),
            after=dict(line.after),
        )
        for lines in made.lines.values()
        for line in lines
    ]
    shown = Paginator([row for row in rows if chosen in ("", row.kind)], PER_PAGE).get_page(page)
    by_code: dict[str, list[Troubled]] = defaultdict(list)
    for one in made.problems:
        by_code[one.code].append(one)
    counts = {kind.value: count for kind, count in made.summary.counts.items()}
    objections = tuple(_(one.words) for one in made.objections)
    return Drawn(counts, shown, _grouped(made.problem_counts, by_code), objections, chosen)


def _groups_of(run: Run) -> tuple[Group, ...]:
    counts = dict(run.problems.order_by().values_list("code").annotate(number=Count("pk")))
    shown: dict[str, list[Troubled]] = defaultdict(list)
    if counts:
        rank = Window(RowNumber(), partition_by=[F("code")], order_by="pk")
        for problem in queries.problems_of(run).annotate(rank=rank).filter(rank__lte=PEOPLE_PER_PROBLEM):
            shown[problem.code].append(problem)
    return _grouped(counts, shown)


def _grouped(counts: Mapping[str, int], shown: Mapping[str, Sequence[Troubled]]) -> tuple[Group, ...]:
    """The most frequent first."""
    return tuple(
        Group(problems.words(code), number, tuple(_trouble(one) for one in shown[code][:PEOPLE_PER_PROBLEM]))
        for code, number in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _trouble(found: Troubled) -> Trouble:
    name = found.person_name or found.source_id or _("Somebody without a name")
    label = _(ATTRIBUTES[found.field]) if found.field in ATTRIBUTES else words.field_label(found.field)
    return Trouble(name, label, found.shape)
