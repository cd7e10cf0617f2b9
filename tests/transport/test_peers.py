"""Whose address a connection has, and when limits by address apply to it, whatever a client claims."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest

from tests.support.cases import every_case
from tidegate.transport import Peers
from tidegate.transport.peers import SHARED, UNKNOWN, Peer, parse, parse_entry

PROXY = Peer("10.0.0.7", limited=False, trusted=True)
PEERS = Peers([ip_network(text) for text in ("10.0.0.0/8", "127.0.0.1/32", "2001:db8:aaaa::/48")])

DIRECT: dict[str, tuple[object, Peer]] = {
    "public IPv4": (("203.0.113.7", 5000), Peer("203.0.113.7", limited=True)),
    "public IPv6 by its network": (("2001:db8:1:2:3:4:5:6", 5000, 0, 0), Peer("2001:db8:1:2::/64", limited=True)),
    "IPv4 in IPv6": (("::ffff:203.0.113.7", 5000, 0, 0), Peer("203.0.113.7", limited=True)),
    "loopback": (("127.0.0.2", 5000), Peer("127.0.0.2", limited=False)),
    "loopback IPv6": (("::1", 5000, 0, 0), Peer("::/64", limited=False)),
    "private": (("192.168.3.4", 5000), Peer("192.168.3.4", limited=False)),
    "private in IPv6": (("::ffff:192.168.3.4", 5000, 0, 0), Peer("192.168.3.4", limited=False)),
    "private IPv6": (("fd00::1", 5000, 0, 0), Peer("fd00::/64", limited=False)),
    "link-local with an interface": (("fe80::1%eth0", 5000, 0, 2), Peer("fe80::/64", limited=False)),
    "shared by a provider": (("100.64.0.1", 5000), Peer("100.64.0.1", limited=False)),
    "trusted proxy": (("10.0.0.7", 5000), PROXY),
    "trusted proxy in IPv6": (("::ffff:10.0.0.7", 5000, 0, 0), PROXY),
    "trusted public proxy": (("2001:db8:aaaa::1", 5000, 0, 0), Peer("2001:db8:aaaa::/64", limited=False, trusted=True)),
    "Unix socket": ("", UNKNOWN),
    "no name": (None, UNKNOWN),
    "what is no address": (("socket", 1), UNKNOWN),
}


def test_direct_peers() -> None:
    with every_case() as case:
        for name, (peername, peer) in DIRECT.items():
            with case(name):
                assert PEERS.direct(peername) == peer


def test_addresses_are_read_and_written_as_the_standard_library_does() -> None:
    chance, peers = random.Random(1), Peers([ip_network("10.0.0.0/8"), ip_network("2001:db8::/33")])
    trusted = ("10.0.0.0/8", "2001:db8::/33")
    first = [int(network.network_address) for network in SHARED]
    with every_case() as case:
        for _ in range(500):
            bits = chance.choice([1, 8, 32, 64, 96, 128])
            number = (chance.choice([0, *first, 0x20010DB8 << 96, 0xFFFF << 32]) + chance.getrandbits(bits)) % 2**128
            text = str(IPv4Address(number) if number < 2**32 and chance.random() < 0.5 else IPv6Address(number))
            with case(text):
                address = parse(text)
                assert address is not None
                key = str(address if address.version == 4 else IPv6Network((number, 64), strict=False))
                known = any(address in ip_network(each) for each in trusted)
                shared = any(address in each for each in SHARED)
                assert peers.direct((text, 1)) == Peer(key, limited=not known and not shared, trusted=known)
                assert peers.proxied(address) == Peer(key, limited=not known, trusted=known)


CLIENT = Peer("203.0.113.7", limited=True)
UNNAMED = Peer("10.0.0.7", limited=False)

FORWARDED: dict[str, tuple[list[str], Peer]] = {
    "one address": (["203.0.113.7"], CLIENT),
    "what the client claims is left of its address": (["198.51.100.1, 203.0.113.7"], CLIENT),
    "trusted proxies are passed over": (["198.51.100.1, 203.0.113.7, 10.1.1.1, 10.2.2.2"], CLIENT),
    "several headers are one list": (["198.51.100.1", "203.0.113.7", "10.1.1.1"], CLIENT),
    "spaces": (["  203.0.113.7  ,\t10.1.1.1 "], CLIENT),
    "with a port": (["203.0.113.7:1234"], CLIENT),
    "IPv6": (["2001:db8:1:2::9"], Peer("2001:db8:1:2::/64", limited=True)),
    "IPv6 in brackets": (["[2001:db8:1:2::9]"], Peer("2001:db8:1:2::/64", limited=True)),
    "IPv6 with a port": (["[2001:db8:1:2::9]:1234"], Peer("2001:db8:1:2::/64", limited=True)),
    "IPv6 in quotes": (['"[2001:db8:1:2::9]:1234"'], Peer("2001:db8:1:2::/64", limited=True)),
    "IPv4 in IPv6": (["::ffff:203.0.113.7"], CLIENT),
    "private, but named by a proxy": (["192.168.1.1"], Peer("192.168.1.1", limited=True)),
    "claims of a trusted address": (["10.9.9.9, 203.0.113.7"], CLIENT),
    "only proxies": (["10.1.1.1, 10.2.2.2"], UNNAMED),
    "no header": ([], UNNAMED),
    "empty": ([""], UNNAMED),
    "garbage at the right": (["203.0.113.7, unknown"], UNNAMED),
    "garbage at the left": (["<script>, ,,, 203.0.113.7"], CLIENT),
    "too large a number": (["203.0.113.777"], UNNAMED),
    "a name": (["client.example"], UNNAMED),
}


def test_forwarded_peers() -> None:
    with every_case() as case:
        for name, (headers, peer) in FORWARDED.items():
            with case(name):
                assert PEERS.forwarded(PROXY, headers) == peer


def test_client_in_a_proxy_header_is_limited_unless_it_is_a_trusted_proxy_itself() -> None:
    assert PEERS.proxied(ip_address("203.0.113.7")) == CLIENT
    assert PEERS.proxied(ip_address("10.0.0.7")) == PROXY


@pytest.mark.parametrize(
    "entry", ["[", "[]", "]", ":", "::1::", "1.2.3.4:5:6", "%", "\x00", "\uff11.2.3.4", "0x7f.1", "1"]
)
def test_what_is_no_address_is_none(entry: str) -> None:
    assert parse_entry(entry) is None
