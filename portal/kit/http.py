"""The one egress: every request that leaves this system goes through an `Egress`. Knows no Django.

The rules are T16, T23 and T28 of reliability-security.md: public names only, each checked and connected to
as resolved; no redirects; no proxies from the environment; limits of time and size; no secret in logs.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, stop_before_delay

from portal.kit.addresses import host_of, is_public, refused
from portal.kit.answers import BUSY, busy, lost
from portal.kit.answers import raise_for_answer as raise_for_answer  # the callers' other half
from portal.kit.bodies import Body, Limits, read_whole
from portal.kit.certificates import ClientCertificate, trusting_context
from portal.kit.clock import Clock, now
from portal.kit.connecting import Address, GuardedPools
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.redact import one_line, redact

MIB = 1024 * 1024
SANDBOX_CERTIFICATE_HEADER = "X-Sandbox-Client-Cert"
_TRIES = 3
_PATIENCE = 20.0  # seconds that a call may spend on tries and pauses; longer waits belong to the outbox
_IDEMPOTENT = frozenset({"GET", "HEAD"})

_logger = logging.getLogger("portal.http")
LogHook = Callable[[Mapping[str, object]], None]


def _log(line: Mapping[str, object]) -> None:
    _logger.info("http_call", extra=dict(line))


@dataclass(frozen=True)
class Egress:
    """The rules of leaving. Times in seconds, `max_bytes` of a decoded body that is read whole.

    A body that is streamed may be larger, and the time is only that of waiting for it: less than a step of a run.
    `sandbox_url` ("http://127.0.0.1:8001") sends every request there and nowhere else. `allow` names
    addresses that may be called although they are private; `ca_pem` adds authorities. `resolver` answers
    like socket.getaddrinfo, and the port of its answers is the one that is called.
    """

    sandbox_url: str | None = None
    resolver: Callable[..., Any] = socket.getaddrinfo
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    total_timeout: float = 60.0
    max_bytes: int = 32 * MIB
    stream_timeout: float = 90.0
    max_streamed_bytes: int = 1024 * MIB
    allow: frozenset[str] = frozenset()
    ca_pem: str = ""
    wait: Callable[[float], None] = time.sleep
    clock: Clock = now
    log: LogHook = _log

    def session(
        self, client_certificate: ClientCertificate | None = None, max_bytes: int | None = None
    ) -> Http:
        """A session for one run or one check; not for several threads at a time."""
        return Http(self, client_certificate, max_bytes)

    def adapter(
        self, client_certificate: ClientCertificate | None = None, max_bytes: int | None = None
    ) -> EgressAdapter:
        """For the sessions of client libraries: all rules but the retries, and requests' own exceptions.

        It reads every body whole, whatever the library asks for.
        """
        return EgressAdapter(self, client_certificate, max_bytes or self.max_bytes)

    def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """`host`, resolved once. Every answer must be public, or none is called."""
        try:
            answers = self.resolver(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise refused("its host is not a plain public name") from None
        except socket.gaierror as error:
            if error.errno == socket.EAI_NONAME and not self.sandbox_url:
                raise NeedsPerson(
                    f"There is no server called {host}. Check the domain or subdomain.", code="unknown_host"
                ) from None
            raise
        found = tuple(dict.fromkeys((str(answer[4][0]), int(answer[4][1])) for answer in answers))
        if not self.sandbox_url and not all(ip in self.allow or is_public(ip) for ip, _ in found):
            raise refused("its name leads to a private address")
        return found


class Http(requests.Session):
    """A session under the rules of its `Egress`. Raises RetryLater and NeedsPerson, not requests' errors.

    GET and HEAD, and calls marked `safe`, are tried up to three times. A redirect is an answer like another.
    `kept` is for what lives as long as the session, such as access tokens.
    """

    def __init__(
        self,
        egress: Egress,
        client_certificate: ClientCertificate | None = None,
        max_bytes: int | None = None,
    ) -> None:
        super().__init__()
        self.egress, self.kept = egress, dict[Hashable, Any]()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._max_bytes, self._presented = max_bytes, ""
        self._mount(client_certificate)

    def present(self, certificate: ClientCertificate) -> None:
        """From now on every TLS connection presents `certificate`."""
        if certificate.fingerprint != self._presented:
            self._mount(certificate)

    def call(
        self, method: str, url: str, *, safe: bool = False, stream: bool = False, **parts: Any
    ) -> requests.Response:
        """One request, `parts` as for requests.Request. `safe`: it changes nothing there (a search).

        `stream`: the body of a success is read from `raw` as it comes, and nothing of it is kept. It raises RetryLater
        where it breaks off; whoever asks for it closes the response.
        """
        host_of(url)
        try:
            request = self.prepare_request(requests.Request(method, url, **parts))
        except (requests.RequestException, ValueError):
            # The library's texts repeat the value, which may be a secret with a line break in it.
            raise refused(
                "it, or something sent with it, holds characters that the web does not allow"
            ) from None
        return self._tried(request, safe, {"stream": stream})

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """What get(), post() and the like end in."""
        return self._tried(request, False, {**kwargs, "stream": False})

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nobody is redirected."""
        return None

    def _mount(self, certificate: ClientCertificate | None) -> None:
        most = self._max_bytes or self.egress.max_bytes
        self._adapter = EgressAdapter(self.egress, certificate, most, streams=True)
        self._presented = certificate.fingerprint if certificate else ""
        self.adapters.clear()
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)  # only to refuse it with our own words

    def _tried(
        self, request: requests.PreparedRequest, safe: bool, kwargs: dict[str, Any]
    ) -> requests.Response:
        tries = _TRIES if safe or request.method in _IDEMPOTENT else 1
        retrying = Retrying(
            stop=stop_after_attempt(tries) | stop_before_delay(_PATIENCE),
            retry=retry_if_exception(lambda error: isinstance(error, RetryLater) and _soon(error)),
            wait=_pause,
            before=self._count,
            sleep=self.egress.wait,
            reraise=True,
        )
        return retrying(self._once, request, tries == 1, kwargs)

    def _count(self, state: RetryCallState) -> None:
        self._adapter.attempt = state.attempt_number

    def _once(
        self, request: requests.PreparedRequest, writes: bool, kwargs: dict[str, Any]
    ) -> requests.Response:
        options = {**kwargs, "allow_redirects": False}
        try:
            response = super().send(request, **options)
        except requests.RequestException as error:
            raise lost(error, host=urlsplit(request.url or "").hostname or "", writes=writes) from None
        if response.status_code in BUSY:
            raise busy(response, self.egress.clock())
        return response


