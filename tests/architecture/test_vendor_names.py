"""A vendor's name stands in its card, logo, fixtures, ticket override and stand-in, and nowhere else."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from integrations import catalog

ROOT = Path(__file__).resolve().parents[2]
LOOKED_AT = ("portal", "integrations", "requests_app", "templates", "static")
SUFFIXES = {".py", ".html", ".txt", ".js", ".css", ".toml", ".json", ".svg"}
# Words of vendors' names that are also everyday words of this product or of its libraries.
EVERYDAY = {
    "api",
    "hr",
    "id",
    "microsoft",
    "now",
    "services",
    "sso",
    "workforce",
    "comprehensive",
    "totalsource",
}
ALLOWED = (
    "integrations/providers/",
    "portal/sandbox/",
    "static/img/providers/",
    "static/vendor/",
    "templates/tickets/providers/",
    "portal/demo.py",  # demo data names the systems that demo companies wish for
)


def vendor_words(slugs: Iterable[str], names: Iterable[str]) -> set[str]:
    """What gives a vendor away: its slug, its full name, and each telling word of either."""
    phrases = {phrase.lower() for phrase in (*slugs, *names)}
    words = {word for phrase in phrases for word in re.split(r"[^a-z0-9]+", phrase)}
    return phrases | {word for word in words if len(word) > 2 and word not in EVERYDAY}


def pattern_of(words: Iterable[str]) -> re.Pattern[str]:
    """Whole words only: the vendor Sage is not in "message". An underscore parts words: `sage_token`."""
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![a-z0-9])(?:{alternatives})(?![a-z0-9])", re.IGNORECASE)


def test_vendor_names_stay_in_their_places() -> None:
    cards = list(catalog.load().values())
    assert cards
    pattern = pattern_of(vendor_words([card.slug for card in cards], [card.name for card in cards]))
    found = [
        f"{place}:{number}: {match.group()}"
        for folder in LOOKED_AT
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix in SUFFIXES
        for place in [str(path.relative_to(ROOT))]
        if not place.startswith(ALLOWED)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (match := pattern.search(line))
    ]
    assert found == []


@pytest.mark.parametrize("text", ["if slug == 'sage_hr':", "SAGE_URL", "Sage HR asks", "the adp certificate"])
def test_a_vendor_name_is_found_in_code_and_in_prose(text: str) -> None:
    assert pattern_of(
        vendor_words(["sage_hr", "adp_workforce_now"], ["Sage HR", "ADP Workforce Now"])
    ).search(text)


@pytest.mark.parametrize(
    "text", ["a message for the passage", "id and services", "adapter", "the HR system, now"]
)
def test_everyday_words_are_no_vendor_names(text: str) -> None:
    words = vendor_words(["sage_hr", "adp_workforce_now"], ["Sage HR", "ADP Comprehensive Services"])
    assert not pattern_of(words).search(text)
