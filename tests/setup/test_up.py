"""What `manage.py up` decides before it starts anything."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from portal.management.commands.up import _answers, _only_one


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response({"/healthz": 200, "/missing": 404}.get(self.path, 500))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_second_portal_in_a_checkout_is_told_where_the_first_one_is(tmp_path: Path) -> None:
    with _only_one(tmp_path) as note:
        note("http://localhost:8003")
        with (
            pytest.raises(CommandError, match="running already at http://localhost:8003;") as caught,
            _only_one(tmp_path),
        ):
            pytest.fail("there must be one only")
    assert caught.value.returncode == 2
    with _only_one(tmp_path):
        assert (tmp_path / "up.lock").read_text() == ""


def test_a_page_or_a_missing_page_is_an_answer_and_an_error_is_none(port: int) -> None:
    assert _answers(port, "/healthz")
    assert _answers(port, "/missing")
    assert not _answers(port, "/broken")


def test_a_port_without_a_server_does_not_answer(port: int) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as closed:
        number = closed.server_port
    assert not _answers(number, "/healthz")
