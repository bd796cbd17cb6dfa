"""A plan as its page shows it: counts, tabs, lines and problems, be it stored or made up in memory for a rehearsal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.utils.translation import gettext as _

from integrations import queries
from integrations.engine import problems
from integrations.engine.plan import GROUPS, REGROUPED
from integrations.engine.problems import Found, Words
from integrations.models import ChangeKind, Draft, Planned, Problem, Run
from integrations.services.confirming import following_of
from integrations.services.rehearsal import Rehearsed
from integrations.services.wording import attribute_label, shape_words
from integrations.views import words
from integrations.views.run_changes import PEOPLE_PER_PROBLEM, PER_PAGE, Tab, by_frequency
from integrations.views.setup_words import consequences, follows
from portal.kit.retold import retold
from portal.templatetags.desk_charts import Part

Troubled = Problem | Found
# Removals first.
_CSS = {
    ChangeKind.DEACTIVATED: "ch-red",
    ChangeKind.ADDED: "ch-green",
    ChangeKind.RETURNED: "ch-purple",
    ChangeKind.MATCHED: "ch-sky",
    ChangeKind.CHANGED: "ch-blue",
    REGROUPED: "ch-amber",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Somebody who could not be handled: who, which field, and the value's shape."""

    name: str
    field: str
    shape: str


@dataclass(frozen=True, slots=True)
class Group:
    """All problems of one code, with the first people concerned."""

    code: str
    words: Words
    count: int
    shown: tuple[Trouble, ...]

    @property
    def more(self) -> int:
        return self.count - len(self.shown)


@dataclass(frozen=True, slots=True)
class Drawn:
    """`counts` are people by kind of line; `lines` are the rows of the page with badge and words.

    `following` are sentences on groups and invitations.
    """

    counts: Mapping[str, int]
    page: Page[Any]
    groups: tuple[Group, ...]
    objections: tuple[str, ...]
    chosen: str
    following: Sequence[str]

    @property
    def lines(self) -> list[tuple[Planned, words.Badge, list[words.Line]]]:
        return [(row, words.kind_badge(row.kind), words.lines(row)) for row in self.page]

    @property
    def skipped(self) -> list[Group]:
        return [group for group in self.groups if group.code not in problems.REMARKS]

    @property
    def remarks(self) -> list[Group]:
        return [group for group in self.groups if group.code in problems.REMARKS]

    @property
    def affected(self) -> int:
        return sum(self.counts.values())

    @property
    def total(self) -> int:
        """How many lines there are of what is chosen; the page of a rehearsal has the first ones only."""
        return self.counts.get(self.chosen, 0) if self.chosen else self.affected

    @property
    def sentence(self) -> str:
        return consequences(self.counts)

    @property
    def parts(self) -> list[Part]:
        return [
            Part(_(words.KINDS[kind]), self.counts[kind], css)
            for kind, css in _CSS.items()
            if self.counts.get(kind)
        ]

    @property
    def tabs(self) -> list[Tab]:
        return [
            Tab(_("All"), "", self.affected, not self.chosen),
            *(
                Tab(_(words.KINDS[kind]), str(kind), self.counts[kind], kind == self.chosen)
                for kind in _CSS
                if self.counts.get(kind)
            ),
        ]


def stored(run: Run, draft: Draft, *, chosen: str, page: str | None) -> Drawn:
    """Five queries, however many people there are."""
    rows = Planned.objects.filter(run=run).order_by("pk")
    counts = dict(rows.order_by().values_list("kind").annotate(number=Count("pk")))
    shown = Paginator(rows.filter(kind=chosen) if chosen else rows, PER_PAGE).get_page(page)
    objections = tuple(map(retold, run.objections))
    return Drawn(counts, shown, _groups_of(run), objections, chosen, follows(following_of(draft, run)))


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
    rows += [
        Planned(
            source_id=one.source_id,
            person_name=one.name,
            kind=REGROUPED,
            before={GROUPS: one.left},
            after={GROUPS: one.joined},
        )
        for one in made.moves
    ]
    shown = Paginator([row for row in rows if chosen in ("", row.kind)], PER_PAGE).get_page(page)
    by_code: dict[str, list[Troubled]] = defaultdict(list)
    for one in made.problems:
        by_code[one.code].append(one)
    objections = tuple(retold(one.words) for one in made.objections)
    groups = _grouped(made.problem_counts, by_code)
    return Drawn(made.summary.counts, shown, groups, objections, chosen, _rehearsed_following(made))


def _rehearsed_following(made: Rehearsed) -> Sequence[str]:
    said = follows(made.summary.following.counts)
    if made.tells_groups:
        return said
    return [_("Groups are made from events, which no file has: the real plan tells them."), *said[1:]]


def _groups_of(run: Run) -> tuple[Group, ...]:
    return _grouped(*queries.problems_by_code(run, PEOPLE_PER_PROBLEM))


def _grouped(counts: Mapping[str, int], shown: Mapping[str, Sequence[Troubled]]) -> tuple[Group, ...]:
    return tuple(
        Group(
            code,
            problems.words(code),
            number,
            tuple(_trouble(one) for one in shown[code][:PEOPLE_PER_PROBLEM]),
        )
        for code, number in by_frequency(counts)
    )


def _trouble(found: Troubled) -> Trouble:
    name = found.person_name or found.source_id or _("Somebody without a name")
    return Trouble(name, attribute_label(found.field), shape_words(found.shape))
