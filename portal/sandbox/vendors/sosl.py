"""`FIND {…} IN NAME FIELDS RETURNING Account(…)`: Salesforce's search language, as far as lookups need it."""

import re
from collections.abc import Callable
from typing import Final

from portal.sandbox.vendors import soql

_FIND: Final = re.compile(
    r"\s*FIND\s*\{(?P<term>(?:\\.|[^{}\\])*)\}\s*(?:IN\s+(?:ALL|NAME)\s+FIELDS\s+)?"
    r"RETURNING\s+(?P<object>\w+)\s*\((?P<inner>.*)\)\s*(?:LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_REST: Final = re.compile(r"\s(?=WHERE\s|ORDER\s+BY\s|LIMIT\s)", re.IGNORECASE)
_RESERVED: Final = "&|!{}[]()^~:'+-"


def parse(text: str, schema: soql.Schema) -> tuple[soql.Query, Callable[[str], bool]]:
    """The query inside RETURNING and a test of a name. Raises QueryError, also for reserved characters."""
    match = _FIND.fullmatch(text)
    if match is None:
        raise soql.QueryError("MALFORMED_SEARCH", "No search term found. The search string must be in {}.")
    fields, *rest = _REST.split(match["inner"], maxsplit=1)
    inner = f"SELECT {fields} FROM {match['object']} {rest[0] if rest else ''}"  # noqa: S608 - it is SOQL
    query = soql.parse(inner, schema)
    patterns = [_pattern(word) for word in _words(match["term"])]
    if not patterns:
        raise soql.QueryError("MALFORMED_SEARCH", "search term must be longer than one character")
    return query, lambda name: all(_found(pattern, name) for pattern in patterns)


def _words(term: str) -> list[list[tuple[str, bool]]]:
    """Words as lists of (character, is a wildcard). What is escaped or in quotes is literal."""
    if len(re.sub(r"[\\\s*?\"]", "", term)) < 2:
        raise soql.QueryError("MALFORMED_SEARCH", f"search term must be longer than one character: {term}")
    words: list[list[tuple[str, bool]]] = [[]]
    quoted = False
    literal: set[int] = set()  # which words have quotes: there AND is a word, not an operator
    for escaped, single in re.findall(r"\\(.)|(.)", term, flags=re.DOTALL):
        if escaped:
            words[-1].append((escaped, False))
        elif single == '"':
            quoted = not quoted
            literal.add(len(words))
        elif single.isspace():
            words.append([])
        elif single in _RESERVED and not quoted:
            raise soql.QueryError("MALFORMED_SEARCH", f"unexpected character in search term: {single}")
        else:
            words[-1].append((single, single in "*?" and not quoted))
    if any(word[0][1] for word in words if word):
        raise soql.QueryError("MALFORMED_SEARCH", "a search term must not begin with a wildcard")
    return [
        word
        for number, word in enumerate(words, 1)
        if word and (number in literal or "".join(letter for letter, _ in word).upper() != "AND")
    ]


def _pattern(word: list[tuple[str, bool]]) -> list[re.Pattern[str]]:
    """One pattern per part: `O'Connor` is indexed, and searched, as `O` and `Connor`."""
    parts: list[str] = [""]
    for letter, wild in word:
        if wild:
            parts[-1] += r"\w*" if letter == "*" else r"\w"
        elif letter.isalnum():
            parts[-1] += re.escape(letter)
        elif parts[-1]:
            parts.append("")
    return [re.compile(part, re.IGNORECASE) for part in parts if part]


def _found(parts: list[re.Pattern[str]], name: str) -> bool:
    tokens = re.findall(r"[^\W_]+", name)
    return all(any(part.fullmatch(token) for token in tokens) for part in parts)
