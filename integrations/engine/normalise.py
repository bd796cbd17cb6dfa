"""One spelling for equal values: what the directory stores is clean text of a known length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from email_validator import EmailNotValidError, validate_email

# Characters per attribute; a test compares them with the directory's columns.
CAPS: Mapping[str, int] = MappingProxyType(
    {
        "title": 40,
        "first_name": 120,
        "last_name": 120,
        "email": 254,
        "job_title": 200,
        "department": 200,
        "location": 200,
        "office": 200,
        "city": 120,
        "country": 120,
        "legal_entity": 200,
        "phone": 40,
        "employee_number": 60,
        "manager_id": 100,
        "hired_on": 10,
    }
)
KEY_CAP = 100

# Controls and lone surrogates, which no text column takes; invisible marks that make equal names differ or
# turn the direction of what follows. The joiners U+200C and U+200D stay: Persian and Indic names need them.
_UNWANTED = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
_LOCAL = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_ADDRESS = re.compile(rf"(?=.{{1,64}}@){_LOCAL}@(?:{_LABEL}\.)+[a-z]{{2,63}}", re.ASCII)


def text(value: str) -> str:
    """NFC, no control characters, white space folded and trimmed."""
    if value.isascii() and value.isprintable():
        return " ".join(value.split()) if "  " in value else value.strip()
    if value.isprintable():  # controls and invisible marks are not
        return " ".join(unicodedata.normalize("NFC", value).split())
    # White space first, while line breaks and tabs still separate words; again, for what hid between them.
    spaced = " ".join(value.split())
    return " ".join(unicodedata.normalize("NFC", _UNWANTED.sub("", spaced)).split())


def capped(attribute: str, value: str) -> tuple[str, bool]:
    """The clean value as the directory can hold it, and whether something was cut off."""
    cap = CAPS[attribute]
    plain = value.isascii() and value.isprintable() and "  " not in value  # nearly every value
    clean = value.strip() if plain else text(value)
    return (clean, False) if len(clean) <= cap else (clean[:cap].rstrip(), True)


def address(value: str) -> str | None:
    """A lower-cased e-mail address of at most 254 characters, or None when it is no address.

    Addresses in other scripts are addresses; Django's own pattern refuses them (performance.md §9.13).
    """
    clean = text(value).lower()
    if len(clean) > CAPS["email"]:
        return None
    if _PLAIN_ADDRESS.fullmatch(clean):
        return clean
    try:
        found = validate_email(clean, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        return None
    return found if len(found) <= CAPS["email"] else None


def usable_key(value: str) -> bool:
    """Whether a vendor's id can be our key as it stands. It is never cleaned: two ids must not become one."""
    plain = value.isascii() and value.isprintable()
    return 0 < len(value) <= KEY_CAP and (plain or not _UNWANTED.search(value))
