"""The choice of a port, against real sockets."""

import socket
from collections.abc import Iterator

import pytest

from portal.kit.ports import PortTaken, choose, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not is_free(taken)


def test_a_listener_on_all_addresses_takes_the_port_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - that is the case
        assert not is_free(server.getsockname()[1])


def test_a_listener_on_the_other_localhost_takes_the_port_too() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert not is_free(server.getsockname()[1])


def test_a_port_is_free_again_after_its_server_left(taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        server.accept()[0].close()
    assert is_free(port)


def test_a_taken_default_gives_way_to_a_free_port_above_it(taken: int) -> None:
    chosen = choose(taken)
    assert chosen > taken
    assert is_free(chosen)


def test_a_port_that_was_asked_for_is_never_exchanged_silently(taken: int) -> None:
    with pytest.raises(PortTaken, match=f"Port {taken} is taken"):
        choose(8000, asked=taken)


@pytest.mark.parametrize("number", [0, -1, 65536])
def test_a_number_that_is_no_port_is_refused(number: int) -> None:
    with pytest.raises(PortTaken, match="is no port"):
        choose(8000, asked=number)
