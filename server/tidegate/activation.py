"""Takes over listening sockets from systemd's socket activation (`man sd_listen_fds`).

Invariant: a socket is taken over once, and no process that this one starts inherits it by mistake.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

FIRST = 3
"""The first of the file descriptors that systemd passes on."""


def sockets(environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """The sockets that systemd listens on for this process; none where it does not. Raises OSError."""
    number, process = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not (number.isascii() and number.isdigit()):
        return []
    found: list[socket.socket] = []
    for descriptor in range(FIRST, FIRST + int(number)):
        os.set_inheritable(descriptor, False)
        each = socket.socket(fileno=descriptor)
        each.setblocking(False)
        if each.type == socket.SOCK_STREAM and each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            found.append(each)
        else:
            each.close()
            raise OSError(0, f"descriptor {descriptor} of LISTEN_FDS is no listening stream socket")
    return found
