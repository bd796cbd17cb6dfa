"""A CSV export as a list of people: any common encoding and delimiter, headers in English or German, nothing trusted."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from django.utils.translation import gettext as _

from integrations.engine.normalise import text, usable_key
from integrations.people import CUSTOM, FIELDS, Status
from integrations.services.draft_rows import DraftRefused
from integrations.sources.blocking import is_sensitive

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 50_000
MOST_COLUMNS = 200
LONGEST_LINE = 100_000  # characters
LONGEST_VALUE = 1_000
_LONGEST_LABEL = 80
_DELIMITERS = ",;\t"
_SEPARATOR = re.compile(r"sep=.?", re.IGNORECASE)


class Upload(Protocol):
    """As Django gives it."""

    @property
    def size(self) -> int | None: ...

    def read(self, num_bytes: int = ..., /) -> bytes: ...


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


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file and the field that it became; "" where it was left out."""

    header: str
    field: str


@dataclass(frozen=True)
class People:
    """`columns` in the order of the file; `dropped` are the headers of sensitive ones."""

    columns: tuple[Column, ...]
    dropped: tuple[str, ...]
    _lines: Sequence[list[str]] = field(repr=False)

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
    content = _content(upload)
    lines = _lines(_decoded(content))
    header = [text(name) for name in lines[0]]
    columns = tuple(_column(name) for name in header)
    known = {column.field for column in columns}
    if not known & {"work_email", "personal_email", "first_name", "last_name", _NAME}:
        raise FileRefused(
            _("The first line must name the columns, such as “First name”, “Last name” and “Work e-mail”.")
        )
    dropped = tuple(column.header for column in columns if not column.field and column.header)
    return People(columns, dropped, lines[1:])


