"""Serves a world over HTTP/1.1 and SMTP from threads of this process."""

import io
import logging
import socket
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

from portal.sandbox.app import Application
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.mail import MailServer
from portal.sandbox.webhooks import Webhooks
from portal.sandbox.world import World

log = logging.getLogger("portal.sandbox")


class _Handler(WSGIRequestHandler):
    """werkzeug's handler with connections kept open: it reads the body first and answers in one send."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffer, so that head and body leave together
    timeout = 65

    def setup(self) -> None:
        super().setup()
        _connections(self.server).add(self.connection)

    def finish(self) -> None:
        _connections(self.server).discard(self.connection)
        super().finish()

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._body(environ))
        try:
            self._respond(environ)
        except ConnectionError:
            self.close_connection = True  # also how the application asks for silence
        except Exception:
            log.exception("the sandbox failed to answer %s", self.command)
            self.close_connection = True
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Quiet: the world keeps its own log of requests."""

    def _body(self, environ: dict[str, Any]) -> bytes:
        if environ.get("wsgi.input_terminated"):
            return bytes(environ["wsgi.input"].read())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _respond(self, environ: dict[str, Any]) -> None:
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            head[:] = status, headers

        chunks = ClosingIterator(self.server.app(environ, start_response))
        status, headers = head
        code = int(status.split(" ", 1)[0])
        sized = any(name.lower() == "content-length" for name, _ in headers)
        chunked = not sized and code not in (204, 304) and self.command != "HEAD"
        self.send_response(code, status.partition(" ")[2])
        for name, value in headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            if chunk:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        chunks.close()


def _connections(server: Any) -> set[socket.socket]:
    connections: set[socket.socket] = server.open_connections
    return connections


@dataclass(slots=True)
class Running:
    """A sandbox that serves until `stop`; also a context manager."""

    world: World
    hooks: Webhooks
    _http: BaseWSGIServer
    _mail: MailServer
    _thread: threading.Thread
    _stopped: bool = field(default=False)

    @property
    def port(self) -> int:
        """The HTTP port, the real one if 0 was asked for."""
        return int(self._http.server_address[1])

    @property
    def smtp_port(self) -> int:
        """The SMTP port, likewise."""
        return int(self._mail.port)

    @property
    def url(self) -> str:
        """The address of the control page, without a slash at the end."""
        return f"http://{self._http.host}:{self.port}"

    def stop(self) -> None:
        """Stop both servers and cut connections that are still open. Stopping twice does no harm."""
        if self._stopped:
            return
        self._stopped = True
        self._http.shutdown()
        self._http.server_close()
        for connection in list(_connections(self._http)):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the other side was quicker
        self._thread.join()
        self._mail.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    world: World, host: str = "127.0.0.1", port: int = 9000, smtp_port: int = 9025, *, webhook: str = ""
) -> Running:
    """Start serving; port 0 picks a free one. Jira's events go to `webhook`. Raises OSError when a port is taken."""
    hooks = Webhooks(webhook, CREDENTIALS["jira"]["webhook_secret"])
    world.tell = hooks.emit
    mail = MailServer(world, host, smtp_port)
    try:
        listener = socket.create_server((host, port), backlog=128)
    except OSError:
        mail.close()
        raise
    with listener:
        http = make_server(
            host, port, Application(world), threaded=True, request_handler=_Handler, fd=listener.fileno()
        )
    http.open_connections = set()  # type: ignore[attr-defined]
    mail.start()
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    return Running(world, hooks, http, mail, thread)
