"""Verifies an OpenID provider without a user: steps o1 to o7 of sso-scim.md 1.3, in words for the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from integrations.provider import Finding, Settings
from integrations.sources.auth import ClientCredentials
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Http, raise_for_answer

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_TENANT = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,62})\.?){1,20}")
_DOCUMENT = "/.well-known/openid-configuration"
_AUTH_METHODS = ("client_secret_post", "client_secret_basic")


@dataclass(frozen=True, slots=True)
class Lint:
    """A slip that is seen without asking anybody: `words` are shown when `setting` is filled and wrong.

    Wrong is what does not match `must`, what matches `must_not`, or what equals the setting `other_than`.
    """

    setting: str
    words: str
    must: str = ""
    must_not: str = ""
    other_than: str = ""

    def slips(self, settings: Settings) -> bool:
        value = settings.get(self.setting, "").strip()
        if not value:
            return False
        if self.other_than:
            return value.lower() == settings.get(self.other_than, "").strip().lower()
        if self.must:
            return not re.fullmatch(self.must, value)
        return bool(re.fullmatch(self.must_not, value))


@dataclass(frozen=True)
class Discovery:
    """Implements provider.SignIn.

    `issuer` has one place, {tenant}, filled from the first of the settings `tenant` that is given. The issuer
    in the document must match `issuers`: asked by domain, a tenant is named by its GUID (sso-scim.md 1.1).
    With `scope` the client id and secret are proved by a client-credentials call (1.4, method A).
    `code` finds the vendor's error number in its text, `words` says what it means.
    """

    system: str
    issuer: str
    issuers: str
    tenant: tuple[str, ...]
    client_id: str = "{client_id}"
    client_secret: str = "{client_secret}"  # noqa: S105 - the name of a setting
    scope: str = ""
    lints: tuple[Lint, ...] = ()
    code: str = ""
    words: Mapping[str, str] = field(default_factory=dict)

    def verify(self, http: Http, settings: Settings) -> tuple[Finding, ...]:
        found: list[Finding] = []
        try:
            for finding in self._steps(http, settings):
                found.append(finding)
                if not finding.ok:
                    break
        except _Failed as failed:
            found.append(Finding(failed.step, False, failed.words))
        return tuple(found)

    def _steps(self, http: Http, settings: Settings) -> Iterator[Finding]:
        yield self._lint(settings)
        base = self.issuer.format(tenant=self._tenant(settings))
        document = self._json(http, base + _DOCUMENT, "o3")
        yield Finding("o2", True, f"{urlsplit(base).hostname} is a public address.")
        yield Finding("o3", True, f"{self.system} answered with its sign-in settings.")
        yield self._issuer(document)
        yield self._capabilities(document, base)
        yield self._keys(http, document)
        if self.scope:
            yield self._credentials(http, settings, document)

    def _lint(self, settings: Settings) -> Finding:
        for lint in self.lints:
            if lint.slips(settings):
                return Finding("o1", False, lint.words)
        return Finding("o1", True, "What was entered has the right form.")

    def _tenant(self, settings: Settings) -> str:
        given = next((value for name in self.tenant if (value := settings.get(name, "").strip().lower())), "")
        if not _TENANT.fullmatch(given):
            raise _Failed("o1", "Enter the domain of your organisation, such as example.com.")
        return given

    def _issuer(self, document: Mapping[str, Any]) -> Finding:
        issuer = document.get("issuer")
        match = re.fullmatch(self.issuers, issuer) if isinstance(issuer, str) else None
        if match is None:
            return Finding("o4", False, f"{self.system} names another issuer than the one we asked for.")
        tenant = match.groupdict().get("tenant")
        return Finding(
            "o4", True, f"We found the organisation {tenant}." if tenant else "The issuer is right."
        )

    def _capabilities(self, document: Mapping[str, Any], base: str) -> Finding:
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not _same_host(document.get(name), base):
                return Finding("o5", False, f"{self.system} does not offer what sign-in needs ({name}).")
        if "code" not in _strings(document.get("response_types_supported")):
            return Finding("o5", False, f"{self.system} does not offer the authorization code flow.")
        methods = _strings(document.get("token_endpoint_auth_methods_supported")) or {"client_secret_basic"}
        if not methods.intersection(_AUTH_METHODS):
            return Finding("o5", False, f"{self.system} does not accept a client secret.")
        return Finding("o5", True, "It offers everything that sign-in needs.")

    def _keys(self, http: Http, document: Mapping[str, Any]) -> Finding:
        keys = self._json(http, document["jwks_uri"], "o6").get("keys")
        usable = [
            key
            for key in (keys if isinstance(keys, list) else [])
            if isinstance(key, dict) and key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"
        ]
        if not usable:
            return Finding("o6", False, f"{self.system} publishes no key that signs tokens.")
        return Finding("o6", True, "Its signing keys can be read.")

    def _credentials(self, http: Http, settings: Settings, document: Mapping[str, Any]) -> Finding:
        call = ClientCredentials(
            document["token_endpoint"], self.client_id, self.client_secret, scope=self.scope
        )
        try:
            response = call.request(http, settings)
        except NeedsPerson as error:
            return Finding("o7", False, error.sentence)
        if response.status_code == 200 and "access_token" in _object(response):
            return Finding("o7", True, "The client ID and the secret are accepted.")
        return Finding("o7", False, self._refusal(response))

    def _json(self, http: Http, url: str, step: str) -> Mapping[str, Any]:
        try:
            response = http.call("GET", url, headers={"Accept": "application/json"})
        except NeedsPerson as error:
            address = error.code in ("forbidden_address", "unknown_host")
            raise _Failed("o2" if address else step, error.sentence) from None
        if response.status_code != 200:
            raise _Failed(step, self._refusal(response))
        data = _object(response)
        if not data:
            raise RetryLater(f"{self.system} sent a broken answer: it is no JSON object.")
        return data

    def _refusal(self, response: requests.Response) -> str:
        """The vendor's number in our words. Programs branch on classes, not numbers (sso-scim.md 1.8)."""
        if response.status_code >= 500:
            raise_for_answer(response, system=self.system)
        data = _object(response)
        match = re.search(self.code, str(data.get("error_description", ""))) if self.code else None
        if match is None:
            return f"{self.system} refused (status {response.status_code})."
        known = self.words.get(match[1], f"{self.system} refused.")
        return f"{known} ({match[0]})"


class _Failed(Exception):
    def __init__(self, step: str, words: str) -> None:
        super().__init__(step)
        self.step, self.words = step, words


def _object(response: requests.Response) -> Mapping[str, Any]:
    try:
        data = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return data if isinstance(data, dict) else {}


def _strings(value: Any) -> set[str]:
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()


def _same_host(url: Any, base: str) -> bool:
    """The document may not send our secret elsewhere."""
    if not isinstance(url, str):
        return False
    try:
        return urlsplit(url).netloc == urlsplit(base).netloc and url.startswith("https://")
    except ValueError:
        return False
