"""What is taken out of texts before they are logged or shown."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.redact import HIDDEN, one_line, redact

WORDS = st.text(string.ascii_letters + string.digits + "-._~+/", min_size=12, max_size=60)


@given(WORDS, st.sampled_from(["Authorization: Bearer {}", "authorization: Basic {}", '"Authorization": "{}"',
                               "X-Auth-Token: {}", "Cookie: sid={}"]))  # fmt: skip
def test_no_header_value_survives(secret: str, form: str) -> None:
    assert secret not in redact("before " + form.format(secret) + "\nafter")


@given(WORDS, st.sampled_from(["client_secret={}", "password: {}", '"client_secret": "{}"', "api_key={}&x=1",
                               "{{'access_token': '{}'}}", "passphrase = {}"]))  # fmt: skip
def test_no_named_secret_survives(secret: str, form: str) -> None:
    assert secret not in redact(form.format(secret))


@given(st.text(string.ascii_letters + string.digits + "-._~", min_size=1, max_size=50))
def test_no_query_value_survives(value: str) -> None:
    kept = redact(f"GET https://api.vendor.example/people?key={value}&page=2 failed")
    assert kept == f"GET https://api.vendor.example/people?key={HIDDEN}&page={HIDDEN} failed"


@given(st.binary(min_size=32, max_size=200))
def test_no_long_base64_survives(raw: bytes) -> None:
    text = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    longest = max(text.replace("-", " ").replace("_", " ").split(), key=len, default="")
    if len(longest) >= 24:
        assert text not in redact(f"the value {text} was refused")


@given(st.text(min_size=4, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_a_known_secret_never_survives(secret: str, before: str, after: str) -> None:
    assert secret in HIDDEN or secret not in redact(before + secret + after, [secret]).replace(HIDDEN, "\0")


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(redact(text), str)


def test_a_known_secret_inside_a_longer_one_leaves_no_rest() -> None:
    assert redact("abcdefgh", ["abcd", "abcdefgh"]) == HIDDEN


def test_jwts_and_pem_blocks_go_even_when_cut_off() -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADANBg"
    assert redact(f"x {jwt} y") == f"x {HIDDEN} y"
    assert redact(f"x {pem}") == f"x {HIDDEN}"
    assert redact(f"x {pem}\n-----END PRIVATE KEY----- y") == f"x {HIDDEN} y"


def test_a_user_name_in_an_address_goes() -> None:
    assert redact("postgres://desk:canary@db/desk") == f"postgres://{HIDDEN}@db/desk"


@pytest.mark.parametrize(
    "text",
    [
        "The connection to api.vendor.example broke.",
        "4f2b9c1e-1d2c-4a55-9b1e-0c1d2e3f4a5b",
        "GET /v1/company/employees 200 in 35 ms",
        "/hr/v2/workers/worker-demographics/some-long-path-of-many-short-words",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=400))
def test_one_line_is_one_short_line(text: str) -> None:
    line = one_line(text, 80)
    assert len(line.splitlines()) <= 1
    assert len(line) <= 80
