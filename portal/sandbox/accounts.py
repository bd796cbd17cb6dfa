"""The made-up care organisations that the sandbox's Salesforce knows."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_OWNERS: Final = ("Avery Coleman", "Jordan Whitfield", "Morgan Castillo", "Riley Thornton")
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

# Name, LMS ID ("" where nobody filled it in), monthly recurring revenue ("" likewise), currency.
_LISTED: Final = (
    ("Riverside Community Health", "48213", "4250.00", "USD"),
    ("Northgate Dental Group", "48377", "1890.50", "USD"),
    ("Blue Harbor Senior Living", "47102", "6120.00", "USD"),
    ("Cedar Valley Hospice", "49056", "980.00", "USD"),
    ("Klinikverbund Süderelbe GmbH", "50311", "3475.00", "EUR"),
    ("Maple Street Pediatrics", "46890", "640.00", "USD"),
    ("O'Connor Home Care", "47744", "1125.75", "USD"),
    ("St. Brigid's Rehabilitation Center", "48801", "2980.00", "USD"),
    ("Riverbend Behavioral Services", "49320", "1760.00", "USD"),
    ("100% Smiles Orthodontics", "49987", "410.00", "USD"),
    ("Prairie_Wind Clinics", "50102", "865.00", "USD"),
    ("Lakeview Surgery Partners", "", "2210.00", "USD"),
    ("Harborlight Assisted Living", "50555", "", "USD"),
)
_FIRST: Final = ("Alder", "Birchwood", "Clearwater", "Foxglove", "Granite", "Juniper", "Meadowlark")
_SECOND: Final = ("Family Medicine", "Care Network", "Nursing Homes", "Urgent Care")


@dataclass(frozen=True, slots=True)
class Account:
    """One Salesforce account. `id` is the 18-character form; money in `currency` per month."""

    id: str
    name: str
    lms_id: str | None
    mrr: Decimal | None
    currency: str
    owner: str
    owner_id: str


def full_id(fifteen: str) -> str:
    """The 18-character form of a Salesforce id: three letters tell which characters are capitals."""
    suffix = ""
    for start in (0, 5, 10):
        chunk = fifteen[start : start + 5]
        suffix += _ALPHABET[sum(1 << place for place, letter in enumerate(chunk) if letter.isupper())]
    return fifteen + suffix


def demo_accounts() -> list[Account]:
    """About forty organisations, the same every time."""
    generated = [
        (f"{first} {second}", str(51_000 + 17 * place), f"{500 + 137 * place}.00", "USD")
        for place, (first, second) in enumerate((first, second) for first in _FIRST for second in _SECOND)
    ]
    accounts = []
    for number, (name, lms_id, mrr, currency) in enumerate((*_LISTED, *generated), start=1):
        owner = number % len(_OWNERS)
        accounts.append(
            Account(
                id=full_id(f"0015e00000Rv{number:03d}"),
                name=name,
                lms_id=lms_id or None,
                mrr=Decimal(mrr) if mrr else None,
                currency=currency,
                owner=_OWNERS[owner],
                owner_id=full_id(f"0055e00000Ow{owner:03d}"),
            )
        )
    return accounts
