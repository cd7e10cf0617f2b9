"""The listening sockets of the slots: bound by the supervisor, so that no connection that waits is lost with a worker.

Each slot has a separate socket on the same port (SO_REUSEPORT), over which the kernel spreads connections evenly.
"""

from __future__ import annotations

import socket
from typing import Any

from tidegate.transport.accepting import listening


def bound(host: str, port: int, slots: int) -> list[list[socket.socket]]:
    """The sockets of each slot, which listen on each address of `host`. Raises OSError.

    They are refused where another program listens, although that one would allow it: two gateways on one port by
    mistake would each get a part of the clients.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses: list[tuple[int, Any]] = [(int(family), address) for family, _, _, _, address in found]
    alone = listening(addresses)
    port = int(alone[0].getsockname()[1])
    for each in alone:
        each.close()
    addresses = [(family, (address[0], port)) for family, address in addresses]
    return [listening(addresses, reuse_port=True) for _ in range(slots)]


def dealt(sockets: list[socket.socket], slots: int) -> list[list[socket.socket]]:
    """Sockets that systemd has made, for each slot: where there are several of one address, each slot has its own.

    Where there are fewer than slots, some slots share one.
    """
    by_address: dict[object, list[socket.socket]] = {}
    for each in sockets:
        by_address.setdefault((each.family, each.getsockname()), []).append(each)
    of_slot: list[list[socket.socket]] = []
    for slot in range(slots):
        own = [same[number] for same in by_address.values() for number in range(slot, len(same), slots)]
        shared = [same[slot % len(same)] for same in by_address.values() if len(same) <= slot]
        of_slot.append([*own, *shared])
    return of_slot
