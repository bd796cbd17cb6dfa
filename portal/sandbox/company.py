"""The synthetic company behind every HR vendor: a person is a function of an index, so size costs nothing."""

import math
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from portal.sandbox.names import DEPARTMENTS, FIRST_NAMES, LAST_NAMES, LOCATIONS, NICKNAMES, PLAIN_LETTERS
from portal.sandbox.names import Location as Location

DOMAIN: Final = "riverside.example"
_MASK: Final = (1 << 64) - 1
_NAMES: Final = len(FIRST_NAMES) * len(LAST_NAMES)
_STEP: Final = 1_201  # shares no factor with _NAMES, so that names do not repeat within one round
_ADP_RANGE: Final = 36**10 - 180  # range of the made-up part of an associateOID
_ADP_STEP: Final = 2_654_435_761_987
_LAST_BASE_HIRE: Final = date(2025, 6, 30)
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_STREETS: Final = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Juniper", "Maple")
_MARITAL: Final = ("Single", "Married", "Divorced", "Widowed")

if math.gcd(_STEP, _NAMES) != 1 or math.gcd(_ADP_STEP, _ADP_RANGE) != 1:  # a changed word list can break this
    raise ValueError("names or ids of the synthetic company would repeat")


class Status(StrEnum):
    """Where a person stands on a given day, before any vendor words it."""

    ACTIVE = "active"
    LEAVE = "leave"
    PREHIRE = "prehire"
    TERMINATED = "terminated"


class Private(NamedTuple):
    """What an HR system knows and the portal must never store; also the canaries of its tests."""

    ssn: str
    birth_date: date
    gender: str
    salary: float
    home_address: str
    marital_status: str
    home_phone: str
    iban: str
    passport: str
    birth_place: str
    nationality: str
    ethnicity: str
    religion: str
    disability: str
    union: str

    @property
    def canaries(self) -> tuple[str, ...]:
        """The values that are telling enough to search for as text."""
        told = self.ssn, self.birth_date.isoformat(), str(self.salary), self.home_address
        return (*told, *self[6:])


@dataclass(frozen=True, slots=True)
class Person:
    """One person. `manager` is an index."""

    index: int
    adp_id: str
    employee_number: str
    first_name: str
    last_name: str
    preferred_name: str
    work_email: str
    personal_email: str
    job_title: str
    department: str
    business_unit: str
    location: Location
    manager: int | None
    hired_on: date
    rehired_on: date | None
    status: Status
    terminated_on: date | None
    updated_on: date
    private: Private

    @property
    def full_name(self) -> str:
        """First and last name, with a space."""
        return f"{self.first_name} {self.last_name}"

    @property
    def cost_center(self) -> str:
        """What customers keep in fields of their own making: harmless."""
        return f"CC-{self.index % 9 + 1}00"

    @property
    def shirt_size(self) -> str:
        return ("S", "M", "L", "XL")[self.index % 4]


def plain(text: str) -> str:
    """Lower-case ASCII for addresses: `Müller` becomes `mueller`, `Núñez` becomes `nunez`."""
    folded = unicodedata.normalize("NFC", text).lower().translate(PLAIN_LETTERS)
    return unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()


# Addresses must differ even where two spellings fold to the same letters.
_FIRST_SLUGS: Final = tuple(plain(name) for name, _ in FIRST_NAMES)
_LAST_SLUGS: Final = tuple(plain(name) for name in LAST_NAMES)
if len(set(_FIRST_SLUGS)) < len(FIRST_NAMES) or len(set(_LAST_SLUGS)) < len(LAST_NAMES):
    raise ValueError("two names of the synthetic company would share one address")


