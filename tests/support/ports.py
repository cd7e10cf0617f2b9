"""Ports for servers that tests stop and start again.

They are outside the range from which the system gives ports to outgoing connections. Otherwise a client's connection,
even one to the stopped server itself, may take the port before the server is back. A process of tests takes its ports
from a part of the range that no other process has: it listens on the first port of the part as long as it lives.
Invariant: two processes of tests on one machine never get the same port, whichever runs of tests they belong to.
"""

from __future__ import annotations

import itertools
import os
import random
import socket

FIRST, PART, PARTS = 15_000, 250, 60
_claims: dict[int, tuple[int, itertools.count[int]]] = {}
"""By process, because a fork needs another part: the first port of its part, and which port it tries next."""


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on, and that no other process of tests gets."""
    if (process := os.getpid()) not in _claims:
        _claims[process] = _claimed_part(), itertools.count()
    first, numbers = _claims[process]
    for number in itertools.islice(numbers, PART - 1):
        port = first + 1 + number % (PART - 1)
        if _is_free(port):
            return port
    raise AssertionError(f"no free port between {first} and {first + PART}")


def _claimed_part() -> int:
    """The first port of a part that no other process has. This process listens on it until it ends."""
    parts = list(range(PARTS))
    random.SystemRandom().shuffle(parts)
    for part in parts:
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", FIRST + part * PART))
            claim.listen()
        except OSError:
            claim.close()
            continue
        claim.detach()  # the descriptor stays open, and no warning says at the end that it does
        return FIRST + part * PART
    raise AssertionError(f"{PARTS} processes of tests run: no part of the ports is left")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            # With the option that servers set: a connection that has just ended does not block the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
