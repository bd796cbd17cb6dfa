"""Where the egress refuses to go. A listener on loopback counts who came anyway: nobody (T16)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from portal.kit.addresses import is_public
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Egress
from tests.kit.doubles import Double, answer, serving

HOSTILE_URLS = [
    "http://vendor.example/",
    "ftp://vendor.example/",
    "file:///etc/passwd",
    "gopher://vendor.example/",
    "//vendor.example/",
    "vendor.example",
    "",
    "https://",
    "https:///path",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://127.0.0.1/",
    "https://127.0.0.1:443/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.0x1/",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://127.0.0.１/",
    "https://ⓛocalhost/",
    "https://vendor。example/",
    "https://bücher.example/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://[::1",
    "https://10.0.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.100.100.200/",
    "https://vendor.example./",
    "https://vendor..example/",
    "https://.vendor.example/",
    "https://-vendor.example/",
    "https://vendor-.example/",
    "https://ven_dor.example/",
    "https://vendor.123/",
    "https://vendor/",
    "https://user@vendor.example/",
    "https://user:pw@vendor.example/",
    "https://vendor.example@127.0.0.1/",
    "https://127.0.0.1\\@vendor.example/",
    "https://vendor.example\\@127.0.0.1/",
    "https://127.0.0.1#@vendor.example/",
    "https://127.0.0.1?@vendor.example/",
    "https://vendor.example:22/",
    "https://vendor.example:80/",
    "https://vendor.example:8443/",
    "https://vendor.example:0/",
    "https://vendor.example:65536/",
    "https://vendor.example:abc/",
    "https://vendor.example:４４３/",
    "https://vendor.example/\r\nHost: 127.0.0.1",
    "https://vendor.example\r\n/",
    "https://vendor.example\t/",
    "https://vendor.example /",
    "https://vendor.example%00.evil.example/",
    "https://vendor.example%2f127.0.0.1/",
    "https://%31%32%37.0.0.1/",
    "https:vendor.example/",
    "https:/vendor.example/",
    "https:\\\\vendor.example\\",
    "hTTp://vendor.example/",
    "https://" + "a" * 64 + ".example/",
    "https://" + "a." * 130 + "example/",
]

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3",  # noqa: S104
    "172.16.0.1", "192.168.0.1", "169.254.169.254",
    "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.0.170", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a9fe:a9fe",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fc00::1", "fd12:3456::1", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "vendor.example", "", "127.0.0.1/8",
]  # fmt: skip


@pytest.fixture(scope="module")
def listening() -> Iterator[Double]:
    with serving(answer()) as double:
        yield double


@pytest.fixture
def listener(listening: Double) -> Double:
    listening.seen.clear()
    return listening


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_hostile_address_is_refused_and_nobody_is_called(url: str, listener: Double) -> None:
    asked: list[object] = []

    def resolver(*question: object, **_: object) -> list[Any]:
        asked.append(question)
        return _answers(listener, "127.0.0.1")

    egress = Egress(resolver=resolver, allow=frozenset({"127.0.0.1"}))
    with pytest.raises(NeedsPerson) as caught:
        egress.session().call("GET", url)
    assert caught.value.code == "forbidden_address"
    assert asked == []
    assert listener.seen == []


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_library_on_our_adapter_is_refused_too(url: str, listener: Double) -> None:
    egress = Egress(resolver=lambda *_, **__: _answers(listener, "127.0.0.1"), connect_timeout=0.5)
    session = requests.Session()
    session.mount("https://", egress.adapter())
    session.mount("http://", egress.adapter())
    with pytest.raises((NeedsPerson, requests.RequestException, ValueError)):
        session.get(url)
    assert listener.seen == []


@pytest.mark.parametrize("address", PRIVATE)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "13.107.42.14", "2606:4700::1111", "2a00:1450::1"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address", [address for address in PRIVATE if address[:1] in "0123456789:f" and "/" not in address]
)
def test_a_name_that_leads_to_a_private_address_is_refused(address: str, listener: Double) -> None:
    egress = Egress(resolver=lambda *_, **__: _answers(listener, address))
    with pytest.raises(NeedsPerson, match="private address"):
        egress.session().get("https://vendor.example/")
    assert listener.seen == []


def test_one_private_answer_among_public_ones_refuses_all(listener: Double) -> None:
    egress = Egress(resolver=lambda *_, **__: _answers(listener, "8.8.8.8", "127.0.0.1"))
    with pytest.raises(NeedsPerson):
        egress.session().get("https://vendor.example/")
    assert listener.seen == []


def test_the_name_is_resolved_once_so_that_a_second_answer_cannot_differ(listener: Double) -> None:
    answers = [_answers(listener, "::1"), _answers(listener, "127.0.0.1")]
    asked: list[str] = []

    def resolver(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return answers[len(asked) - 1]

    egress = Egress(resolver=resolver, allow=frozenset({"::1"}), connect_timeout=0.5)
    with pytest.raises(RetryLater):
        egress.session().post("https://vendor.example/")
    assert asked == ["vendor.example"]
    assert listener.seen == []


def test_with_a_sandbox_nothing_else_is_reached(listener: Double) -> None:
    with serving(answer()) as other:
        egress = Egress(sandbox_url=listener.url)
        egress.session().get("https://vendor.example/")
        with pytest.raises(NeedsPerson):
            egress.session().call("GET", other.url)
        with pytest.raises(NeedsPerson):
            egress.session().get(listener.url)
    assert len(listener.seen) == 1
    assert other.seen == []


def test_an_unknown_name_is_for_a_person_and_a_silent_resolver_is_for_later() -> None:
    def unknown(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    def silent(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    with pytest.raises(NeedsPerson) as caught:
        Egress(resolver=unknown).session().get("https://vendor.example/")
    assert caught.value.code == "unknown_host"
    with pytest.raises(RetryLater):
        Egress(resolver=silent, wait=lambda _: None).session().get("https://vendor.example/")


def _answers(listener: Double, *addresses: str) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, listener.port)) for address in addresses]
