"""Who is at the other end of a TCP connection: its network address, and whether limits by address apply to it.

They apply to public addresses, and to those that a trusted proxy names. A proxy in front of the gateway, or another
program of the machine, has one address for all its clients: limits by it would hurt all of them. It knows no limit.
Invariant: what a client says about its own address is never believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

IPAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SHARED = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Loopback, private and link-local addresses: behind one of them may be a proxy with many clients."""
NETWORK_OF_A_CLIENT = 64
"""Bits of an IPv6 address that a client cannot choose: it commonly has the rest for itself."""


class Peer(NamedTuple):
    """A client, as the network shows it."""

    address: str
    """An IPv4 address, the /64 network of an IPv6 address, or "" where there is none."""
    limited: bool
    """Whether limits by address apply: it is a public address, or a trusted proxy named it."""
    trusted: bool = False
    """It is a trusted proxy: what it says about its client's address counts."""


UNKNOWN = Peer("", limited=False)


class Peers:
    """`trusted`: the addresses of the proxies whose word counts."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def direct(self, peername: object) -> Peer:
        """The other end of a TCP connection, as the operating system names it."""
        named = peername[0] if isinstance(peername, tuple) and peername else ""
        address = parse(named)
        if address is None:
            return UNKNOWN  # a Unix socket has no address
        trusted, key = self._is_trusted(address), _key(address)
        if key == named:
            key = named  # the event loop keeps this text anyway
        return Peer(key, limited=not trusted and not _is_shared(address), trusted=trusted)

    def proxied(self, address: IPAddress) -> Peer:
        """The client that a trusted proxy named in its PROXY header. It may be a trusted proxy itself."""
        trusted = self._is_trusted(address)
        return Peer(_key(address), limited=not trusted, trusted=trusted)

    def forwarded(self, proxy: Peer, headers: Sequence[str]) -> Peer:
        """The client behind `proxy`, a trusted one, by its X-Forwarded-For: the right-most that is no trusted proxy.

        Each proxy appends the address that it sees, so what is left of that one was written by the client. Where there
        is no such address, or it cannot be read, limits by address do not apply.
        """
        for entry in reversed(",".join(headers).split(",")):
            address = parse_entry(entry)
            if address is None:
                return Peer(proxy.address, limited=False)
            if not self._is_trusted(address):
                return Peer(_key(address), limited=True)
        return Peer(proxy.address, limited=False)

    def _is_trusted(self, address: IPAddress) -> bool:
        return any(address in network for network in self._trusted)


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


def _is_shared(address: IPAddress) -> bool:
    return any(address in network for network in SHARED)


def _key(address: IPAddress) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address), NETWORK_OF_A_CLIENT), strict=False))
