"""The last runs as stacked bars. Numbers become coordinates here, so that the template only draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.models import Run

HEIGHT, BAR, GAP = 56, 14, 6
LEGEND = (
    (gettext_lazy("Added or came back"), "st-good"),
    (gettext_lazy("Changed"), "st-info"),
    (gettext_lazy("Deactivated"), "st-bad"),
)
_KINDS = (("deactivated", "st-bad"), ("changed", "st-info"), ("added", "st-good"))


@dataclass(frozen=True, slots=True)
class Part:
    y: float
    height: float
    css: str


@dataclass(frozen=True, slots=True)
class Bar:
    """`words` are the text of the bar: what a person sees on hovering, and a screen reader says."""

    x: int
    width: int
    parts: tuple[Part, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    width: int
    height: int
    bars: tuple[Bar, ...]
    words: str


def run_chart(runs: Sequence[Run]) -> Chart | None:
    """`runs` newest first, drawn oldest first. None when no run has changed anybody."""
    ordered = list(reversed(runs))
    top = max((run.change_total for run in ordered), default=0)
    if not top:
        return None
    bars = tuple(_bar(index, run, top) for index, run in enumerate(ordered))
    return Chart(
        width=len(bars) * (BAR + GAP) - GAP,
        height=HEIGHT,
        bars=bars,
        words="; ".join(bar.words for bar in bars),
    )


def _bar(index: int, run: Run, top: int) -> Bar:
    parts, base = [], float(HEIGHT)
    for name, css in _KINDS:
        number = _number(run, name)
        if number:
            # A single person among thousands must still be seen.
            height = max(round(number / top * (HEIGHT - 4), 1), 2.0)
            base -= height
            parts.append(Part(round(base, 1), height, css))
    if not parts:
        parts.append(Part(HEIGHT - 2.0, 2.0, "text-secondary"))
    at = run.finished_at or run.created_at
    words = _("%(day)s: %(added)s added, %(changed)s changed, %(deactivated)s deactivated") % {
        "day": date_format(at, _("j M")),
        "added": intcomma(run.added + run.returned),
        "changed": intcomma(run.changed),
        "deactivated": intcomma(run.deactivated),
    }
    return Bar(index * (BAR + GAP), BAR, tuple(parts), words)


def _number(run: Run, name: str) -> int:
    return run.added + run.returned if name == "added" else int(getattr(run, name))
