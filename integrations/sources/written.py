"""Readers of records, written out as Python and compiled: one function reads all fields of a card.

Everybody is read field by field, so the calls between closures were most of what reading cost; and what several
fields have in common, such as the primary job, is looked for once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from integrations.provider import Unreadable
from integrations.sources.shapes import shape


class Writer:
    """A function under way. Its lines come from cards alone, and every word of theirs is quoted."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 1
        self._numbers = count()
        self._known: dict[str, Any] = {}
        self._root = "record"
        self._fetched: dict[str, str] = {}

    def line(self, code: str) -> None:
        self._lines.append("    " * self._depth + code)

    def new_name(self) -> str:
        """Of a variable that is not there yet."""
        return f"v{next(self._numbers)}"

    def variable(self, value: str) -> str:
        """A new variable that holds the value of the expression."""
        name = self.new_name()
        self.line(f"{name} = {value}")
        return name

    def known(self, value: Any) -> str:
        """The name by which the function knows an object."""
        name = f"k{next(self._numbers)}"
        self._known[name] = value
        return name

    @contextmanager
    def block(self, opening: str, *, root: str = "") -> Iterator[None]:
        """Lines below `opening`. What they fetch is not there after them. `root` is what paths in them begin at."""
        self.line(f"{opening}:")
        before = self._root, self._fetched
        self._fetched = {} if root else dict(self._fetched)
        self._root = root or self._root
        self._depth += 1
        yield
        self._depth -= 1
        self._root, self._fetched = before

    def fetch(self, path: str, name: str) -> str:
        """The variable with the value at `path`, None where a step is absent.

        Where a step has another shape, the function raises Unreadable for the field `name`.
        """
        if not path:
            return self._root
        if path not in self._fetched:
            before, step = _last_step(path)
            inside = self.fetch(before, name)
            if step.startswith("["):
                found = f"{self.known(_chooser(step[1:-1], name))}({inside})"
            else:
                absent = self.known(_absent(name))
                found = f"{inside}.get({step!r}) if {inside}.__class__ is dict else {absent}({inside})"
            self._fetched[path] = self.variable(found)
        return self._fetched[path]

    def compiled(self, result: str) -> Callable[[Any], Any]:
        """The function of one record that returns the expression `result`."""
        source = "\n".join(("def read(record):", *self._lines, f"    return {result}"))
        names = dict(self._known)
        exec(compile(source, "<a reader of records>", "exec"), names)  # noqa: S102 - of the lines above, see the class
        read: Callable[[Any], Any] = names["read"]
        return read


def _last_step(path: str) -> tuple[str, str]:
    """A path as what leads to its last step, and that: "jobs" and "[0]", "jobs[0]" and "title"."""
    if path.endswith("]"):
        before, _, which = path.rpartition("[")
        return before, f"[{which}"
    end = max(path.rfind("."), path.rfind("]"))
    return path[: end + 1].removesuffix("."), path[end + 1 :]


def _absent(name: str) -> Callable[[Any], None]:
    def absent(value: Any) -> None:
        if value is not None:
            raise Unreadable("wrong_type", name, shape(value))

    return absent


def _chooser(which: str, name: str) -> Callable[[Any], Any]:
    """Of a list: [0] is the entry of that number, [word] the first entry whose `word` is true, [] all of them."""
    number = int(which) if which.isdigit() else None
    absent = _absent(name)

    def chosen(value: Any) -> Any:
        if value.__class__ is not list:
            return absent(value) if which else absent(value) or ()
        if not which:
            return value
        if number is not None:
            return value[number] if number < len(value) else None
        for entry in value:
            if entry.__class__ is dict and entry.get(which) is True:
                return entry
        return None

    return chosen
