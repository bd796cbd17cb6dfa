"""How a source proves who it is. Settings carry the secrets; templates such as "{api_key}" name them."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests

from integrations.provider import Settings
from integrations.sources.asking import broken, dig, filled, understand
from integrations.sources.refusals import raise_for_refusal
from portal.kit.certificates import ClientCertificate
from portal.kit.errors import NeedsPerson
from portal.kit.http import Http

_PLACE = re.compile(r"\{([a-z_]+)\}")
_EARLY = 60.0  # seconds before its end that a token is no longer used


class Auth(Protocol):
    def headers(self, http: Http, settings: Settings, system: str) -> Mapping[str, str]:
        """The headers that authenticate one request. Raises NeedsPerson, RetryLater."""

    def renew(self, http: Http, settings: Settings) -> bool:
        """After a 401: drops what was remembered. True where asking once more makes sense."""


class _Fixed:
    """Credentials that are sent as they are: a 401 is final."""

    def renew(self, http: Http, settings: Settings) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Basic(_Fixed):
    user: str
    password: str = ""

    def headers(self, http: Http, settings: Settings, system: str) -> Mapping[str, str]:
        return {"Authorization": _basic(secret(self.user, settings), secret(self.password, settings))}


@dataclass(frozen=True, slots=True)
class Bearer(_Fixed):
    """A pasted "Bearer " in front of the token is dropped: sent twice it is refused (hris-apis.md 1.7)."""

    token: str

    def headers(self, http: Http, settings: Settings, system: str) -> Mapping[str, str]:
        token = re.sub(r"(?i)^bearer\s+", "", secret(self.token, settings))
        return {"Authorization": f"Bearer {token}"}


@dataclass(frozen=True, slots=True)
class HeaderKey(_Fixed):
    header: str
    key: str

    def headers(self, http: Http, settings: Settings, system: str) -> Mapping[str, str]:
        return {self.header: secret(self.key, settings)}


@dataclass(frozen=True, slots=True)
class Certificate:
    """The settings that hold a client certificate, its key and the key's passphrase."""

    certificate: str = "{certificate}"
    private_key: str = "{private_key}"
    passphrase: str = "{passphrase}"  # noqa: S105 - the name of a setting

    def present(self, http: Http, settings: Settings) -> None:
        """Every later call of this session shows the certificate. Raises NeedsPerson for a bad pair."""
        given = [_filled(part, settings) for part in (self.certificate, self.private_key, self.passphrase)]
        known = hashlib.sha256("\0".join(given).encode()).digest()
        if http.kept.get("client_certificate") != known:
            http.present(ClientCertificate.from_text(*given))
            http.kept["client_certificate"] = known


@dataclass(frozen=True, slots=True)
class Token:
    text: str = field(repr=False)
    until: float


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """An access token for a client id and secret, remembered as long as the session.

    `sends` is how they are sent: "form" and "basic" are OAuth 2; "json" is a JSON body of the same two names
    without a grant type. `answer` tells where in the answer the token and its seconds are.
    """

    url: str
    client_id: str = "{client_id}"
    client_secret: str = "{client_secret}"  # noqa: S105 - the name of a setting
    sends: str = "form"
    scope: str = ""
    answer: tuple[str, str] = ("access_token", "expires_in")
    certificate: Certificate | None = None
    clock: Callable[[], float] = time.monotonic

    def headers(self, http: Http, settings: Settings, system: str) -> Mapping[str, str]:
        if self.certificate:
            self.certificate.present(http, settings)
        key = self._key(settings)
        token = http.kept.get(key)
        if token is None or token.until <= self.clock():
            token = http.kept[key] = self._fetch(http, settings, system)
        return {"Authorization": f"Bearer {token.text}"}

    def renew(self, http: Http, settings: Settings) -> bool:
        return http.kept.pop(self._key(settings), None) is not None

    def request(self, http: Http, settings: Settings) -> requests.Response:
        """The token call itself, whatever it answers."""
        user, password = secret(self.client_id, settings), secret(self.client_secret, settings)
        if self.sends == "json":
            return http.call("POST", self.url, safe=True, json={"client_id": user, "client_secret": password})
        form = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        if self.sends == "basic":
            headers = {"Authorization": _basic(user, password)}
            return http.call("POST", self.url, safe=True, data=form, headers=headers)
        return http.call(
            "POST", self.url, safe=True, data={**form, "client_id": user, "client_secret": password}
        )

    def _fetch(self, http: Http, settings: Settings, system: str) -> Token:
        response = self.request(http, settings)
        raise_for_token(response, system)
        return _token(understand(response, system).data, self.answer, self.clock(), system)

    def _key(self, settings: Settings) -> tuple[str, bytes]:
        return self.url, _digest(settings, self.client_id, self.client_secret)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """An access token for the refresh token that an administrator's consent gave, remembered as long as the session.

    `url` may name settings, each one label of a host name. Where the vendor hands out another refresh token with
    it, that one counts for the rest of the session.
    """

    url: str
    client_id: str = "{client_id}"
    client_secret: str = "{client_secret}"  # noqa: S105 - the name of a setting
    refresh_token: str = "{refresh_token}"  # noqa: S105 - the name of a setting
    clock: Callable[[], float] = time.monotonic

    def headers(self, http: Http, settings: Settings, system: str) -> Mapping[str, str]:
        place = self._place(settings)
        token = http.kept.get(place)
        if token is None or token.until <= self.clock():
            token = http.kept[place] = self._fetch(http, settings, system)
        return {"Authorization": f"Bearer {token.text}"}

    def renew(self, http: Http, settings: Settings) -> bool:
        return http.kept.pop(self._place(settings), None) is not None

    def _fetch(self, http: Http, settings: Settings, system: str) -> Token:
        following = ("next", self._place(settings))
        form = {
            "grant_type": "refresh_token",
            "client_id": secret(self.client_id, settings),
            "client_secret": secret(self.client_secret, settings),
            "refresh_token": http.kept.get(following) or secret(self.refresh_token, settings),
        }
        url = filled(self.url, settings, system)
        # Not `safe`: a refresh token may be good for one use, so a lost answer is not asked for again at once.
        response = http.call("POST", url, data=form)
        raise_for_token(response, system)
        data = understand(response, system).data
        token = _token(data, ("access_token", "expires_in"), self.clock(), system)
        if isinstance(data.get("refresh_token"), str):
            http.kept[following] = data["refresh_token"]
        return token

    def _place(self, settings: Settings) -> tuple[str, bytes]:
        return self.url, _digest(settings, self.client_id, self.client_secret, self.refresh_token)


