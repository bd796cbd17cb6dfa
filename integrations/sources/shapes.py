"""What problems tell of a value that could not be read: its form, never the value."""

from __future__ import annotations

import re
from typing import Any

_SHAPES = {
    bool: "yes or no",
    int: "number",
    float: "number",
    list: "list",
    dict: "object",
    type(None): "nothing",
}


def shape(value: Any) -> str:
    """What a value looks like without telling it: letters become a, digits 9."""
    if not isinstance(value, str):
        return _SHAPES.get(type(value), "other")
    cut = value[:40]
    return "text " + re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", cut)) + ("…" if len(value) > 40 else "")
