"""Template tags of the frame: icons, badges, money, times and small charts, all without inline style."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.core.paginator import Page
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext_lazy

register = template.Library()

TONES = frozenset({"neutral", "info", "warn", "good", "bad", "purple", "busy"})
ICONS = Path(__file__).resolve().parents[2] / "static" / "img" / "icons"
MINUTE, HOUR, DAY = 60, 3600, 86400
_SPANS = {
    "second": (
        ngettext_lazy("%(count)d second ago", "%(count)d seconds ago", "count"),
        ngettext_lazy("in %(count)d second", "in %(count)d seconds", "count"),
    ),
    "minute": (
        ngettext_lazy("%(count)d minute ago", "%(count)d minutes ago", "count"),
        ngettext_lazy("in %(count)d minute", "in %(count)d minutes", "count"),
    ),
    "hour": (
        ngettext_lazy("%(count)d hour ago", "%(count)d hours ago", "count"),
        ngettext_lazy("in %(count)d hour", "in %(count)d hours", "count"),
    ),
    "day": (
        ngettext_lazy("%(count)d day ago", "%(count)d days ago", "count"),
        ngettext_lazy("in %(count)d day", "in %(count)d days", "count"),
    ),
}
# ISO 4217 currencies whose smallest unit is not a hundredth.
DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3}


@cache
def _icon_paths(name: str) -> str:
    """The drawing inside an icon's svg element. Raises FileNotFoundError for a name we do not have."""
    source = (ICONS / f"{name}.svg").read_text(encoding="utf-8")
    inner = re.sub(r"^.*?<svg[^>]*>|</svg>.*$", "", source, flags=re.DOTALL)
    return re.sub(
        r"\s+", " ", inner.replace('<path stroke="none" d="M0 0h24v24H0z" fill="none" />', "")
    ).strip()


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """An outline icon, inlined. Hidden from screen readers unless it has a label of its own."""
    says = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="icon {}" width="20" height="20" viewBox="0 0 24 24" fill="none" stroke="currentColor"'
        ' stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" focusable="false" {}>{}</svg>',
        css,
        says,
        mark_safe(_icon_paths(name)),  # noqa: S308  the drawing comes from our own file
    )


@register.simple_tag
def status(label: str, tone: str = "neutral") -> SafeString:
    """A badge. The words carry the meaning, the tone only helps. Raises ValueError for an unknown tone."""
    if tone not in TONES:
        raise ValueError(f"Unknown tone {tone!r}; one of {', '.join(sorted(TONES))}.")
    return format_html('<span class="st st-{}">{}</span>', tone, label)


@register.filter
def money(amount: Decimal | int | str | None, currency: str | None) -> str:
    """Decimal and ISO 4217 code to words: 4250 and "USD" give "USD 4,250.00". Nothing known gives a dash."""
    if amount is None or amount == "":
        return "—"
    return f"{currency or ''} {Decimal(amount):,.{DIGITS.get(currency or '', 2)}f}".strip()


@register.filter
def initials(name: str | None) -> str:
    """Two letters for an avatar: "Maya Ortiz" gives "MO"; an e-mail address gives its first letter."""
    words = re.findall(r"\w+", (name or "").split("@")[0])
    letters = words[:1] + words[1:][-1:] if name and "@" not in name else words[:1]
    return "".join(word[0] for word in letters).upper() or "?"


def words_between(when: datetime, now: datetime) -> str:
    """How long ago, or how soon, in the words that desk.js uses too; beyond 30 days the date itself."""
    seconds = int((now - when).total_seconds())
    size = abs(seconds)
    if size < 5:
        return gettext("just now")
    if size >= 30 * DAY:
        local = timezone.localtime(when)
        return date_format(local, gettext("j M Y"))
    units = ((MINUTE, 1, "second"), (HOUR, MINUTE, "minute"), (DAY, HOUR, "hour"), (30 * DAY, DAY, "day"))
    unit, word = next((unit, word) for limit, unit, word in units if size < limit)
    count = size // unit
    ago, ahead = _SPANS[word]
    return str((ago if seconds > 0 else ahead) % {"count": count})


@register.filter
def relative_time(when: datetime | None) -> SafeString | str:
    """A time element that says "3 hours ago"; the title has the full time, desk.js keeps the words fresh."""
    if when is None:
        return "—"
    local = timezone.localtime(when)
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        when.isoformat(timespec="seconds"),
        f"{date_format(local, gettext('j M Y, H:i'))} {local.tzname()}",
        words_between(when, timezone.now()),
    )


@register.inclusion_tag("_partials/_progress.html")
def progress(done: int, total: int | None, label: str) -> dict[str, Any]:
    """A bar with its numbers: "93 of 250 people". With no total known yet, the count so far."""
    percent = min(100, done * 100 // total) if total else 0
    return {"done": done, "total": total, "label": label, "percent": percent}


@register.inclusion_tag("_partials/_bars.html")
def bars(values: Sequence[int | float | Decimal], labels: Sequence[str], caption: str = "") -> dict[str, Any]:
    """Horizontal bars as a table, so that each number is text. ValueError on unequal lengths."""
    top = max((Decimal(str(value)) for value in values), default=Decimal(0)) or Decimal(1)
    rows = [
        {
            "label": label,
            "value": value,
            "percent": round(max(Decimal(str(value)), Decimal(0)) * 100 / top, 1),
        }
        for label, value in zip(labels, values, strict=True)
    ]
    return {"rows": rows, "caption": caption}


@register.inclusion_tag("_partials/_sparkline.html")
def sparkline(values: Sequence[int | float | Decimal], label: str) -> dict[str, Any]:
    """A line 84 by 24 units; its text alternative is the label with every value."""
    heights = [float(value) for value in values]
    low, span = min(heights, default=0.0), (max(heights, default=0.0) - min(heights, default=0.0)) or 1.0
    step = 80 / max(len(heights) - 1, 1)
    points = " ".join(f"{2 + i * step:.1f},{21 - (h - low) / span * 18:.1f}" for i, h in enumerate(heights))
    return {
        "points": points,
        "text": f"{label}: {', '.join(str(value) for value in values) or 'no values yet'}",
    }


@register.filter
def elided(page: Page[Any]) -> list[int | str]:
    """Page numbers around the current one, with gaps."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1))


@register.simple_block_tag
def card(content: str, title: str, subtitle: str = "", css: str = "", flush: bool = False) -> str:
    """`{% card "Customer" subtitle="Who is asking" %}…{% endcard %}`; flush=True leaves out the padding."""
    context = {"title": title, "subtitle": subtitle, "css": css, "flush": flush, "body": content}
    return render_to_string("_partials/_card.html", context)


@register.simple_block_tag
def scroll_table(content: str, label: str) -> str:
    """`{% scroll_table "Requests" %}<thead>…</tbody>{% endscroll_table %}`: a wide table that scrolls."""
    return render_to_string("_partials/_table_frame.html", {"label": label, "content": content})
