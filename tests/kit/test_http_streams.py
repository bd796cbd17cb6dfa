"""A body that is read while it comes: the same rules, and no more memory than a piece of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests

from portal.kit.errors import RetryLater
from portal.kit.http import Egress, Http
from tests.kit.doubles import Answer, Double, answer, serving

URL = "https://api.vendor.example/people?key=canary-query"
WHOLE = b"0123456789" * 50_000


class Calls:
    """The pauses and log lines of one test."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.lines: list[Mapping[str, object]] = []

    def session(self, double: Double, **rules: Any) -> Http:
        return Egress(double.url, wait=self.pauses.append, log=self.lines.append, **rules).session()


@pytest.fixture
def calls() -> Calls:
    return Calls()


def streamed(http: Http, then: Callable[[], object] = lambda: None) -> bytes:
    found = []
    response = http.call("GET", URL, stream=True)
    while piece := response.raw.read(65_536):
        found.append(piece)
        then()
    response.close()
    return b"".join(found)


def test_a_body_comes_whole_although_it_is_larger_than_what_is_read_at_once(calls: Calls) -> None:
    with serving(answer(200, WHOLE)) as double:
        assert streamed(calls.session(double, max_bytes=1_000)) == WHOLE
    (line,) = calls.lines
    assert (line["status"], line["bytes"], line["path"], line["query"]) == (200, len(WHOLE), "/people", "key")
    assert "canary" not in str(line)


def test_what_fails_before_the_first_byte_is_tried_again(calls: Calls) -> None:
    nothing = _cut(b"")
    with serving(answer(503), nothing, answer(200, WHOLE)) as double:
        assert streamed(calls.session(double)) == WHOLE
    assert [line.get("failed") for line in calls.lines] == [None, "ChunkedEncodingError", None]
    assert calls.pauses == [0.5, 1.0]


def test_a_break_in_mid_body_is_for_later_and_is_not_the_end(calls: Calls) -> None:
    with serving(_cut(WHOLE[:200_000])) as double, pytest.raises(RetryLater):
        streamed(calls.session(double))
    assert len(double.seen) == 1
    assert calls.lines[0]["failed"] == "ChunkedEncodingError"


def test_no_server_can_send_for_ever(calls: Calls) -> None:
    with serving(answer(200, WHOLE)) as double, pytest.raises(RetryLater, match="too large"):
        streamed(calls.session(double, max_streamed_bytes=len(WHOLE) - 1))


def test_a_body_that_drips_is_cut_off(calls: Calls) -> None:
    began = time.monotonic()
    with serving(_drip) as double, pytest.raises(RetryLater, match="in time"):
        streamed(calls.session(double, read_timeout=0.5, stream_timeout=0.3))
    assert time.monotonic() - began < 2


def test_only_the_other_side_s_time_counts(calls: Calls) -> None:
    with serving(answer(200, WHOLE)) as double:
        http = calls.session(double, stream_timeout=0.2)
        assert streamed(http, then=lambda: time.sleep(0.05)) == WHOLE


def test_a_refusal_has_its_words_as_ever(calls: Calls) -> None:
    with serving(answer(403, b"your IP is not allowed")) as double:
        response = calls.session(double).call("GET", URL, stream=True)
    assert response.content == b"your IP is not allowed"


def test_whoever_stops_reading_hangs_up_and_is_logged_once(calls: Calls) -> None:
    with serving(answer(200, WHOLE)) as double:
        response = calls.session(double).call("GET", URL, stream=True)
        assert response.raw.read(10) == WHOLE[:10]
        response.close()
        response.close()
    assert [line["bytes"] for line in calls.lines] == [10]


def test_a_library_that_asks_for_a_stream_gets_no_way_around_the_limits(calls: Calls) -> None:
    with serving(answer(200, WHOLE)) as double:
        session = requests.Session()
        session.mount("https://", calls.session(double).egress.adapter(max_bytes=1_000))
        with pytest.raises(requests.exceptions.ContentDecodingError):
            session.get(URL, stream=True)


def _cut(body: bytes) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + body)
        handler.close_connection = True

    return send


def _drip(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n")
    for _ in range(20):
        handler.wfile.write(b"x")
        time.sleep(0.1)
