"""Atlassian Document Format, as far as the sandbox's Jira checks, reads and writes it."""

from typing import Any, Final

_BLOCKS: Final = ("paragraph", "heading", "bulletList", "orderedList", "listItem", "rule", "codeBlock",
                  "blockquote", "panel", "table", "tableRow", "tableCell", "tableHeader")  # fmt: skip
_INLINES: Final = ("text", "hardBreak", "mention", "emoji", "inlineCard")
_MARKS: Final = ("strong", "em", "code", "link", "underline", "strike")


def is_document(value: object) -> bool:
    """Whether a value claims to be a document: an object of type `doc`, version 1, with a content list."""
    return (
        isinstance(value, dict)
        and value.get("type") == "doc"
        and value.get("version") == 1
        and isinstance(value.get("content"), list)
    )


def is_valid(value: object) -> bool:
    """Whether every node is one that Jira knows, with text that is not empty and known marks."""
    return is_document(value) and all(_valid_node(node, _BLOCKS) for node in value["content"])  # type: ignore[index]


def to_text(value: object) -> str:
    """What a reader sees: blocks on lines of their own."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return ""
    return "\n".join(_block_text(node) for node in value.get("content", []))


def links(value: object) -> list[str]:
    """Targets of all link marks in a document, in order."""
    if isinstance(value, list):
        return [target for item in value for target in links(item)]
    if not isinstance(value, dict):
        return []
    marks = [mark["attrs"]["href"] for mark in value.get("marks", []) if mark.get("type") == "link"]
    return marks + links(value.get("content", []))


def from_text(text: str) -> dict[str, Any]:
    """Plain text as a document, a paragraph per line."""
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []}
        for line in text.split("\n")
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _valid_node(node: object, allowed: tuple[str, ...]) -> bool:
    if not isinstance(node, dict) or node.get("type") not in allowed:
        return False
    if node["type"] == "text":
        marks = node.get("marks", [])
        return (
            isinstance(node.get("text"), str)
            and bool(node["text"])
            and isinstance(marks, list)
            and all(isinstance(mark, dict) and mark.get("type") in _MARKS for mark in marks)
        )
    content = node.get("content", [])
    within = _INLINES if node["type"] in ("paragraph", "heading", "codeBlock") else _BLOCKS
    return isinstance(content, list) and all(_valid_node(child, within) for child in content)


def _block_text(node: dict[str, Any]) -> str:
    kind = node.get("type")
    if kind == "text":
        return str(node["text"])
    if kind == "hardBreak":
        return "\n"
    separator = "" if kind in ("paragraph", "heading", "codeBlock") else "\n"
    return separator.join(_block_text(child) for child in node.get("content", []))