@dataclass(frozen=True, slots=True)
class Company:
    """`size` current people at indexes 0..size-1, then the former ones, then whoever is hired later.

    `missing_work_email` is the share (0..1) of people without a work address.
    """

    size: int = 250
    seed: int = 1
    missing_work_email: float = 0.0

    @property
    def former(self) -> int:
        """How many people had already left on the first day: 4 % of the current ones."""
        return round(self.size * 0.04)

    @property
    def first_hire(self) -> int:
        """The index that the first newly hired person gets."""
        return self.size + self.former

    def person(self, index: int) -> Person:
        """The person at this index as the first day knew them."""
        given, gender, last, slug = self._name(index)
        department = DEPARTMENTS[self._roll(index, 2) % len(DEPARTMENTS)]
        hired_on, terminated_on = self._dates(index)
        has_mail = self._roll(index, 5) % 10_000 >= self.missing_work_email * 10_000
        return Person(
            index=index,
            adp_id=_adp_id(index, self.seed),
            employee_number=f"RC{100_001 + index}",
            first_name=given,
            last_name=last,
            preferred_name=NICKNAMES.get(given, "") if index % 3 else "",
            work_email=f"{slug}@{DOMAIN}" if has_mail else "",
            personal_email=f"{slug}@home.example",
            job_title="Executive Director"
            if index == 0
            else department.titles[index % len(department.titles)],
            department=department.name,
            business_unit=department.unit,
            location=LOCATIONS[self._roll(index, 3) % len(LOCATIONS)],
            manager=(index - 1) // 8 if index else None,
            hired_on=hired_on,
            rehired_on=None,
            status=self._status(index),
            terminated_on=terminated_on,
            updated_on=terminated_on or hired_on,
            private=self._private(index, gender),
        )

    def _roll(self, index: int, salt: int) -> int:
        """A fixed, well-mixed number for this person and purpose (the finaliser of SplitMix64)."""
        mixed = (index * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03 + self.seed) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def _name(self, index: int) -> tuple[str, str, str, str]:
        turn, place = divmod(index, _NAMES)
        row, column = divmod((place * _STEP + self.seed * 7) % _NAMES, len(FIRST_NAMES))
        first, gender = FIRST_NAMES[column]
        slug = f"{_FIRST_SLUGS[column]}.{_LAST_SLUGS[row]}{turn + 1 if turn else ''}"
        return first, gender, LAST_NAMES[row], slug

    def _status(self, index: int) -> Status:
        if self.size <= index < self.first_hire:
            return Status.TERMINATED
        on_leave = index < self.size and index % 50 == 49
        return Status.LEAVE if on_leave else Status.ACTIVE

    def _dates(self, index: int) -> tuple[date, date | None]:
        if self.size <= index < self.first_hire:
            terminated_on = _LAST_BASE_HIRE - timedelta(days=self._roll(index, 6) % 700)
            return terminated_on - timedelta(days=120 + self._roll(index, 7) % 3_000), terminated_on
        return _LAST_BASE_HIRE - timedelta(days=self._roll(index, 4) % 6_000), None

    def _private(self, index: int, gender: str) -> Private:
        roll = self._roll(index, 8)
        return Private(
            ssn=f"9{index % 100:02d}-{roll % 90 + 10}-{1_000 + roll // 97 % 9_000}",
            birth_date=date(1955, 1, 1) + timedelta(days=roll % 12_000),
            gender={"f": "Female", "m": "Male"}[gender],
            salary=38_000.37 + roll % 90_000,  # the cents keep it apart from ids and numbers
            home_address=f"{index + 1} {_STREETS[roll % len(_STREETS)]} Crescent",
            marital_status=_MARITAL[roll % len(_MARITAL)],
            home_phone=f"+1 775 555 {index % 10_000:04d}",
            iban=f"XX{roll % 90 + 10}RVSD{index:012d}",
            passport=f"P{roll % 9_000_000 + 1_000_000}X{index}",
            birth_place=f"undisclosed birthplace {roll % 9}",
            nationality=f"undisclosed nationality {roll % 8}",
            ethnicity=f"undisclosed ethnicity {roll % 7}",
            religion=f"undisclosed religion {roll % 6}",
            disability=f"undisclosed disability {roll % 5}",
            union=f"undisclosed union {roll % 4}",
        )


def _adp_id(index: int, seed: int) -> str:
    """An associateOID in ADP's look: `G3` and fourteen capitals or digits, different for every index."""
    number = (index * _ADP_STEP + seed * 104_729) % _ADP_RANGE
    letters = []
    for _ in range(10):
        number, digit = divmod(number, 36)
        letters.append(_DIGITS[digit])
    return "G3RV" + "".join(reversed(letters)).rjust(12, "0")
