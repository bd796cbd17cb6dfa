"""A mail's plain text as HTML with the same words: paragraphs, lists, and buttons for addresses of ours."""

from __future__ import annotations

import re
from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

_LONGEST_LABEL = 60
_BUTTON = '<p class="act"><a class="button" href="{url}">{label}</a><br><a class="address" href="{url}">{url}</a></p>'
_ADDRESS = '<p class="act"><a class="address" href="{url}">{url}</a></p>'


def html_of(text: str, *, site_url: str) -> SafeString:
    """Everything is escaped; only a line that is nothing but an address of `site_url` becomes a link.

    A short line that ends in a colon before such an address is the words of its button. An address of somebody
    else stays text: people write into mails, and nothing that they write may look like ours.
    """
    blocks = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").strip())
    return mark_safe("\n".join(_block(block, f"{site_url}/") for block in blocks if block.strip()))  # noqa: S308


def _block(block: str, ours: str) -> SafeString:
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    parts: list[SafeString] = []
    held: list[str] = []
    for kind, run in groupby(lines, key=lambda line: _kind(line, ours)):
        group = list(run)
        if kind == "text":
            held = group
            continue
        if kind == "list":
            parts += [_paragraph(held), _list(group)]
        else:
            label = held.pop()[:-1] if held and _is_label(held[-1]) else ""
            parts += [_paragraph(held), *_links(group, label)]
        held = []
    return mark_safe("\n".join(part for part in (*parts, _paragraph(held)) if part))  # noqa: S308


def _kind(line: str, ours: str) -> str:
    if line.startswith(ours) and not re.search(r"\s", line):
        return "address"
    return "list" if line.startswith("- ") else "text"


def _is_label(line: str) -> bool:
    return line.endswith(":") and len(line) <= _LONGEST_LABEL


def _paragraph(lines: list[str]) -> SafeString:
    if not lines:
        return SafeString("")
    return format_html("<p>{}</p>", format_html_join(SafeString("<br>\n"), "{}", ((line,) for line in lines)))


def _list(lines: list[str]) -> SafeString:
    return format_html("<ul>{}</ul>", format_html_join("\n", "<li>{}</li>", ((line[2:],) for line in lines)))


def _links(urls: list[str], label: str) -> list[SafeString]:
    first = format_html(_BUTTON, url=urls[0], label=label) if label else format_html(_ADDRESS, url=urls[0])
    return [first, *(format_html(_ADDRESS, url=url) for url in urls[1:])]
