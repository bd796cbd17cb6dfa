"""What a column of a CSV export means, and what its words for a status do: headers in English or German."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.people import CUSTOM, FIELDS, Status
from integrations.services.wording import field_label
from integrations.sources.blocking import is_sensitive

ID, NAME, STATUS = "_id", "_name", "_status"
_LABELS = {ID: gettext_noop("Id"), NAME: gettext_noop("Name"), STATUS: gettext_noop("Status")}
_LONGEST_LABEL = 80
_MOST_TOLD = 40

# Without spaces, accents and punctuation. What is not here is compared with the fields' own names and labels.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    ID: (
        "id",
        "employeeid",
        "personid",
        "workerid",
        "userid",
        "externalid",
        "associateoid",
        "mitarbeiterid",
    ),
    NAME: (
        *("name", "fullname", "displayname", "employee", "employeename", "mitarbeiter", "mitarbeitername"),
        *("lastnamefirstname", "namevorname", "nachnamevorname"),
    ),
    STATUS: (
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
STATUS_OF = {word: status for status, words in _STATUSES.items() for word in words}
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file and the field that it became; "" where it was left out."""

    header: str
    field: str


def plain_word(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.casefold().translate(_GERMAN))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalnum())


def column_of(header: str) -> Column:
    plain = plain_word(header)
    if plain in _FIELD_OF:
        return Column(header, _FIELD_OF[plain])
    # Named as a source names it, so that filter and mapping of a rehearsal fit the real system as well.
    label = header[:_LONGEST_LABEL].strip()
    if not plain or is_sensitive(header):
        return Column(header, "")
    return Column(header, f"{CUSTOM}{label}")


def understood(columns: Sequence[Column]) -> str:
    """What each column was taken for, as a sentence: "“Abteilung” is Department, “Schicht” is kept as it is"."""
    said = [_understood(column) for column in columns if column.field]
    shown = _(", ").join(said[:_MOST_TOLD])
    if len(said) > _MOST_TOLD:
        shown = _("%(shown)s and %(number)s more") % {"shown": shown, "number": len(said) - _MOST_TOLD}
    return _("Your columns, as we understand them: %(columns)s.") % {"columns": shown}


def _understood(column: Column) -> str:
    if column.field.startswith(CUSTOM):
        return _("“%(column)s” keeps its name") % {"column": column.header}
    return _("“%(column)s” is %(field)s") % {"column": column.header, "field": _label(column.field)}


def repeated(columns: Sequence[Column]) -> list[str]:
    """A sentence for every field that several columns mean."""
    times = Counter(column.field for column in columns if column.field)
    words = _("Several columns mean “%(field)s”; the first that is filled is used.")
    return [words % {"field": _label(name)} for name, number in times.items() if number > 1]


def _label(name: str) -> str:
    return _(_LABELS[name]) if name in _LABELS else field_label(name)
