"""The one shape that every HR system is read into, and the words of the directory."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from portal.kit.folding import fold


class Status(StrEnum):
    """hris-apis.md §4.2. There is no UNKNOWN: a word that no card knows is a problem that a person sees."""

    ACTIVE = "active"
    LEAVE = "leave"
    PREHIRE = "prehire"
    TERMINATED = "terminated"

    @property
    def works_here(self) -> bool:
        return self is _ACTIVE or self is _LEAVE


# Asked for everybody; by way of the class it takes three times as long.
_ACTIVE, _LEAVE = Status.ACTIVE, Status.LEAVE


class Person(NamedTuple):
    """One person as the HR system describes them, reduced to the fields its card allows.

    `source_id` is the vendor's stable key, never an e-mail address. `fields` maps field names (FIELDS and the
    card's own alternatives) to text; a field that the vendor did not send is absent, never an empty string.
    """

    source_id: str
    status: Status
    fields: Mapping[str, str]


# What a card may read. Whatever is not listed here or declared by the card never leaves the source.
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "employee_number": "Employee number",
        "first_name": "First name",
        "last_name": "Last name",
        "preferred_name": "Preferred name",
        "work_email": "Work e-mail",
        "personal_email": "Personal e-mail",
        "work_phone": "Work phone",
        "title": "Title",
        "job_title": "Job title",
        "department": "Department",
        "business_unit": "Business unit",
        "team": "Team",
        "location": "Location",
        "office": "Office",
        "city": "City",
        "country": "Country",
        "legal_entity": "Company",
        "manager_id": "Manager",
        "hired_on": "Hire date",
        "left_on": "Last day",
        "home_work_location": "Home Work Location",
        "first_position": "First Position",
        "primary_position": "Primary Position",
        "current_title": "Current Title",
        "employment_type": "Employment type",
    }
)

# Made by us, not sent by any vendor: what a filter may ask about besides the fields.
STATUS_FIELD, EVENT_FIELD = "status", "event"
COMPUTED: Mapping[str, str] = MappingProxyType(
    {STATUS_FIELD: "Status", EVENT_FIELD: "Present or future event"}
)
# A field of the vendor's own making, as the customer's administrators named it there.
CUSTOM = "custom."

MANAGER = "manager_id"  # a key of the HR system, which names somebody

# What the LMS sees of a person, in the order in which pages show it.
ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "title": "Title",
        "first_name": "First name",
        "last_name": "Last name",
        "email": "E-mail",
        "job_title": "Job title",
        "department": "Department",
        "location": "Location",
        "office": "Office",
        "city": "City",
        "country": "Country",
        "legal_entity": "Company",
        "phone": "Phone",
        "employee_number": "Employee number",
        "manager_id": "Manager",
        "hired_on": "Hire date",
    }
)

# The address of somebody whose data was removed when its time was over. RFC 2606: nobody has one there.
REMOVED_DOMAIN = "@removed.invalid"


def field_label(field: str) -> str:
    """What pages call a field; a custom one bears the name that it has at the vendor."""
    known = FIELDS.get(field) or COMPUTED.get(field)
    return known or field.removeprefix(CUSTOM).replace("_", " ").strip().capitalize()


def plain(text: str) -> str:
    """Without case and accents, as names are compared when somebody looks for one."""
    return fold(text).strip()
