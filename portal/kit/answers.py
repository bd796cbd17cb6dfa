"""What an answer, or the lack of one, means, as one of our errors. Texts never repeat what was sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests

from portal.kit.errors import NeedsPerson, RetryLater

BUSY = frozenset({429, 502, 503, 504})
_LONGEST = timedelta(days=1)
_TLS_WORDS = ("alert", "handshake failure", "certificate required", "bad certificate")


def raise_for_answer(response: requests.Response, *, system: str, at: datetime | None = None) -> None:
    """Returns for a 2xx. Else raises RetryLater, or NeedsPerson with the code wrong_credentials,
    missing_right, not_found, moved or refused. `system` is named; a Retry-After date counts from `at`."""
    status = response.status_code
    if 200 <= status < 300:
        return
    if status in BUSY or status >= 500 or status == 408:
        raise busy(response, at, system)
    code, sentence = _REFUSALS.get(status, _MOVED if status < 400 else _REFUSED)
    raise NeedsPerson(sentence.format(system=system, status=status), code=code, detail=f"HTTP {status}")


def busy(
    response: requests.Response, at: datetime | None = None, system: str = "The other side"
) -> RetryLater:
    """The error of an answer that says: not now."""
    return RetryLater(
        f"{system} answered with status {response.status_code}.", after=retry_after(response, at)
    )


def retry_after(response: requests.Response, at: datetime | None = None) -> timedelta | None:
    """What Retry-After asks for, as seconds or as a date; at most a day. None where absent or nonsense."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), _LONGEST)
    try:
        until = parsedate_to_datetime(text)
        base = at or parsedate_to_datetime(response.headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(timedelta(), min(until - base, _LONGEST))


def lost(error: requests.RequestException, *, host: str, writes: bool) -> RetryLater | NeedsPerson:
    """The error for a call that brought no whole answer. A write may have happened if anybody was reached."""
    text = str(error).lower()
    if isinstance(error, requests.exceptions.SSLError):
        if any(word in text for word in _TLS_WORDS):
            return NeedsPerson(
                f"{host} refused our client certificate. It may have expired or been replaced.",
                code="refused_certificate",
            )
        return RetryLater(f"No secure connection to {host}.")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return RetryLater(f"{host} could not be reached in time.")
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return RetryLater(f"{host} sent an answer that is too large or unreadable.", unclear=writes)
    if isinstance(error, requests.exceptions.ReadTimeout):
        return RetryLater(f"{host} did not answer in time.", unclear=writes)
    unreached = "newconnectionerror" in text or "nameresolutionerror" in text or "no connection" in text
    return RetryLater(f"The connection to {host} broke.", unclear=writes and not unreached)


_REFUSALS = {
    401: (
        "wrong_credentials",
        "{system} does not accept these credentials. Check that they are complete and current.",
    ),
    403: (
        "missing_right",
        "{system} does not let these credentials do this. Ask its administrator for the right.",
    ),
    404: ("not_found", "{system} does not know this address. Check the account's name, domain or subdomain."),
    410: ("not_found", "{system} no longer has what was asked for."),
}
_MOVED = (
    "moved",
    "{system} sends us to another address instead. Check the account's name, domain or subdomain.",
)
_REFUSED = ("refused", "{system} refused our question (status {status}).")
