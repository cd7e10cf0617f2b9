"""The listening sockets of the address for operators: made before any worker, so that all of them accept from one.

A Unix socket may be used by the user that runs the gateway, and by root.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from tidegate.admin.settings import UNIX, place_of
from tidegate.config import ConfigError


def bound(admin: str) -> list[socket.socket]:
    """The sockets of the setting `admin`, which listen. Raises ConfigError."""
    try:
        if admin.startswith(UNIX):
            return [_unix(Path(admin.removeprefix(UNIX)))]
        host, port = place_of(admin)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        made = socket.create_server(address[:2], family=family)
    except OSError as error:
        raise ConfigError(f"admin: cannot listen on {admin}: {error.strerror or error}") from None
    made.setblocking(False)
    return [made]


def _unix(path: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise FileExistsError(17, "there is a file that is no socket")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            with suppress(ConnectionRefusedError):
                probe.connect(str(path))
                raise OSError(98, "another gateway listens there")
        path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    except BaseException:
        made.close()
        raise
    finally:
        os.umask(before)
    made.listen()
    made.setblocking(False)
    return made
