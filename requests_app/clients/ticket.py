"""A ticket as neutral blocks, and as a document of Jira Cloud. Text is literal: it never becomes markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_BODY = 30_000
RULE = "----"
_CUT = "The rest of the checklist is in Integration Desk."


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text; `href` only for our own addresses."""

    text: str
    href: str = ""


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph of lines, or a rule when it has none."""

    lines: tuple[Line, ...] = ()

    @property
    def is_rule(self) -> bool:
        return not self.lines


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with the ticket. `evidence` is its public id."""

    evidence: str
    name: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """Exactly what Jira gets: a title of at most 255 characters on one line, blocks, attachments."""

    title: str
    blocks: tuple[Block, ...]
    attachments: tuple[Attachment, ...] = ()

    @property
    def body(self) -> str:
        """The blocks as plain text, for the preview's golden files and the scan for secrets."""
        return "\n\n".join(
            RULE if block.is_rule else "\n".join("".join(span.text for span in line) for line in block.lines)
            for block in self.blocks
        )


def blocks_of(text: str, *, links: Sequence[str]) -> tuple[Block, ...]:
    """Cuts text into paragraphs at empty lines; a line of four dashes is a rule. `links` become links."""
    blocks: list[Block] = []
    lines: list[Line] = []
    for line in [*_capped(text.splitlines()), ""]:
        if line.strip() and line != RULE:
            lines.append(_spans(line, links))
            continue
        if lines:
            blocks.append(Block(tuple(lines)))
            lines = []
        if line == RULE:
            blocks.append(Block())
    return tuple(blocks)


def _capped(lines: list[str]) -> list[str]:
    """At most MAX_BODY characters: the middle goes, the footer (the last three lines) stays."""
    if sum(len(line) + 1 for line in lines) <= MAX_BODY:
        return lines
    footer = lines[-3:]
    room = MAX_BODY - sum(len(line) + 1 for line in footer) - len(_CUT) - 2
    kept: list[str] = []
    for line in lines[:-3]:
        kept.append(line[: max(room, 0)])
        room -= len(line) + 1
        if room <= 0:
            break
    return [*kept, _CUT, "", *footer]


def _spans(line: str, links: Sequence[str]) -> Line:
    for link in links:
        before, found, after = line.partition(link)
        if found:
            ends = (_spans(before, links) if before else ()), (_spans(after, links) if after else ())
            return (*ends[0], Span(link, href=link), *ends[1])
    return (Span(line),)


def as_adf(ticket: Ticket) -> dict[str, Any]:
    """The Atlassian Document Format of API v3: paragraph, text, hardBreak, rule, and links of ours.

    jira-salesforce-intake.md 1.7: text nodes are literal and never empty.
    """
    return {"version": 1, "type": "doc", "content": [_node(block) for block in ticket.blocks]}


def _node(block: Block) -> dict[str, Any]:
    if block.is_rule:
        return {"type": "rule"}
    content: list[dict[str, Any]] = []
    for line in block.lines:
        if content:
            content.append({"type": "hardBreak"})
        content.extend(_text(span) for span in line if span.text)
    return {"type": "paragraph", "content": content}


def _text(span: Span) -> dict[str, Any]:
    if not span.href:
        return {"type": "text", "text": span.text}
    return {
        "type": "text",
        "text": span.text,
        "marks": [{"type": "link", "attrs": {"href": span.href}}],
    }
