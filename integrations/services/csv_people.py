"""A CSV export as a list of people: any common encoding and delimiter, headers in English or German, nothing trusted."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import BinaryIO, Protocol, TextIO, cast

from django.utils.translation import gettext as _

from integrations.engine.normalise import text, usable_key
from integrations.people import Status
from integrations.services.csv_columns import ID, NAME, STATUS, STATUS_OF, Column, column_of, plain_word
from integrations.services.draft_rows import DraftRefused

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 50_000
MOST_COLUMNS = 200
LONGEST_LINE = 100_000  # characters
LONGEST_VALUE = 1_000
_PIECE = 64 * 1024  # bytes
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ";,\t|"  # where two are as frequent, the earlier one counts
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR = re.compile(r"sep=.?", re.IGNORECASE)


class Upload(Protocol):
    """As Django gives it: a file in memory or on disk."""

    @property
    def size(self) -> int | None: ...

    def read(self, num_bytes: int = ..., /) -> bytes: ...

    def seek(self, offset: int, /) -> int: ...


class FileRefused(DraftRefused):
    """A sentence that says what is wrong with the file and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, "file")


@dataclass(frozen=True, slots=True)
class Row:
    """One person of the file; `status` is None where the word for it is not known."""

    source_id: str
    status: Status | None
    fields: Mapping[str, str]


@dataclass(frozen=True)
class People:
    """`columns` in the order of the file; `dropped` are the headers of sensitive ones.

    Its rows are read from the file while they are asked for, once; what is wrong with a line raises FileRefused then.
    """

    columns: tuple[Column, ...]
    dropped: tuple[str, ...]
    _lines: Iterable[list[str]] = field(repr=False)

    def __iter__(self) -> Iterator[Row]:
        names = [column.field for column in self.columns]
        for number, line in enumerate(self._lines, start=1):
            values: dict[str, str] = {}
            for name, value in zip(names, line, strict=False):
                if name and name not in values and (clean := text(value)[:LONGEST_VALUE]):
                    values[name] = clean
            if values:
                yield _row(number, values)


def read_people(upload: Upload) -> People:
    """Raises FileRefused."""
    encoding = _encoding(upload)
    lines = _lines(io.TextIOWrapper(cast(BinaryIO, upload), encoding, "replace", newline=""))
    header = [text(name) for name in next(lines)]
    columns = tuple(column_of(name) for name in header)
    known = {column.field for column in columns}
    if not known & {"work_email", "personal_email", "first_name", "last_name", NAME}:
        raise FileRefused(
            _("The first line must name the columns, such as “First name”, “Last name” and “Work e-mail”.")
        )
    dropped = tuple(column.header for column in columns if not column.field and column.header)
    return People(columns, dropped, lines)


def _encoding(upload: Upload) -> str:
    """Reads the whole file once and keeps nothing of it: only at its end it has proved to be UTF-8."""
    size, is_blank, found = upload.size or 0, True, "utf-8-sig"
    decoder = codecs.getincrementaldecoder(found)()
    if size > MOST_BYTES:
        raise _too_large()
    size = 0  # what was announced is believed only when it is too large
    upload.seek(0)
    while piece := upload.read(_PIECE):
        if not size and piece.startswith(_UTF_16):
            found = "utf-16"
        elif found == "utf-8-sig" and not _goes_on(decoder, piece):
            found = "cp1252"
        size, is_blank = size + len(piece), is_blank and not piece.strip()
        if size > MOST_BYTES:
            raise _too_large()
    if is_blank:
        raise FileRefused(_("This file is empty. Export the list of people once more."))
    upload.seek(0)
    return "cp1252" if found == "utf-8-sig" and not _goes_on(decoder, b"") else found


