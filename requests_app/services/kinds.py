"""What may be given for each kind of item: one function per kind, from what was typed to what is kept.

Every refusal is an `InvalidAnswer` whose sentence stands beside the field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import available_timezones

import idna
import phonenumbers
from django.utils.translation import gettext, gettext_lazy
from email_validator import EmailNotValidError, validate_email

from integrations.provider import ItemKind

LONGEST_TEXT = 300
LONGEST_LONGTEXT = 4_000
LONGEST_SECRET = 10_000
SHORTEST_SECRET = 6  # shorter ones would be found in any text, and protect nothing

SECRET_ID = gettext_lazy(
    "This is the Secret ID. Enter the secret's value instead: it is shown only once, when the secret is created. "
    "If nobody kept it, create a new secret."
)
_GUID = re.compile(r"\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_AMOUNT = re.compile(r"\d{1,10}(?:\.\d{1,2})?|\d{1,3}(?:,\d{3}){1,3}(?:\.\d{1,2})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_YES = frozenset({"true", "yes", "y", "on", "1"})
_NO = frozenset({"false", "no", "n", "off", "0"})
# Marks that reorder text without being seen: a ticket must read as it was written.
_BIDI = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class InvalidAnswer(Exception):
    """What was typed cannot be used. `message` is the sentence beside the field; it never quotes a secret."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Asked:
    """What a kind must know besides the text: options, the region of bare phone numbers, lines of a secret.

    `guid_is_secret_id`: the provider shows an ID beside each secret, which is often copied in its place.
    """

    options: tuple[Mapping[str, str], ...] = ()
    region: str | None = None
    multiline: bool = False
    guid_is_secret_id: bool = False


def clean(raw: Any) -> str:
    """Text without what nobody can see or store: control characters, lone surrogates, reordering marks."""
    text = str(raw).replace("\r\n", "\n").replace("\r", "\n")
    kept = (
        c for c in text if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _BIDI)
    )
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def parse(kind: ItemKind, raw: Any, asked: Asked) -> Any:
    """The value to keep, as JSON (a str for secrets, which are sealed). Raises InvalidAnswer."""
    return _PARSERS[kind](raw, asked)


def money_text(amount: Decimal, currency: str) -> str:
    """How money is kept: "4250.00 USD"."""
    return f"{amount:.2f} {currency}"


def money_of(text: str) -> tuple[Decimal, str]:
    """The inverse of `money_text`."""
    amount, _, currency = text.partition(" ")
    return Decimal(amount), currency


def _text(raw: Any, asked: Asked) -> str:
    return _no_longer_than(LONGEST_TEXT, " ".join(clean(raw).split()))


def _longtext(raw: Any, asked: Asked) -> str:
    lines = (" ".join(line.split()) for line in clean(raw).split("\n"))
    return _no_longer_than(LONGEST_LONGTEXT, re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())


def _email(raw: Any, asked: Asked) -> str:
    try:
        # Nothing is asked of the DNS. `.test` is allowed: test users of test tenants live there.
        found = validate_email(clean(raw), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidAnswer(gettext("Enter one e-mail address, such as jane.roe@example.com.")) from None
    return str(found.normalized)


def _phone(raw: Any, asked: Asked) -> str:
    text = clean(raw)
    try:
        number = phonenumbers.parse(text, asked.region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number) or len(text) > 40:
        raise InvalidAnswer(gettext("Enter the phone number with its country code, such as +1 555 010 0100."))
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain} ext. {number.extension}" if number.extension else str(plain)


def phone_words(kept: str) -> str:
    """A phone number that was kept, as people write it: "+13125550142" gives "+1 312-555-0142"."""
    try:
        number = phonenumbers.parse(kept)
    except phonenumbers.NumberParseException:
        return kept
    extension, number.extension = number.extension, None
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return f"{plain} ext. {extension}" if extension else str(plain)


def _timezone(raw: Any, asked: Asked) -> str:
    name = zones().get(clean(raw).replace(" ", "_").lower())
    if name is None:
        raise InvalidAnswer(gettext("Choose a time zone by its region and city, such as America/Chicago."))
    return name


