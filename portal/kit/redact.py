"""Takes secrets out of text that is about to be logged or shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,60}-----.*?(?:-----END [A-Z0-9 ]{1,60}-----|\Z)", re.DOTALL)
# The value of a header runs to the end of its line, or of its quotes in JSON.
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|x-auth-token|api-key|x-api-key|cookie|set-cookie)"
    r"(['\"]?\s*[:=]\s*['\"]?)[^\r\n'\"]+"
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic|ssws|digest)\s+[A-Za-z0-9._~+/=:-]{4,}")
_NAMED = re.compile(
    r"(?i)([\w.-]*(?:secret|passw(?:or)?d|passphrase|token|api_?key|private_?key|assertion)[\w.-]*)"
    r"(['\"]?\s*[:=]\s*)(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&}\]'\"]+)"
)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,4}")
_QUERY = re.compile(r"([?&;][^\s=&?#;\"'<>]{1,100}=)[^\s&#;\"'<>]+")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s/@]+@")
# Long runs of base64 or hex; GUIDs are shorter and stay readable.
_LONG = re.compile(r"[A-Za-z0-9+_-][A-Za-z0-9+/_-]{38,}={0,2}")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without tokens, header values, JWTs, PEM blocks, long base64, query values and `secrets`.

    Secrets of fewer than four characters are not searched for: they would eat ordinary words.
    """
    for secret in sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _PEM.sub(HIDDEN, text)
    text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    text = _JWT.sub(HIDDEN, text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    return _LONG.sub(_unless_words, text)


def one_line(text: str, limit: int = 300) -> str:
    """`text` without line breaks and control characters, cut to `limit`: it cannot forge a log line."""
    flat = "".join(character if character.isprintable() else " " for character in text)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _unless_words(match: re.Match[str]) -> str:
    """A path of many short words is not a secret."""
    text = match.group()
    return HIDDEN if max(map(len, re.split(r"[/_-]", text))) >= 24 else text
