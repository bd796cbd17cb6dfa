"""CSV that people open in a spreadsheet: no cell of text is ever taken for a formula (reliability-security.md T20)."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

Cell = str | int | Decimal | date | datetime | None
BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes UTF-8 for a code page of its own
_STARTS_FORMULA = frozenset("=+-@")
_STARTS_CELL = ("\t", "\r", "\n", "\0")
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"


def guarded(text: str) -> str:
    """The text as it is, or after an apostrophe when a spreadsheet might calculate it.

    What counts is the first character that is neither space nor quote nor invisible; full-width forms count alike.
    """
    if text.lstrip(_QUOTES).startswith(_STARTS_CELL):
        return f"'{text}"
    first = next((char for char in text if not _is_passed_over(char)), "")
    return f"'{text}" if unicodedata.normalize("NFKC", first)[:1] in _STARTS_FORMULA and first else text


def unguarded(cell: str) -> str:
    """The inverse of `guarded`, for whoever reads such a file back."""
    return cell[1:] if cell[:1] == "'" and guarded(cell[1:]) == cell else cell


def cell_of(value: Cell) -> str:
    """Numbers and dates are what their type says, so a negative number stays one; text is guarded."""
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return value.isoformat() if isinstance(value, date) else str(value)


def csv_of(rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """One piece of the file per row, the byte order mark before the first. Every cell is quoted."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    yield BYTE_ORDER_MARK
    for row in rows:
        writer.writerow([cell_of(value) for value in row])
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def _is_passed_over(char: str) -> bool:
    return char in _QUOTES or char.isspace() or unicodedata.category(char) in {"Cf", "Cc", "Zs"}
