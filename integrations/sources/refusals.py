"""What a vendor's refusal is about, where the status alone does not tell: told by the words that come with it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Final

import requests

from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import raise_for_answer

_READ: Final = 4_000  # bytes of a body that are looked at
_HEADERS: Final = re.compile(r"(?i)x-.*error.*|www-authenticate")
_SLOW: Final = timedelta(minutes=15)

# Code, statuses, words that come with it, and the sentence. The first that fits counts.
_TOLD: Final = (
    (
        "refused_certificate",
        (400, 401, 403),
        r"(client|ssl|tls)[\w ]{0,20}certificate|certificate[\w ]{0,20}(expired|revoked|required|invalid)",
        "{system} refused our client certificate. It may have expired or been replaced: enter the current "
        "certificate with its key.",
    ),
    (
        "ip_blocked",
        (401, 403),
        r"\bip[\s_-]*(address|range)?\b.{0,60}\b(not|block|deny|denied|restrict|allow|white)"
        r"|(allow|white)[\s_-]?list|you have been blocked|error 10(06|07|08|20)\b",
        "{system} does not let calls from our network in. Have its administrator add our addresses to the "
        "allowed ones, then try again.",
    ),
    (
        "field_not_granted",
        (400, 403),
        r"(field|attribute|column)s?\b.{0,60}\b(not|no)\b.{0,20}(grant|permi|allow|access|authori)",
        "{system} keeps a field back that we ask for. Give these credentials the right to read it, then try again.",
    ),
)
# The field that such an answer names, in quotation marks or as one word: 'department', {"field": "department"}.
_FIELD: Final = re.compile(
    r"(?i)\b(?:field|attribute|column)s?[\"']?\s*[:=]?\s*\[?\s*"
    r"(?:[\"'“‘](?P<quoted>[a-z][\w. -]{0,39})[\"'”’]"
    r"|(?!(?:that|this|which|you|it|is|are|was)\b)(?P<word>[a-z][\w.-]{0,39})(?=\s+(?:is|are|was|not|may)\b))"
)
_FIELD_NAMED: Final = (
    "{system} keeps the field “{field}” back, which we ask for. Give these credentials the right to read it, then try "
    "again."
)
_SENTENCES: Final = {
    "status 429": "{system} asks us to slow down. We go on by ourselves in a while.",
    "status 503": "{system} is away for the moment, perhaps for maintenance. We try again by ourselves.",
}


def raise_for_refusal(response: requests.Response, system: str) -> None:
    """As portal.kit.http.raise_for_answer, with what the answer's own words tell: of them only a field's name is said."""
    status = response.status_code
    if status < 400:
        raise_for_answer(response, system=system)
        return
    words = _words(response)
    # A gateway in front of some vendors says "too many" with a 403 (hris-apis.md 1.5).
    if status == 403 and re.search(r"rate limit|too many requests|error 1015\b", words, re.IGNORECASE):
        raise RetryLater(_SENTENCES["status 429"].format(system=system), after=_SLOW)
    for code, statuses, pattern, sentence in _TOLD:
        if status in statuses and re.search(pattern, words, re.IGNORECASE | re.DOTALL):
            field = _named(words) if code == "field_not_granted" else ""
            said = (_FIELD_NAMED if field else sentence).format(system=system, field=field)
            raise NeedsPerson(said, code=code, detail=f"HTTP {status}", about=field)
    raise_for_answer(response, system=system)


def spoken(error: RetryLater, system: str) -> RetryLater:
    """The same with the system's name, and in words that a person understands."""
    for sign, sentence in _SENTENCES.items():
        if sign in error.reason:
            return replace(error, reason=sentence.format(system=system))
    return replace(error, reason=error.reason.replace("The other side", system))


def _named(words: str) -> str:
    found = _FIELD.search(words)
    return (found["quoted"] or found["word"] or "") if found else ""


def _words(response: requests.Response) -> str:
    said = [value for name, value in response.headers.items() if _HEADERS.fullmatch(name)]
    return " ".join((*said, response.content[:_READ].decode(errors="replace")))