def _content(upload: Upload) -> bytes:
    # The size that was announced is believed only when it is too large.
    content = b"" if (upload.size or 0) > MOST_BYTES else upload.read(MOST_BYTES + 1)
    if (upload.size or 0) > MOST_BYTES or len(content) > MOST_BYTES:
        told = {"most": MOST_BYTES // 1024 // 1024}
        raise FileRefused(_("This file is larger than %(most)d MB. Export fewer columns.") % told)
    if not content.strip():
        raise FileRefused(_("This file is empty. Export the list of people once more."))
    return content


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        decoded = content.decode("utf-16", "replace")
    else:
        try:
            decoded = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            decoded = content.decode("cp1252", "replace")
    if "\x00" in decoded:
        raise FileRefused(_("This is no CSV file. Save the list as CSV, and drop that file here."))
    return decoded


def _lines(decoded: str) -> list[list[str]]:
    first, _newline, rest = decoded.lstrip("\r\n").partition("\n")
    if len(first) > LONGEST_LINE:
        raise FileRefused(_("The first line is far too long for the names of columns. Save the list as CSV."))
    if _SEPARATOR.fullmatch(first.strip()):  # what spreadsheets write for each other
        first, _newline, rest = rest.partition("\n")
    delimiter = max(_DELIMITERS, key=first.count)
    lines: list[list[str]] = []
    try:
        for line in csv.reader(io.StringIO(f"{first}\n{rest}", newline=""), delimiter=delimiter):
            if not any(cell.strip() for cell in line):
                continue
            _check_line(line, len(lines))
            lines.append(line)
    except csv.Error:
        raise FileRefused(
            _("Line %(line)d cannot be read. A quotation mark may be missing there.")
            % {"line": len(lines) + 1}
        ) from None
    if len(lines) < 2:
        raise FileRefused(_("There are no people in this file, only one line. Export the list once more."))
    return lines


def _check_line(line: Sequence[str], before: int) -> None:
    if len(line) > MOST_COLUMNS:
        told = {"most": MOST_COLUMNS}
        raise FileRefused(_("This file has more than %(most)d columns. Export fewer of them.") % told)
    if before > MOST_ROWS:
        raise FileRefused(
            _("This file has more than %(most)s people. Export a part of them.") % {"most": f"{MOST_ROWS:,}"}
        )


# --- names --------------------------------------------------------------------------------------------------

_ID, _NAME, _STATUS = "_id", "_name", "_status"

# Without spaces, accents and punctuation. What is not here is compared with the fields' own names and labels.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    _ID: (
        "id",
        "employeeid",
        "personid",
        "workerid",
        "userid",
        "externalid",
        "associateoid",
        "mitarbeiterid",
    ),
    _NAME: ("name", "fullname", "displayname", "employee", "employeename", "mitarbeiter", "mitarbeitername"),
    _STATUS: (
        *("status", "employmentstatus", "employeestatus", "workerstatus", "state", "anstellungsstatus"),
        *("beschaeftigungsstatus", "mitarbeiterstatus"),
    ),
    "employee_number": (
        *("employeenumber", "employeeno", "employeenr", "personnelnumber", "staffnumber", "payrollnumber"),
        *("personalnummer", "personalnr", "mitarbeiternummer", "persnr"),
    ),
    "first_name": ("firstname", "givenname", "forename", "legalfirstname", "vorname", "rufname"),
    "last_name": ("lastname", "surname", "familyname", "legallastname", "nachname", "familienname", "zuname"),
    "preferred_name": ("preferredname", "preferredfirstname", "nickname"),
    "work_email": (
        *("workemail", "email", "emailaddress", "workemailaddress", "companyemail", "businessemail", "mail"),
        *("emailadresse", "mailadresse", "dienstlicheemail", "geschaeftlicheemail", "firmenemail"),
    ),
    "personal_email": ("personalemail", "privateemail", "homeemail", "privatmail", "privateemailadresse"),
    "work_phone": (
        "workphone",
        "businessphone",
        "officephone",
        "phone",
        "telefon",
        "diensttelefon",
        "durchwahl",
    ),
    "title": ("title", "titel"),
    "job_title": ("jobtitle", "position", "role", "job", "stelle", "stellenbezeichnung", "funktion", "beruf"),
    "department": ("department", "dept", "departmentname", "abteilung", "bereich"),
    "business_unit": ("businessunit", "division", "unit", "geschaeftsbereich", "geschaeftseinheit"),
    "team": ("team", "teamname"),
    "location": (
        "location",
        "worklocation",
        "site",
        "branch",
        "standort",
        "arbeitsort",
        "niederlassung",
        "filiale",
    ),
    "office": ("office", "buero"),
    "city": ("city", "workcity", "ort", "stadt"),
    "country": ("country", "workcountry", "land"),
    "legal_entity": ("company", "legalentity", "firma", "unternehmen", "gesellschaft"),
    "manager_id": (
        "manager",
        "managerid",
        "supervisor",
        "reportsto",
        "vorgesetzter",
        "vorgesetzte",
        "fuehrungskraft",
    ),
    "hired_on": (
        "hiredon",
        "hiredate",
        "startdate",
        "originalhiredate",
        "eintrittsdatum",
        "eintritt",
        "startdatum",
    ),
    "left_on": (
        "lefton",
        "lastday",
        "terminationdate",
        "enddate",
        "austrittsdatum",
        "austritt",
        "letzterarbeitstag",
    ),
    "employment_type": (
        "employmenttype",
        "contracttype",
        "beschaeftigungsart",
        "vertragsart",
        "anstellungsart",
    ),
}
_FIELD_OF = {synonym: name for name, synonyms in _SYNONYMS.items() for synonym in synonyms}
_FIELD_OF |= {name.replace("_", ""): name for name in FIELDS}
_STATUSES: Mapping[Status, tuple[str, ...]] = {
    Status.ACTIVE: (
        *("active", "aktiv", "employed", "yes", "ja", "true", "1", "a", "fulltime", "parttime", "vollzeit"),
        *("teilzeit", "beschaeftigt", "angestellt"),
    ),
    Status.LEAVE: (
        "leave",
        "onleave",
        "paidleave",
        "unpaidleave",
        "absent",
        "l",
        "elternzeit",
        "beurlaubt",
        "karenz",
    ),
    Status.PREHIRE: ("prehire", "future", "pending", "onboarding", "preboarding", "kuenftig", "zukuenftig"),
    Status.TERMINATED: (
        *(
            "terminated",
            "inactive",
            "inaktiv",
            "left",
            "former",
            "no",
            "nein",
            "false",
            "0",
            "t",
            "dismissed",
        ),
        *(
            "resigned",
            "retired",
            "deceased",
            "ausgetreten",
            "ausgeschieden",
            "gekuendigt",
            "ehemalig",
            "beendet",
        ),
    ),
}
_STATUS_OF = {word: status for status, words in _STATUSES.items() for word in words}
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_DAY = re.compile(r"(?:(\d{4})-(\d{2})-(\d{2})|(\d{1,2})\.(\d{1,2})\.(\d{4})|(\d{1,2})/(\d{1,2})/(\d{4}))")


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.casefold().translate(_GERMAN))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalnum())


def _column(header: str) -> Column:
    plain = _plain(header)
    if plain in _FIELD_OF:
        return Column(header, _FIELD_OF[plain])
    # Named as a source names it, so that filter and mapping of a rehearsal fit the real system as well.
    label = header[:_LONGEST_LABEL].strip()
    if not plain or is_sensitive(header):
        return Column(header, "")
    return Column(header, f"{CUSTOM}{label}")


def _row(number: int, values: dict[str, str]) -> Row:
    key, word = values.pop(_ID, ""), values.pop(_STATUS, "")
    full = values.pop(_NAME, "")
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
        return _STATUS_OF.get(_plain(word))
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
