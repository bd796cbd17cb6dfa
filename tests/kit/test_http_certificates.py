"""Client certificates: what is wrong with a pasted pair, and a real server that demands one."""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

import pytest

from portal.kit.certificates import ClientCertificate
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Egress
from tests.kit.doubles import Authority, answer, serving


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


def test_a_good_pair_is_described(authority: Authority) -> None:
    certificate, key = authority.issue("client", days=30)
    pair = ClientCertificate.from_text(f"\n  {certificate}\n", key)
    assert len(pair.fingerprint) == 64
    assert pair.not_after.tzinfo is not None


def test_a_key_with_its_passphrase_is_opened(authority: Authority) -> None:
    certificate, key = authority.issue("client", passphrase="correct horse")
    ClientCertificate.from_text(certificate, key, "correct horse").ssl_context()


def test_a_passphrase_for_a_key_that_needs_none_does_no_harm(authority: Authority) -> None:
    ClientCertificate.from_text(*authority.issue("client"), "not needed")


@pytest.mark.parametrize("passphrase", ["", "wrong"])
def test_a_wrong_or_missing_passphrase_is_named(authority: Authority, passphrase: str) -> None:
    _refused(*authority.issue("client", passphrase="right"), passphrase, code="wrong_passphrase")


def test_a_pair_that_does_not_belong_together_is_named(authority: Authority) -> None:
    _refused(authority.issue("one")[0], authority.issue("two")[1], code="pair_mismatch")


def test_an_expired_certificate_is_named_with_its_date(authority: Authority) -> None:
    said = _refused(*authority.issue("client", days=-1), code="certificate_expired")
    assert "expired on" in said


def test_a_certificate_of_the_future_is_named(authority: Authority) -> None:
    _refused(*authority.issue("client", days=90), code="certificate_not_yet_valid")


@pytest.mark.parametrize(
    "text", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_missing_certificate_is_named(authority: Authority, text: str) -> None:
    _refused(text, authority.issue("client")[1], code="no_certificate")


@pytest.mark.parametrize(
    "text", ["", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_missing_key_is_named(authority: Authority, text: str) -> None:
    _refused(authority.issue("client")[0], text, code="no_private_key")


def test_a_swapped_pair_is_recognised(authority: Authority) -> None:
    certificate, key = authority.issue("client")
    assert "holds a private key" in _refused(key, certificate, code="no_certificate")
    assert "holds a certificate" in _refused(certificate, certificate, code="no_private_key")


def test_the_key_is_in_no_repr_and_no_sentence(authority: Authority) -> None:
    certificate, key = authority.issue("client")
    body = key.splitlines()[1]
    assert body not in repr(ClientCertificate.from_text(certificate, key))
    with pytest.raises(NeedsPerson) as caught:
        ClientCertificate.from_text(key, certificate)
    assert body not in repr(caught.value)


def test_nothing_is_left_open_and_nothing_is_on_a_disk(authority: Authority) -> None:
    pair = ClientCertificate.from_text(*authority.issue("client"))
    pair.ssl_context()
    before = set(os.listdir("/proc/self/fd"))
    pair.ssl_context()
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_server_that_demands_the_certificate_gets_it(authority: Authority, tmp_path: Path) -> None:
    with serving(answer(), tls=_demanding(authority, tmp_path)) as double:
        egress = _egress(authority, double.port)
        pair = ClientCertificate.from_text(*authority.issue("client"))
        assert egress.session(pair).get("https://vendor.example/").status_code == 200
        session = egress.session()
        session.present(pair)
        assert session.get("https://vendor.example/", verify=False).status_code == 200
    assert double.seen[0][2]["Host"] == "vendor.example"


def test_without_the_certificate_a_person_is_asked(authority: Authority, tmp_path: Path) -> None:
    tls = _demanding(authority, tmp_path)
    # In TLS 1.3 the refusal comes after the handshake and may be overtaken by the closing of the connection.
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(answer(), tls=tls) as double:
        with pytest.raises(NeedsPerson) as caught:
            _egress(authority, double.port).session().get("https://vendor.example/")
        assert caught.value.code == "refused_certificate"
    assert double.seen == []


def test_a_server_that_nobody_vouches_for_is_not_spoken_to(authority: Authority, tmp_path: Path) -> None:
    with serving(answer(), tls=_plain(authority, tmp_path, "vendor.example")) as double:
        egress = _egress(Authority.new(), double.port)
        with pytest.raises(RetryLater, match="secure"):
            egress.session().get("https://vendor.example/", verify=False)
    assert double.seen == []


def test_a_server_with_another_name_is_not_spoken_to(authority: Authority, tmp_path: Path) -> None:
    tls = _plain(authority, tmp_path, "other.example")
    with serving(answer(), tls=tls) as double, pytest.raises(RetryLater, match="secure"):
        _egress(authority, double.port).session().get("https://vendor.example/")
    assert double.seen == []


def _refused(certificate: str, key: str, passphrase: str = "", *, code: str) -> str:
    with pytest.raises(NeedsPerson) as caught:
        ClientCertificate.from_text(certificate, key, passphrase)
    assert caught.value.code == code
    return caught.value.sentence


def _egress(authority: Authority, port: int) -> Egress:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    return Egress(
        resolver=lambda *_, **__: found,
        allow=frozenset({"127.0.0.1"}),
        ca_pem=authority.pem,
        wait=lambda _: None,
    )


def _plain(authority: Authority, folder: Path, name: str) -> ssl.SSLContext:
    certificate, key = authority.issue(name)
    (folder / "server.pem").write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def _demanding(authority: Authority, folder: Path) -> ssl.SSLContext:
    context = _plain(authority, folder, "vendor.example")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.pem)
    return context
