"""Log lines carry the facts of a call and never a secret, wherever in the record it stands."""

from __future__ import annotations

import logging
import sys

import pytest

from portal.kit.logs import RedactFilter, formatter

SECRET = "Bearer abcdefghijklmnopqrstuvwxyz0123456789"


def line(message: str, *, as_json: bool, **extra: object) -> str:
    record = logging.getLogger("test").makeRecord(
        "test",
        logging.INFO,
        __file__,
        1,
        message,
        (),
        sys.exc_info() if sys.exc_info()[0] else None,
        extra=extra,
    )
    RedactFilter().filter(record)
    return formatter(as_json=as_json).format(record)


@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_told_beside_the_message_is_on_the_line(as_json: bool) -> None:
    told = line("http_call", as_json=as_json, host="api.vendor.example", status=200)
    assert "api.vendor.example" in told
    assert "200" in told


@pytest.mark.parametrize("as_json", [True, False])
def test_a_secret_is_taken_out_of_message_extra_and_traceback(as_json: bool) -> None:
    try:
        raise ValueError(f"Authorization: {SECRET}")
    except ValueError:
        told = line(f"Authorization: {SECRET}", as_json=as_json, why=f"Authorization: {SECRET}")
    assert "ValueError" in told
    assert "abcdefghijklmnopqrstuvwxyz0123456789" not in told


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("sign", ["\r\n", "\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x1b[2J", "\x00"])
def test_whatever_was_typed_stays_on_one_line(as_json: bool, sign: str) -> None:
    """reliability-security.md T28: nobody forges a line of the log, nor paints over one."""
    told = line(
        f"signed in: a{sign}2026-01-01 admin signed in",
        as_json=as_json,
        who=f"a{sign}admin",
        many=[f"a{sign}b"],
    )
    assert len(told.splitlines()) == 1
    assert "\x1b" not in told
