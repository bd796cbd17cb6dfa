"""Drawings of figures: SVG made here from plain values, each beside its numbers as text; no script, no inline style.

Widths and heights are percentages of their own small drawing, so that the words around it keep their size on a phone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import template

register = template.Library()


@dataclass(frozen=True, slots=True)
class Legend:
    """What a colour stands for; `css` is a class of desk.css that sets the colour."""

    label: str
    css: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A horizontal bar of parts, one value per legend."""

    label: str
    values: tuple[int, ...]
    url: str = ""

    @property
    def total(self) -> int:
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Part:
    """A share of one whole bar."""

    label: str
    value: int
    css: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """An upright bar. `words` is its value as text, "" where there is none; `upper` the end of a whisker above it."""

    label: str
    value: float
    words: str
    upper: float = 0.0
    upper_words: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """A horizontal bar with a mark where its target lies."""

    label: str
    value: float
    words: str
    target: float = 0.0
    target_words: str = ""

    @property
    def is_over(self) -> bool:
        return 0 < self.target < self.value


@register.inclusion_tag("_partials/_chart_stacks.html")
def stacks(rows: Sequence[Stack], legend: Sequence[Legend], caption: str) -> dict[str, Any]:
    """Bars on one scale. ValueError when a bar has not one value per legend."""
    most = max((row.total for row in rows), default=0) or 1
    drawn = [{"row": row, "parts": _parts(row.values, legend, most)} for row in rows]
    return {"rows": drawn, "legend": legend, "caption": caption}


@register.inclusion_tag("_partials/_chart_split.html")
def split(parts: Sequence[Part], caption: str) -> dict[str, Any]:
    """One bar that is the whole."""
    total = sum(part.value for part in parts)
    legend = [Legend(part.label, part.css) for part in parts]
    drawn = _parts([part.value for part in parts], legend, total or 1)
    lines = [{"part": part, "percent": round(part.value * 100 / total) if total else 0} for part in parts]
    return {"drawn": drawn, "lines": lines, "caption": caption, "total": total}


@register.inclusion_tag("_partials/_chart_columns.html")
def columns(items: Sequence[Column], caption: str, css: str = "ch-blue", upper: str = "") -> dict[str, Any]:
    """Columns on one scale; the words of each are under it and in the table. `upper` names the whiskers."""
    most = max((max(item.value, item.upper) for item in items), default=0.0) or 1.0
    drawn = [
        {
            "item": item,
            "height": round(item.value * 100 / most, 2),
            "y": round(100 - item.value * 100 / most, 2),
            "upper_y": round(100 - max(item.upper, item.value) * 100 / most, 2),
            "whisker": round(max(item.upper - item.value, 0.0) * 100 / most, 2),
        }
        for item in items
    ]
    return {"items": drawn, "caption": caption, "css": css, "upper": upper}


@register.inclusion_tag("_partials/_chart_measures.html")
def measures(rows: Sequence[Measure], caption: str) -> dict[str, Any]:
    """Bars on one scale, each with its target."""
    most = max((max(row.value, row.target) for row in rows), default=0.0) or 1.0
    drawn = [
        {"row": row, "width": round(row.value * 98 / most, 2), "mark": round(row.target * 98 / most, 2)}
        for row in rows
    ]
    return {"rows": drawn, "caption": caption}


def _parts(values: Sequence[int], legend: Sequence[Legend], whole: int) -> list[dict[str, Any]]:
    """Rectangles from left to right, in percent of the whole; nothing is drawn for nothing."""
    found, x = [], 0.0
    for value, entry in zip(values, legend, strict=True):
        width = value * 100 / whole
        if value:
            found.append({"x": round(x, 3), "width": round(width, 3), "value": value, "entry": entry})
        x += width
    return found