def _domain(raw: Any, asked: Asked) -> str:
    text = clean(raw).lower()
    text = re.sub(r"^[a-z][a-z0-9+.-]*://", "", text).removeprefix("@")
    host = re.split(r"[/?#:]", text, maxsplit=1)[0].rstrip(".")
    refusal = InvalidAnswer(gettext("Enter only the domain name, such as example.com."))
    try:
        host = idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise refusal from None
    labels = host.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise refusal
    return _no_longer_than(253, host)


def _uuid_or_text(raw: Any, asked: Asked) -> str:
    text = clean(raw)
    if guid := _GUID.fullmatch(text):
        return guid[1].lower()
    if re.search(r"\s", text) or len(text) > 200:
        raise InvalidAnswer(gettext("Enter the ID alone, without spaces, as the provider shows it."))
    return text


def _money(raw: Any, asked: Asked) -> str:
    text = clean(raw).upper()
    left, _, right = " ".join(text.split()).rpartition(" ")
    amount, currency = (right, left) if _CURRENCY.fullmatch(left) else (left, right)
    if not _AMOUNT.fullmatch(amount) or not _CURRENCY.fullmatch(currency):
        raise InvalidAnswer(gettext("Enter an amount and its currency, such as 4250.00 USD."))
    return money_text(Decimal(amount.replace(",", "")), currency)


def _secret(raw: Any, asked: Asked) -> str:
    text = str(raw).replace("\r\n", "\n").strip().replace("\x00", "")
    if asked.guid_is_secret_id and _GUID.fullmatch(text):
        raise InvalidAnswer(str(SECRET_ID))
    if len(text) < SHORTEST_SECRET:
        raise InvalidAnswer(
            gettext("This is too short. A secret has at least %(least)d characters.")
            % {"least": SHORTEST_SECRET}
        )
    if len(text) > LONGEST_SECRET:
        raise InvalidAnswer(gettext("This is too long to be the secret. Check what was pasted."))
    if "\n" in text and not asked.multiline:
        raise InvalidAnswer(gettext("This has several lines. Paste only the secret's value."))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidAnswer(
            gettext("This holds characters that no system accepts. Copy the secret again.")
        ) from None
    return text


def _bool(raw: Any, asked: Asked) -> bool:
    text = clean(raw).lower()
    if text not in _YES | _NO:
        raise InvalidAnswer(gettext("Choose Yes or No."))
    return text in _YES


def _choice(raw: Any, asked: Asked) -> str:
    text = clean(raw)
    for option in asked.options:
        if text == option["value"] or text.lower() == option["label"].lower():
            return option["value"]
    labels = [option["label"] for option in asked.options]
    raise InvalidAnswer(gettext("Choose one of: %(labels)s.") % {"labels": ", ".join(map(gettext, labels))})


def _date(raw: Any, asked: Asked) -> str:
    try:
        found = date.fromisoformat(clean(raw))
    except ValueError:
        raise InvalidAnswer(gettext("Enter the date as year-month-day, such as 2027-05-31.")) from None
    if not 2000 <= found.year <= 2100:
        raise InvalidAnswer(gettext("Check the year of this date."))
    return found.isoformat()


_PARSERS: Mapping[ItemKind, Callable[[Any, Asked], Any]] = {
    ItemKind.TEXT: _text,
    ItemKind.LONGTEXT: _longtext,
    ItemKind.EMAIL: _email,
    ItemKind.PHONE: _phone,
    ItemKind.TIMEZONE: _timezone,
    ItemKind.DOMAIN: _domain,
    ItemKind.UUID_OR_TEXT: _uuid_or_text,
    ItemKind.MONEY: _money,
    ItemKind.SECRET: _secret,
    ItemKind.BOOL: _bool,
    ItemKind.CHOICE: _choice,
    ItemKind.ATTEST: _bool,
    ItemKind.DATE: _date,
}


@cache
def zones() -> Mapping[str, str]:
    """Lower-case name -> IANA name."""
    return {name.lower(): name for name in available_timezones()}


@cache
def _regions() -> Mapping[str, str]:
    """IANA zone -> ISO country, from the time zone database's own table."""
    table = files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


def region_of(timezone: Any) -> str | None:
    """The country in which a bare phone number is dialled, guessed from a time zone."""
    return _regions().get(str(timezone))


def _no_longer_than(most: int, text: str) -> str:
    if len(text) > most:
        raise InvalidAnswer(
            gettext("This is longer than %(most)s characters. Shorten it, or attach a file.")
            % {"most": f"{most:,}"}
        )
    return text
