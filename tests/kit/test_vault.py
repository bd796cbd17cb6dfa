"""Secrets at rest: readable only with the right key, in the right place."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.vault import Place, SecretUnreadable, Vault, hint

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = Place("7", "credential", "a0b1", "client_secret")


@given(st.text())
def test_what_goes_in_comes_out_in_its_own_place(secret: str) -> None:
    vault = Vault({"k1": NEW})
    assert vault.decrypt(vault.encrypt(secret, PLACE), PLACE) == secret


@pytest.mark.parametrize("part", ["tenant", "table", "row", "field"])
def test_a_ciphertext_moved_to_another_place_is_unreadable(part: str) -> None:
    vault = Vault({"k1": NEW})
    sealed = vault.encrypt("secret", PLACE)
    with pytest.raises(SecretUnreadable):
        vault.decrypt(sealed, replace(PLACE, **{part: "other"}))


@given(st.binary(max_size=80))
def test_garbage_is_unreadable_and_nothing_else(blob: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        Vault({"k1": NEW}).decrypt(blob, PLACE)


def test_the_first_key_seals_and_every_key_of_the_ring_opens() -> None:
    sealed_before = Vault({"old": OLD}).encrypt("secret", PLACE)
    ring = Vault({"new": NEW, "old": OLD})
    assert ring.decrypt(sealed_before, PLACE) == "secret"
    sealed_after = ring.encrypt("secret", PLACE)
    with pytest.raises(SecretUnreadable):
        Vault({"old": OLD}).decrypt(sealed_after, PLACE)


def test_two_sealings_of_one_secret_differ() -> None:
    vault = Vault({"k1": NEW})
    assert vault.encrypt("secret", PLACE) != vault.encrypt("secret", PLACE)


def test_keys_never_show() -> None:
    assert "nnnn" not in repr(Vault({"k1": NEW}))


@pytest.mark.parametrize("ring", ["", "k1:short", "no-colon", "!!:" + base64.urlsafe_b64encode(NEW).decode()])
def test_a_malformed_ring_is_refused_at_start(ring: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is for the operator, any wording will do
        Vault.from_text(ring)


def test_a_hint_shows_four_characters_of_a_long_secret_and_nothing_of_a_short_one() -> None:
    assert hint("Rv8Q~sandbox7hT2kLm4f2a") == "4f2a"
    assert hint("hunter2") == ""
