"""Names without case and accents, so that "celik" finds Çelik: in memory here, in the database by `folded_sql`."""

from __future__ import annotations

import unicodedata
from typing import Final

_ALIKE: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "œ": "o", "æ": "a", "þ": "p"}
)
# lower() leaves these alone where the database's locale is C.
_UPPER: Final = "".join(map(chr, [*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x410, 0x430)]))
_LETTERS, _PLAIN = "øłđıœæþ", "oldioap"


def fold(text: str) -> str:
    """Without case and accents, as the database has it in `search_words` and in `folded_sql`."""
    bare = "".join(each for each in unicodedata.normalize("NFKD", text) if not "\u0300" <= each <= "\u036f")
    return bare.lower().translate(_ALIKE)


def words_of(text: str) -> list[str]:
    """The words of a name as somebody typed it: the comma of “Alvarez, Hannah” belongs to none of them."""
    return text.replace(",", " ").split()


def folded_sql(said: str) -> str:
    """The same of a text column, as an SQL expression. Plain letters, which most names are, cost no more than lower()."""
    bare = f"regexp_replace(normalize({said}, NFKD), '[\u0300-\u036f]', '', 'g')"
    small = f"translate({bare}, '{_UPPER}{_LETTERS}{_LETTERS.upper()}', '{_UPPER.lower()}{_PLAIN}{_PLAIN}')"
    whole = f"replace(lower({small}), 'ß', 'ss')"
    return f"CASE WHEN octet_length({said}) = length({said}) THEN lower({said}) ELSE {whole} END"
