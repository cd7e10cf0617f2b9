"""Who is at the other end of a TCP connection: its network address, and whether limits by address apply to it.

They apply to public addresses, and to those that a trusted proxy names. A proxy in front of the gateway, or another
program of the machine, has one address for all its clients: limits by it would hurt all of them. It knows no limit.
Invariant: what a client says about its own address is never believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import NewType

import msgspec

IPAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Packed = NewType("Packed", bytes)
"""An address as the network sends it: 4 or 16 bytes, and never an IPv4 address in an IPv6 one (::ffff:0:0/96)."""

SHARED = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Loopback, private and link-local addresses: behind one of them may be a proxy with many clients."""
MAPPED = bytes(10) + b"\xff\xff"
"""Stands before an IPv4 address in an IPv6 one."""
NETWORK_OF_A_CLIENT = 8
"""Bytes of an IPv6 address that a client cannot choose: it commonly has the rest for itself."""


class Peer(msgspec.Struct, frozen=True, gc=False):
    """A client, as the network shows it."""

    address: str
    """An IPv4 address, the /64 network of an IPv6 address, or "" where there is none."""
    limited: bool
    """Whether limits by address apply: it is a public address, or a trusted proxy named it."""
    trusted: bool = False
    """It is a trusted proxy: what it says about its client's address counts."""

    @property
    def logged(self) -> str:
        """What the log calls it."""
        return self.address or "a Unix socket"


UNKNOWN = Peer("", limited=False)


class Networks:
    """Some networks, and whether an address is in one of them. Each connection asks: it counts in numbers alone."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._blocks: dict[int, list[tuple[int, int]]] = {4: [], 16: []}
        """Masks and first addresses, by the bytes of an address."""
        for each in networks:
            self._blocks[each.max_prefixlen // 8].append((int(each.netmask), int(each.network_address)))

    def __contains__(self, address: Packed) -> bool:
        number = int.from_bytes(address, "big")
        for mask, first in self._blocks[len(address)]:  # noqa: SIM110  # `any` takes twice as long
            if number & mask == first:
                return True
        return False


LOCAL = Networks(SHARED)


class Peers:
    """`trusted`: the addresses of the proxies whose word counts."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = Networks(trusted)

    def direct(self, peername: object) -> Peer:
        """The other end of a TCP connection, as the operating system names it."""
        named = peername[0] if isinstance(peername, tuple) and peername else ""
        address = _packed(named)
        if address is None:
            return UNKNOWN  # a Unix socket has no address
        trusted, key = address in self._trusted, _key(address)
        if key == named:
            key = named  # the event loop keeps this text anyway
        return Peer(key, limited=not trusted and address not in LOCAL, trusted=trusted)

    def proxied(self, address: IPAddress) -> Peer:
        """The client that a trusted proxy named in its PROXY header. It may be a trusted proxy itself."""
        packed = Packed(address.packed)
        trusted = packed in self._trusted
        return Peer(_key(packed), limited=not trusted, trusted=trusted)

    def forwarded(self, proxy: Peer, headers: Sequence[str]) -> Peer:
        """The client behind `proxy`, a trusted one, by its X-Forwarded-For: the right-most that is no trusted proxy.

        Each proxy appends the address that it sees, so what is left of that one was written by the client. Where there
        is no such address, or it cannot be read, limits by address do not apply.
        """
        for entry in reversed(",".join(headers).split(",")):
            address = parse_entry(entry)
            if address is None:
                return Peer(proxy.address, limited=False)
            packed = Packed(address.packed)
            if packed not in self._trusted:
                return Peer(_key(packed), limited=True)
        return Peer(proxy.address, limited=False)


def parse(text: str) -> IPAddress | None:
    """The address that `text` is, an IPv4 address in an IPv6 one (::ffff:0:0/96) as the former; None for none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))  # without the name of an interface


def parse_entry(entry: str) -> IPAddress | None:
    """An address of X-Forwarded-For, perhaps with a port: `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`."""
    text = entry.strip().strip('"')
    if text.startswith("["):
        return parse(text[1:].partition("]")[0])
    return parse(text.partition(":")[0] if text.count(":") == 1 else text)


def _packed(text: str) -> Packed | None:
    """As `parse`, of what the operating system has written, perhaps with the name of an interface."""
    try:
        packed = inet_pton(AF_INET6, text.partition("%")[0]) if ":" in text else inet_pton(AF_INET, text)
    except OSError:
        return None
    return Packed(packed.removeprefix(MAPPED) if len(packed) > 4 else packed)


def _key(address: Packed) -> str:
    if len(address) == 4:
        return inet_ntop(AF_INET, address)
    network = address[:NETWORK_OF_A_CLIENT]
    return f"{inet_ntop(AF_INET6, network.ljust(16, bytes(1)))}/{8 * NETWORK_OF_A_CLIENT}"
