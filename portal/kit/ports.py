"""Which TCP port of this machine a server may take."""

import errno
import socket

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class PortTaken(Exception):
    """The very port that a person asked for is in use; the text is one sentence for them."""


def is_free(port: int) -> bool:
    """Whether nothing listens there, on either address that a browser may take `localhost` for."""
    return all(_can_bind(family, address, port) for family, address in LOOPBACK)


def _can_bind(family: int, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as error:
        # A machine without IPv6 has nothing that could listen there.
        return error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True


def choose(default: int, *, asked: int | None = None) -> int:
    """The port asked for, else the default, else the next free one above it. Raises PortTaken."""
    if asked is not None:
        if not 1 <= asked <= 65535:
            raise PortTaken(f"{asked} is no port; choose one from 1024 to 65535.")
        if not is_free(asked):
            raise PortTaken(
                f"Port {asked} is taken, or not ours to use; choose another one, or leave the choice to us."
            )
        return asked
    for port in range(default, min(default + 1000, 65536)):
        if is_free(port):
            return port
    raise PortTaken(f"No port from {default} to {default + 999} is free.")