class EgressAdapter(HTTPAdapter):
    """Sends one request by the rules and reads the whole body, so that limits hold for any library.

    Only one that `streams` leaves the body of a success to whoever asked for that.
    """

    def __init__(
        self, egress: Egress, certificate: ClientCertificate | None, max_bytes: int, *, streams: bool = False
    ) -> None:
        self._egress, self._certificate, self._max_bytes = egress, certificate, max_bytes
        self._streams, self.attempt = streams, 1
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        if not self._egress.sandbox_url:
            made = self._certificate.ssl_context if self._certificate else trusting_context
            kwargs["ssl_context"] = made(self._egress.ca_pem)
        dial, total = self._egress.addresses, self._egress.total_timeout
        self.poolmanager = GuardedPools(connections, maxsize, block=block, dial=dial, total=total, **kwargs)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """The TLS settings are the egress's own: `verify=False` and `cert=` of a caller change nothing."""
        host, _ = super().build_connection_pool_key_attributes(request, True)
        return host, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        return None

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        host = host_of(request.url or "")
        noted = _Noted(self._egress.log, _described(request, host, self.attempt))
        try:
            response = super().send(self._routed(request, host), timeout=self._limits(timeout))
            noted.line["status"] = response.status_code
            if stream and self._streams and 200 <= response.status_code < 300:
                response.raw = self._body(response, host, noted)
            else:
                left = self._egress.total_timeout - noted.seconds
                noted.end(read_whole(response, Limits(self._max_bytes, left)))
        except BaseException as error:
            noted.end(failed=error)
            raise
        response.request, response.url = request, request.url or ""
        return response

    def _body(self, response: requests.Response, host: str, noted: _Noted) -> Body:
        limits = Limits(self._egress.max_streamed_bytes, self._egress.stream_timeout)
        return Body(response, limits, noted.end, lambda error: lost(error, host=host, writes=False))

    def _limits(self, timeout: Any) -> tuple[float, float]:
        """There is no way to wait for ever: None means the limits of the egress."""
        connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        most = self._egress
        return (
            min(connect or most.connect_timeout, most.total_timeout),
            min(read or most.read_timeout, most.total_timeout),
        )

    def _routed(self, request: requests.PreparedRequest, host: str) -> requests.PreparedRequest:
        sandbox = self._egress.sandbox_url
        if not sandbox:
            return request
        sent = request.copy()
        sent.url = sandbox.rstrip("/") + request.path_url
        sent.headers["Host"] = host
        sent.headers.pop(SANDBOX_CERTIFICATE_HEADER, None)
        if self._certificate:
            sent.headers[SANDBOX_CERTIFICATE_HEADER] = self._certificate.fingerprint
        return sent


class _Noted:
    """The line in the log of one call, written when its body has ended."""

    def __init__(self, log: LogHook, line: dict[str, object]) -> None:
        self.line, self._log, self._began = line, log, time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def end(self, size: int | None = None, failed: BaseException | None = None) -> None:
        """Once per call."""
        told = {"bytes": size, "failed": type(failed).__name__ if failed else None}
        self.line |= {name: value for name, value in told.items() if value is not None}
        self.line["ms"] = round(self.seconds * 1000)
        self._log(self.line)


def _described(request: requests.PreparedRequest, host: str, attempt: int) -> dict[str, object]:
    parts = urlsplit(request.url or "")
    return {
        "method": request.method,
        "host": host,
        "path": one_line(redact(parts.path)),
        "query": ",".join(sorted({one_line(redact(name), 40) for name, _ in parse_qsl(parts.query)})),
        "try": attempt,
    }


def _soon(error: RetryLater) -> bool:
    return error.after is None or error.after <= timedelta(seconds=_PATIENCE)


def _pause(state: RetryCallState) -> float:
    """Seconds: what the other side asked for, else 0.5, 1, 2."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RetryLater) and error.after is not None:
        return error.after.total_seconds()
    return float(0.5 * 2 ** (state.attempt_number - 1))
