"""Starts a program as systemd's socket activation does: `activator.py KIND COUNT ADDRESS COMMAND...`.

KIND is `tcp` with a port as ADDRESS, or `unix` with a path. COUNT sockets listen on the one address (ReusePort=yes).
"""

from __future__ import annotations

import os
import socket
import sys

FIRST = 3


def main() -> None:
    kind, count, address, *command = sys.argv[1:]
    sockets: list[socket.socket] = []
    for _ in range(int(count)):
        if kind == "unix":
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.bind(address)
        else:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(("127.0.0.1", int(address)))
        sock.listen(128)
        sockets.append(sock)
    above = [os.dup(sock.fileno()) for sock in sockets]  # none of them is one of the targets
    high = [os.dup2(number, 200 + index) for index, number in enumerate(above)]
    for index, number in enumerate(high):
        os.dup2(number, FIRST + index)
        os.close(number)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES="x")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
