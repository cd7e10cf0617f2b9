"""What a trusted proxy says about its client's address: X-Forwarded-For, and PROXY headers of both versions.

What must hold: the address is the one that another reading of the same rules finds, written without `ipaddress`:
by splitting, counting and `inet_pton`. A reading of bytes takes the same time whatever they are.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import NamedTuple

from tests.fuzz.target import Run, Target
from tests.transport.test_proxy_protocol import IPV4, IPV6, MAPPED, binary
from tidegate.transport import Peers, proxy_protocol
from tidegate.transport.peers import Peer

TRUSTED = ("10.0.0.0/8", "127.0.0.1/32", "2001:db8:aaaa::/48")
PEERS = Peers([ip_network(text) for text in TRUSTED])
PROXY = Peer("10.0.0.7", limited=False, trusted=True)
FORWARDED = b"X"
"""The first byte of an input that is headers, one a line; any other one is the start of a connection."""
MAPPED_HEAD = bytes(10) + b"\xff\xff"
PORT = re.compile(r":[^:]*")

HEADERS = [
    b"203.0.113.7", b"198.51.100.1, 203.0.113.7, 10.1.1.1", b"198.51.100.1\n203.0.113.7\n10.1.1.1",
    b" 203.0.113.7 ,\t10.1.1.1 ", b"203.0.113.7:1234", b"2001:db8:1:2::9", b"[2001:db8:1:2::9]",
    b"[2001:db8:1:2::9]:1234", b'"[2001:db8:1:2::9]:1234"', b"::ffff:203.0.113.7", b"::ffff:10.1.1.1, 10.2.2.2",
    b"fe80::1%eth0", b"[fe80::1%25eth0]:80", b"10.1.1.1, 10.2.2.2", b"", b",", b"203.0.113.7, ",
    b"203.0.113.7, unknown", b"203.0.113.777", b"client.example", b"," * 8192, b"203.0.113.7" + b"," * 8192,
    b"2001:db8:aaaa::1, 2001:db8:aaab::1",
    b"010.0.0.1", b"1.2.3", b"::ffff:0:203.0.113.7", b"64:ff9b::203.0.113.7", b"_hidden",
    b"203.0.113.7:", b"[::1", b"]",
]  # fmt: skip
STARTS = [
    b"PROXY TCP4 203.0.113.7 10.0.0.1 50000 8787\r\nGET /", b"PROXY TCP6 2001:db8::9 ::1 50000 8787\r\n",
    b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nGET /", b"PROXY TCP4 fe80::1%eth0 ::1 1 2\r\n",
    b"PROXY TCP4 203.0.113.7", b"PROXY " + b"x" * 101, binary(0x21, 0x11, IPV4), binary(0x21, 0x21, IPV6) + b"GET /",
    binary(0x21, 0x21, MAPPED), binary(0x21, 0x11, IPV4 + b"\x03\x00\x04abcd"), binary(0x20, 0, b""),
    binary(0x20, 0x11, IPV4), binary(0x21, 0x31, bytes(216)), binary(0x21, 0, b""), binary(0x11, 0x11, IPV4),
    binary(0x21, 0x11, IPV4[:3]), b"GET / HTTP/1.1\r\n", b"\r\n\r\n",
]  # fmt: skip
SEEDS = [*(FORWARDED + each for each in HEADERS), *STARTS]
WORDS = [
    b",", b", ", b"\n", b":", b"::", b"[", b"]", b"%", b"%eth0", b'"', b".", b" ", b"\t", b"\xc2\xa0",
    b"10.9.9.9", b"127.0.0.1",
    b"203.0.113.9", b"::ffff:", b"2001:db8:aaaa::2", b"2001:db8::1", b":65536", b"0x7f.1", b"," * 100,
    b"PROXY TCP4 ", b"PROXY TCP6 ",
    b"PROXY UNKNOWN", b"\r\n", b"\r\n\r\n\x00\r\nQUIT\n", b"\x21\x11\x00\x0c", b"\x20\x00\x00\x00",
    b"\x21\x21\x00\x24", b"X",
]  # fmt: skip


class Read(NamedTuple):
    """A PROXY header: how many bytes, and the packed address of the client."""

    size: int
    source: bytes | None


@contextmanager
def make() -> Iterator[Run]:
    def run(data: bytes) -> str:
        if data.startswith(FORWARDED):
            return _forwarded([line.decode("latin-1") for line in data[1:].split(b"\n")])
        return _started(data)

    yield run


def _forwarded(headers: list[str]) -> str:
    found = PEERS.forwarded(PROXY, headers)
    client, passed, entry = _client(headers)
    expected = Peer(PROXY.address, limited=False) if client is None else Peer(_network(client), limited=True)
    assert found == expected, f"{found}, and the rule says {expected}"
    form = "".join(mark for mark in '["%]' if mark in entry) + ":" * min(entry.count(":"), 2)
    return f"forwarded: {_kind(client)} after {min(passed, 3)} proxies, {form}"


def _started(data: bytes) -> str:
    expected: Read | str = _header(data)
    try:
        header = proxy_protocol.read(data)
    except ValueError:
        assert expected == "none", f"refused, and the rule says {expected}"
        return "no header"
    if header is None:
        assert expected in {"unfinished", "other"}, f"not whole, and the rule says {expected}"
        assert proxy_protocol.may_begin(data) == (expected == "unfinished" or not data)
        return str(expected)
    source = None if header.source is None else header.source.packed
    assert Read(header.size, source) == expected, f"{header}, and the rule says {expected}"
    return f"header of {_kind(source)}"


def _kind(address: bytes | None) -> str:
    return "no address" if address is None else f"IPv{4 if len(address) == 4 else 6}"


def _client(headers: list[str]) -> tuple[bytes | None, int, str]:
    """The right-most address that is no trusted proxy; None where there is none, or it is not known.

    Besides, how many trusted proxies are right of it, and the entry.
    """
    entries = [entry for header in headers for entry in header.split(",")]
    passed = 0
    while entries:
        entry = entries.pop()
        address = _address(_without_port(entry))
        if address is None or not _trusted(address):
            return address, passed, entry
        passed += 1
    return None, passed, ""


def _without_port(entry: str) -> str:
    text = entry.strip()
    while text.startswith('"'):
        text = text[1:]
    while text.endswith('"'):
        text = text[:-1]
    if text[:1] == "[":
        return text[1 : text.index("]")] if "]" in text else text[1:]
    return PORT.sub("", text) if text.count(":") == 1 else text


def _address(text: str) -> bytes | None:
    """The packed address; an IPv4 address in an IPv6 one is the former, and the name of an interface is left out.

    A network, with a slash, is no address.
    """
    if "%" in text:
        text, interface = text.split("%", 1)
        if ":" not in text or not interface or "%" in interface or "/" in interface:
            return None
    if not text.isascii() or "\0" in text:
        return None
    try:
        packed = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        return None
    return packed[12:] if packed[:12] == MAPPED_HEAD else packed


def _trusted(address: bytes) -> bool:
    if len(address) == 4:
        return address[0] == 10 or address == b"\x7f\0\0\x01"
    return address[:6] == bytes.fromhex("20010db8aaaa")


def _network(address: bytes) -> str:
    if len(address) == 4:
        return ".".join(map(str, address))
    return f"{socket.inet_ntop(socket.AF_INET6, address[:8] + bytes(8))}/64"


def _header(data: bytes) -> Read | str:
    if data[:6] == b"PROXY ":
        return _text_header(data)
    if data[:12] == b"\r\n\r\n\0\r\nQUIT\n":
        return _binary_header(data)
    begins = data == b"PROXY "[: len(data)] or data == b"\r\n\r\n\0\r\nQUIT\n"[: len(data)]
    return "unfinished" if begins and data else "other"


def _text_header(data: bytes) -> Read | str:
    line, end, _ = data[:107].partition(b"\r\n")
    if not end:
        return "unfinished" if len(data) < 107 else "none"
    kind, *words = line[6:].split(b" ")
    if not line.isascii():
        return "none"
    if kind == b"UNKNOWN":
        return Read(len(line) + 2, None)
    source = _address(words[0].decode()) if kind in {b"TCP4", b"TCP6"} and len(words) == 4 else None
    return "none" if source is None else Read(len(line) + 2, source)


def _binary_header(data: bytes) -> Read | str:
    if len(data) < 16:
        return "unfinished"
    size = data[14] * 256 + data[15]
    if data[12] not in {0x20, 0x21} or size > 4096:
        return "none"
    if len(data) < 16 + size:
        return "unfinished"
    length = {1: 4, 2: 16}.get(data[13] // 16) if data[12] == 0x21 else None
    if length is None:
        return Read(16 + size, None)
    source = data[16 : min(16 + length, 16 + size)]
    if len(source) < length:
        return "none"
    return Read(16 + size, source[12:] if source[:12] == MAPPED_HEAD else source)


TARGET = Target("proxies", make, SEEDS, WORDS)
