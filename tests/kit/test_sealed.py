"""A sealed box: only the one private key opens it, only in its place, only unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.sealed import BoxUnopenable, KeyPair, seal, unseal

KEYS = KeyPair.make()


@given(st.binary(max_size=2_000))
def test_the_private_key_opens_what_the_public_key_closed(data: bytes) -> None:
    assert unseal(seal(data, KEYS.public, "here"), KeyPair.of_private(KEYS.private), "here") == data


def test_equal_contents_give_unlike_boxes_that_do_not_show_them() -> None:
    one, two = seal(b"Jane Doe", KEYS.public, "here"), seal(b"Jane Doe", KEYS.public, "here")
    assert one != two
    assert b"Jane" not in one


@pytest.mark.parametrize("position", [0, 31, 32, 44, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    box = bytearray(seal(b"Jane Doe", KEYS.public, "here"))
    box[position] ^= 1
    with pytest.raises(BoxUnopenable):
        unseal(bytes(box), KEYS, "here")


def test_another_key_and_another_place_open_nothing() -> None:
    box = seal(b"Jane Doe", KEYS.public, "here")
    with pytest.raises(BoxUnopenable):
        unseal(box, KeyPair.make(), "here")
    with pytest.raises(BoxUnopenable):
        unseal(box, KEYS, "there")
    with pytest.raises(BoxUnopenable):
        unseal(b"short", KEYS, "here")


def test_a_key_pair_does_not_print_its_private_half() -> None:
    assert KEYS.private.hex() not in repr(KEYS)
    assert repr(KEYS.private) not in repr(KEYS)
