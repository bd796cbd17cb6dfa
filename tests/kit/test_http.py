"""The egress: retries, limits, what it logs, and where the sandbox leads."""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests

from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Egress, raise_for_answer
from tests.kit.doubles import Answer, Double, answer, serving

URL = "https://api.vendor.example/people?key=canary-query"
BASE = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Notes:
    """Where pauses and log lines of one test go."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.lines: list[Mapping[str, object]] = []

    def egress(self, double: Double, **rules: Any) -> Egress:
        given = {"wait": self.pauses.append, "log": self.lines.append, "clock": lambda: BASE, **rules}
        return Egress(sandbox_url=double.url, **given)


@pytest.fixture
def notes() -> Notes:
    return Notes()


def test_busy_answers_are_tried_again_until_one_comes(notes: Notes) -> None:
    with serving(answer(503), answer(429), answer(200, b'{"ok": 1}')) as double:
        assert notes.egress(double).session().get(URL).json() == {"ok": 1}
    assert len(double.seen) == 3
    assert notes.pauses == [0.5, 1.0]


def test_three_tries_are_all(notes: Notes) -> None:
    with serving(answer(503)) as double, pytest.raises(RetryLater):
        notes.egress(double).session().get(URL)
    assert len(double.seen) == 3


def test_retry_after_in_seconds_is_waited_for(notes: Notes) -> None:
    with serving(answer(429, Retry_After="7"), answer()) as double:
        notes.egress(double).session().get(URL)
    assert notes.pauses == [7.0]


def test_retry_after_as_a_date_is_waited_for(notes: Notes) -> None:
    with serving(answer(429, Retry_After="Mon, 05 Jan 2026 12:00:09 GMT"), answer()) as double:
        notes.egress(double).session().get(URL)
    assert notes.pauses == [9.0]


def test_a_long_retry_after_is_handed_on_at_once(notes: Notes) -> None:
    with serving(answer(429, Retry_After="300")) as double, pytest.raises(RetryLater) as caught:
        notes.egress(double).session().get(URL)
    assert caught.value.after == timedelta(seconds=300)
    assert len(double.seen) == 1
    assert notes.pauses == []


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e9", "٣", "Mon, 99 Foo 2026"])
def test_a_senseless_retry_after_is_ignored(nonsense: str) -> None:
    response = requests.Response()
    response.status_code = 503
    response.headers["Retry-After"] = nonsense
    with pytest.raises(RetryLater) as caught:
        raise_for_answer(response, system="Vendor", at=BASE)
    assert caught.value.after is None


def test_a_write_is_never_sent_twice(notes: Notes) -> None:
    with serving(answer(503)) as double, pytest.raises(RetryLater):
        notes.egress(double).session().post(URL, json={})
    assert len(double.seen) == 1


def test_a_search_by_post_is_tried_again(notes: Notes) -> None:
    with serving(answer(502), answer()) as double:
        assert notes.egress(double).session().call("POST", URL, safe=True, json={}).status_code == 200
    assert [method for method, _, _ in double.seen] == ["POST", "POST"]


def test_a_write_without_an_answer_is_unclear(notes: Notes) -> None:
    with serving(_hang_up) as double, pytest.raises(RetryLater) as caught:
        notes.egress(double).session().post(URL, json={})
    assert caught.value.unclear


def test_a_write_that_reached_nobody_is_clear(notes: Notes) -> None:
    with serving(answer()) as double:
        gone = notes.egress(double)
    with pytest.raises(RetryLater) as caught:
        gone.session().post(URL, json={})
    assert not caught.value.unclear


def test_the_adapter_for_libraries_never_retries(notes: Notes) -> None:
    with serving(answer(503)) as double:
        session = requests.Session()
        session.mount("https://", notes.egress(double).adapter())
        assert session.get(URL).status_code == 503
    assert len(double.seen) == 1


def test_a_redirect_is_an_answer_and_nobody_goes_there(notes: Notes) -> None:
    with serving(answer(302, Location="https://169.254.169.254/")) as double:
        response = notes.egress(double).session().get(URL, allow_redirects=True)
        assert response.status_code == 302
        with pytest.raises(NeedsPerson) as caught:
            raise_for_answer(response, system="Vendor")
    assert caught.value.code == "moved"
    assert len(double.seen) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "wrong_credentials"), (403, "missing_right"), (404, "not_found"), (422, "refused")],
)
def test_refusals_need_a_person(status: int, code: str) -> None:
    response = requests.Response()
    response.status_code = status
    with pytest.raises(NeedsPerson) as caught:
        raise_for_answer(response, system="Vendor")
    assert caught.value.code == code
    assert "Vendor" in caught.value.sentence


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_troubles_of_the_other_side_are_for_later(status: int) -> None:
    response = requests.Response()
    response.status_code = status
    with pytest.raises(RetryLater):
        raise_for_answer(response, system="Vendor")


def test_a_timeout_of_none_is_the_time_limit_of_the_egress(notes: Notes) -> None:
    egress = notes.egress
    with serving(lambda handler: time.sleep(2)) as double, pytest.raises(RetryLater):
        egress(double, read_timeout=0.1).session().post(URL, timeout=None)


def test_headers_that_drip_are_cut_off(notes: Notes) -> None:
    began = time.monotonic()
    with serving(_drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")) as double, pytest.raises(RetryLater):
        notes.egress(double, read_timeout=0.5, total_timeout=0.6).session().post(URL)
    assert time.monotonic() - began < 3


def test_a_body_that_drips_is_cut_off(notes: Notes) -> None:
    began = time.monotonic()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with serving(_drip(head)) as double, pytest.raises(RetryLater):
        notes.egress(double, read_timeout=0.5, total_timeout=0.6).session().post(URL)
    assert time.monotonic() - began < 3


def test_a_body_over_the_limit_is_refused(notes: Notes) -> None:
    with serving(answer(200, b"x" * 5_000)) as double, pytest.raises(RetryLater, match="too large"):
        notes.egress(double).session(max_bytes=4_999).post(URL)


def test_a_compressed_bomb_is_refused(notes: Notes) -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    with (
        serving(answer(200, bomb, Content_Encoding="gzip")) as double,
        pytest.raises(RetryLater, match="too large"),
    ):
        notes.egress(double, max_bytes=100_000).session().post(URL)


def test_an_answer_that_ends_early_is_no_answer(notes: Notes) -> None:
    with serving(_short) as double, pytest.raises(RetryLater):
        notes.egress(double).session().post(URL)


def test_the_sandbox_gets_the_vendor_s_host_and_the_certificate_s_fingerprint(notes: Notes) -> None:
    with serving(answer()) as double:
        response = notes.egress(double).session().get(URL, headers={"X-Sandbox-Client-Cert": "forged"})
    method, path, headers = double.seen[0]
    assert (method, path, headers["Host"]) == ("GET", "/people?key=canary-query", "api.vendor.example")
    assert "X-Sandbox-Client-Cert" not in headers
    assert response.url == URL


def test_the_environment_s_proxy_is_not_used(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serving(answer()) as double:
        session = requests.Session()
        session.mount("https://", notes.egress(double).adapter())
        assert session.get(URL).status_code == 200
        assert notes.egress(double).session().get(URL).status_code == 200


def test_one_line_is_logged_per_try_and_holds_no_secret(notes: Notes) -> None:
    secret = {"Authorization": "Bearer canary-header"}
    with serving(answer(503), answer(200, b"canary-body")) as double:
        notes.egress(double).session().get(URL, headers=secret)
    first, second = notes.lines
    assert (first["status"], first["try"]) == (503, 1)
    assert (second["status"], second["try"], second["bytes"]) == (200, 2, 11)
    assert (second["method"], second["host"], second["path"]) == ("GET", "api.vendor.example", "/people")
    assert second["query"] == "key"
    assert "canary" not in str(notes.lines)


def test_an_error_s_text_holds_no_secret(notes: Notes) -> None:
    with serving(_hang_up) as double, pytest.raises(RetryLater) as caught:
        notes.egress(double).session().get(URL, headers={"Authorization": "Bearer canary-header"})
    assert "canary" not in repr(caught.value) + str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", " lead", "a\nb"])
def test_a_header_with_a_line_break_is_refused_without_repeating_it(notes: Notes, value: str) -> None:
    with serving(answer()) as double, pytest.raises(NeedsPerson) as caught:
        notes.egress(double).session().call("GET", URL, headers={"X-Auth-Token": value})
    assert double.seen == []
    assert value.strip() not in str(caught.value)


def test_cookies_are_not_kept(notes: Notes) -> None:
    with serving(answer(200, b"{}", Set_Cookie="session=1")) as double:
        session = notes.egress(double).session()
        session.get(URL)
        session.get(URL)
    assert "Cookie" not in double.seen[1][2]


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.close()


def _short(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[1, 2]")
    handler.close_connection = True


def _drip(head: bytes) -> Answer:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        for _ in range(60):
            handler.wfile.write(b"x")
            time.sleep(0.1)

    return drip