@dataclass(frozen=True, slots=True)
class Either:
    """`first` where the setting `key` is given, else `other`: for vendors with several ways to authenticate."""

    key: str
    first: Auth
    other: Auth

    def headers(self, http: Http, settings: Settings, system: str) -> Mapping[str, str]:
        return self._chosen(settings).headers(http, settings, system)

    def renew(self, http: Http, settings: Settings) -> bool:
        return self._chosen(settings).renew(http, settings)

    def _chosen(self, settings: Settings) -> Auth:
        return self.first if settings.get(self.key, "").strip() else self.other


def secret(template: str, settings: Settings) -> str:
    """`template` filled from the settings, fit for a header. Raises NeedsPerson for what cannot be one."""
    value = _filled(template, settings)
    if _PLACE.search(template) and not value:
        raise NeedsPerson(
            f"The {_words(template)} is missing. Enter it and try again.", code="missing_credentials"
        )
    if not (value.isascii() and value.isprintable()):
        raise NeedsPerson(
            f"The {_words(template)} holds a line break or a character that cannot be in it. Copy it again.",
            code="wrong_credentials",
        )
    return value


def _filled(template: str, settings: Settings) -> str:
    return _PLACE.sub(lambda match: settings.get(match[1], "").strip(), template)


def _token(data: Any, answer: tuple[str, str], now: float, system: str) -> Token:
    """The token and its seconds at the two paths `answer`. Raises RetryLater."""
    try:
        text, lifetime = (dig(data, path) for path in answer)
        if not (isinstance(text, str) and text.isprintable() and text.isascii()):
            raise LookupError
        # Some vendors send the seconds as text.
        return Token(text, now + max(float(lifetime) - _EARLY, 1.0))
    except (LookupError, TypeError, ValueError):
        raise broken(system, "it holds no access token") from None


def _digest(settings: Settings, *templates: str) -> bytes:
    """Never the secret itself: what is kept may end in a dump."""
    given = "\0".join(_filled(part, settings) for part in templates)
    return hashlib.sha256(given.encode()).digest()


def _words(template: str) -> str:
    return " and ".join(match[1].replace("_", " ") for match in _PLACE.finditer(template)) or "credential"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def raise_for_token(response: requests.Response, system: str) -> None:
    """A token call that says no: 401, 403, or OAuth's 400 with invalid_client, unauthorized_client or _grant."""
    try:
        raise_for_refusal(response, system)
    except NeedsPerson as error:
        says_no = error.code in ("wrong_credentials", "missing_right") or (
            error.code == "refused" and re.search(rb"_(client|grant)\b", response.content[:2_000])
        )
        if not says_no:
            raise
        raise NeedsPerson(
            f"{system} does not accept the client ID and secret. Check both, and that they are current.",
            code="wrong_credentials",
        ) from None
