"""urllib3 connections that go only to a checked address, and that end in time. Used by kit.http alone."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util.connection import create_connection

Address = tuple[str, int]
Dial = Callable[[str, int], tuple[Address, ...]]  # host, port -> the checked addresses, best first


class _Guarded(HTTPConnection):
    """`dial` resolves and checks the name. Only the socket is replaced: TLS still verifies the name."""

    def __init__(self, *args: Any, dial: Dial, total: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dial, self._total, self._late = dial, total, False

    def _new_conn(self) -> socket.socket:
        try:
            addresses = self._dial(self.host, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        for last, address in enumerate(addresses, start=1 - len(addresses)):
            try:
                return create_connection(address, self.timeout, socket_options=self.socket_options)
            except TimeoutError as error:
                if last == 0:
                    raise ConnectTimeoutError(self, "connecting took too long") from error
            except OSError as error:
                if last == 0:
                    raise NewConnectionError(self, f"no connection ({error.errno})") from error
        raise NewConnectionError(self, "the name has no address")

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """Headers that arrive a byte at a time reset the read timeout each time; the timer does not care."""
        timer = threading.Timer(self._total, self._cut)
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        finally:
            timer.cancel()
        if self._late:  # headers that were cut off look like headers that ended
            raise TimeoutError
        return response

    def _cut(self) -> None:
        self._late = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _GuardedTLS(_Guarded, HTTPSConnection):
    pass


class GuardedPools(PoolManager):
    """A pool manager all of whose connections are dialled by `dial`, answers due within `total` seconds."""

    def __init__(self, *args: Any, dial: Dial, total: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plain = partial(_Guarded, dial=dial, total=total)
        self._tls = partial(_GuardedTLS, dial=dial, total=total)

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        tls = isinstance(pool, HTTPSConnectionPool)
        pool.ConnectionCls = self._tls if tls else self._plain  # type: ignore[assignment]
        return pool
