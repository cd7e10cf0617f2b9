"""Reports the gateway's state to systemd: ready, stopping, alive. Each report is one datagram (`man sd_notify`).

It reads the three environment variables that systemd sets and knows no other part of the gateway. Without NOTIFY_SOCKET
it opens no socket and sends nothing.
Invariant: it blocks for at most `PATIENCE_S` and never raises; a datagram that systemd does not accept is logged.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger("tidegate.systemd")

PATIENCE_S = 1.0
"""How long to wait for space in systemd's queue: without READY=1 the start of the service fails."""
READY, STOPPING, WATCHDOG = "READY=1", "STOPPING=1", "WATCHDOG=1"


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send `state` to the socket that NOTIFY_SOCKET names: a path, or `@` and the name of an abstract socket."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(PATIENCE_S)
            # An abstract name begins with a zero byte, which no environment variable can hold.
            sender.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        log.warning("systemd does not accept %s: %s", state, error.strerror or error)


def reloading() -> str:
    """The state while a reload is under way; READY follows."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two WATCHDOG=1: half of what systemd allows. None if systemd does not watch this process."""
    allowed = environ.get("WATCHDOG_USEC", "")
    if not environ.get("NOTIFY_SOCKET") or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(allowed) / 2_000_000 if allowed.isascii() and allowed.isdigit() and int(allowed) else None
