"""Django's template engine for plain text: nothing is escaped, and no request or user is in the context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.template import Context, Engine


@cache
def _engine(folder: Path) -> Engine:
    return Engine(dirs=[str(folder)], autoescape=False)


def render_text(folder: Path, names: Sequence[str], context: Mapping[str, Any]) -> str:
    """The first template of `names` that exists in `folder`, rendered. Raises TemplateDoesNotExist."""
    template = _engine(folder).select_template(list(names))
    return template.render(Context(dict(context), autoescape=False))
