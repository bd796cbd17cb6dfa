"""Pages of long lists without OFFSET: where a page begins is told by the row before it (performance.md P11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import F, Func, Model, QuerySet, Subquery, TextField
from django.db.models.lookups import GreaterThan, LessThan
from django.http import QueryDict

M = TypeVar("M", bound=Model)
AFTER, BEFORE, NUMBER = "after", "before", "from"
_MARKS = (AFTER, BEFORE, NUMBER)


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[M]):
    """`first` and `last` are the positions of its ends, 0 when it is empty; the links are "" at the ends of the list."""

    rows: Sequence[M]
    first: int
    last: int
    total: int
    previous_url: str
    next_url: str
    first_url: str


def keyset_page(
    found: QuerySet[M],
    asked: QueryDict,
    *,
    order: tuple[str, ...],
    size: int,
    total: int,
    within: QuerySet[M] | None = None,
) -> KeysetPage[M]:
    """The page that the address asks for; one whose mark is not `within` (or `found`) any more is the first.

    `order` are columns of which an index has the beginning; the last one is unique. A row is named by its public id,
    so that nobody's name stands in an address.
    """
    mark, backwards = _mark(asked)
    taken = _taken(found, found if within is None else within, order, mark, size + 1, backwards=backwards)
    if mark and not taken:
        # Whoever marked the place is gone: one more query, for the first page.
        mark, backwards = None, False
        taken = _taken(found, found, order, None, size + 1, backwards=False)
    more, shown = len(taken) > size, taken[:size]
    if backwards:
        shown.reverse()
    first = _number(asked, total, size) if mark else 1
    has_previous = (more or first > 1) if backwards else mark is not None
    has_next = backwards or more
    last = first + len(shown) - 1
    base = _without_marks(asked)
    return KeysetPage(
        rows=shown,
        first=first if shown else 0,
        last=last if shown else 0,
        total=total,
        previous_url=_link(base, BEFORE, shown[0], max(first - size, 1)) if shown and has_previous else "",
        next_url=_link(base, AFTER, shown[-1], last + 1) if shown and has_next else "",
        first_url=f"?{base.urlencode()}",
    )


def _taken(
    found: QuerySet[M],
    within: QuerySet[M],
    order: tuple[str, ...],
    mark: UUID | None,
    most: int,
    *,
    backwards: bool,
) -> list[M]:
    rows = found.order_by(*(f"-{name}" for name in order)) if backwards else found.order_by(*order)
    if mark:
        place = within.filter(public_id=mark).order_by()
        values = _row(Subquery(place.values(name)[:1]) for name in order)
        rows = rows.filter((LessThan if backwards else GreaterThan)(_row(map(F, order)), values))
    return list(rows[:most])


def _row(parts: Any) -> Func:
    return Func(*parts, function="ROW", output_field=TextField())


def _mark(asked: QueryDict) -> tuple[UUID | None, bool]:
    """The public id of the row that the address names, and whether the page ends before it."""
    for name in (AFTER, BEFORE):
        try:
            return UUID(asked.get(name, "")), name == BEFORE
        except ValueError:
            continue
    return None, False


def _number(asked: QueryDict, total: int, size: int) -> int:
    """Only a word on the page: whoever changes it in the address misleads themselves."""
    text = asked.get(NUMBER, "")
    return min(max(int(text), 1), max(total, 1)) if text.isdecimal() and len(text) < 10 else size + 1


def _without_marks(asked: QueryDict) -> QueryDict:
    base = asked.copy()
    for name in _MARKS:
        base.pop(name, None)
    return base


def _link(base: QueryDict, name: str, row: Any, number: int) -> str:
    link = base.copy()
    link[name], link[NUMBER] = str(row.public_id), str(number)
    return f"?{link.urlencode()}"
