"""What people write in Jira, as plain text: an own reader of the Atlassian Document Format, so that nothing is trusted.

Wild documents (nodes that nobody knows, wrong types, nested without end) become less text, never an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LONGEST = 30_000
_DEEPEST = 40
_BLOCKS = frozenset(
    {
        "paragraph",
        "heading",
        "codeBlock",
        "blockquote",
        "listItem",
        "panel",
        "tableRow",
        "rule",
        "mediaSingle",
    }
)


def text_of(document: Any) -> str:
    """Paragraphs on lines of their own, list items with a dash, mentions and emoji as their text."""
    if isinstance(document, str):  # API v2, and Data Center
        return document[:LONGEST].strip()
    lines = "".join(_pieces(document, 0)).split("\n")
    kept = [line.rstrip() for line in lines]
    text = "\n".join(line for index, line in enumerate(kept) if line or (index and kept[index - 1]))
    return text[:LONGEST].strip()


def _pieces(node: Any, depth: int) -> Iterator[str]:
    if not isinstance(node, dict) or depth > _DEEPEST:
        return
    kind = str(node.get("type"))
    attrs = node.get("attrs") if isinstance(node.get("attrs"), dict) else {}
    if kind == "text":
        yield from _words(node)
    elif kind == "hardBreak":
        yield "\n"
    elif kind in ("mention", "emoji", "status", "date", "inlineCard"):
        yield str(_first(attrs, "text", "shortName", "timestamp", "url"))
    else:
        if kind == "listItem":
            yield "- "
        children = node.get("content")
        for child in children if isinstance(children, list) else ():
            yield from _pieces(child, depth + 1)
        if kind in _BLOCKS:
            yield "\n"


def _words(node: dict[str, Any]) -> Iterator[str]:
    """A link whose address is not its text shows both: an address must not hide behind words."""
    text = str(node.get("text") or "")
    yield text
    marks = node.get("marks")
    for mark in marks if isinstance(marks, list) else ():
        attrs = mark.get("attrs") if isinstance(mark, dict) else None
        href = attrs.get("href") if isinstance(attrs, dict) else None
        if isinstance(href, str) and href.startswith(("https://", "http://")) and href != text:
            yield f" ({href})"


def _first(attrs: Any, *names: str) -> Any:
    return next((attrs[name] for name in names if attrs.get(name)), "")
