"""Ports for servers that tests stop and start again.

They are outside the range from which the system gives ports to outgoing connections. Otherwise a client's connection,
even one to the stopped server itself, may take the port before the server is back. Processes of one test run take
ports from different parts of the range.
"""

from __future__ import annotations

import itertools
import os
import random
import socket

FIRST, PART, PARTS = 15_000, 1_000, 15
_taken = itertools.count(random.SystemRandom().randrange(PART))


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST + worker % PARTS * PART
    for number in itertools.islice(_taken, PART):
        port = first + number % PART
        if _is_free(port):
            return port
    raise AssertionError(f"no free port between {first} and {first + PART}")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            # With the option that servers set: a connection that has just ended does not block the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