def _too_large() -> FileRefused:
    told = {"most": MOST_BYTES // 1024 // 1024}
    return FileRefused(_("This file is larger than %(most)d MB. Export fewer columns.") % told)


def _goes_on(decoder: codecs.IncrementalDecoder, piece: bytes) -> bool:
    try:
        decoder.decode(piece, final=not piece)
    except UnicodeDecodeError:
        return False
    return True


def _lines(file: TextIO) -> Iterator[list[str]]:
    """The header and at least one line more. Raises FileRefused."""
    first = _first(file)
    if _SEPARATOR.fullmatch(first.strip()):  # what spreadsheets write for each other
        first = _first(file)
    delimiter, count, at = max(_DELIMITERS, key=_QUOTED.sub("", first).count), 0, 0
    # Strictly: else a quotation mark that is missing makes one person of two.
    reader = csv.reader(_text_only(chain((first,), file)), delimiter=delimiter, strict=True)
    try:
        for line in reader:
            at = reader.line_num
            if not any(cell.strip() for cell in line):
                continue
            _check_line(line, count)
            yield line
            count += 1
    except csv.Error:
        raise FileRefused(
            _("Line %(line)d cannot be read. A quotation mark may be missing there.") % {"line": at + 1}
        ) from None
    if count < 2:
        raise FileRefused(_("There are no people in this file, only one line. Export the list once more."))


def _first(file: TextIO) -> str:
    """The next line that is not empty, "" where there is none."""
    while (line := file.readline(LONGEST_LINE + 1)) and not line.strip("\r\n"):
        pass
    (line,) = _text_only([line])
    if len(line) > LONGEST_LINE:
        raise FileRefused(_("The first line is far too long for the names of columns. Save the list as CSV."))
    return line


def _text_only(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\x00" in line:
            raise FileRefused(_("This is no CSV file. Save the list as CSV, and drop that file here."))
        yield line


def _check_line(line: Sequence[str], before: int) -> None:
    if len(line) > MOST_COLUMNS:
        told = {"most": MOST_COLUMNS}
        raise FileRefused(_("This file has more than %(most)d columns. Export fewer of them.") % told)
    if before > MOST_ROWS:
        raise FileRefused(
            _("This file has more than %(most)s people. Export a part of them.") % {"most": f"{MOST_ROWS:,}"}
        )


# --- rows ---------------------------------------------------------------------------------------------------

_DAY = re.compile(r"(?:(\d{4})-(\d{2})-(\d{2})|(\d{1,2})\.(\d{1,2})\.(\d{4})|(\d{1,2})/(\d{1,2})/(\d{4}))")


def _row(number: int, values: dict[str, str]) -> Row:
    key, word = values.pop(ID, ""), values.pop(STATUS, "")
    full = values.pop(NAME, "")
    if full and not (values.keys() & {"first_name", "last_name"}):
        first, last = _split_name(full)
        values |= {name: part for name, part in (("first_name", first), ("last_name", last)) if part}
    for name in ("hired_on", "left_on"):
        if name in values and (day := _day(values[name])):
            values[name] = day
    candidates = (key, values.get("employee_number", ""), values.get("work_email", ""), f"line {number + 1}")
    source_id = next(one for one in candidates if usable_key(one))
    return Row(source_id, _status(word, values.get("left_on", "")), values)


def _status(word: str, left_on: str) -> Status | None:
    if word:
        return STATUS_OF.get(plain_word(word))
    gone = _DAY.fullmatch(left_on) and left_on < date.today().isoformat()
    return Status.TERMINATED if gone else Status.ACTIVE


def _split_name(full: str) -> tuple[str, str]:
    """ "Roe, Jane" and "Jane Roe"."""
    if "," in full:
        last, _comma, first = full.partition(",")
        return first.strip(), last.strip()
    first, _space, last = full.rpartition(" ")
    return first, last


def _day(value: str) -> str:
    """YYYY-MM-DD of the common ways to write a day; "" for anything else. 1/2/2026 is in January."""
    found = _DAY.match(value)
    if not found:
        return ""
    y1, m1, d1, d2, m2, y2, m3, d3, y3 = found.groups()
    try:
        return date(int(y1 or y2 or y3), int(m1 or m2 or m3), int(d1 or d2 or d3)).isoformat()
    except ValueError:
        return ""
