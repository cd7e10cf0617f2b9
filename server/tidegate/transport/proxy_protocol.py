"""The PROXY protocol, versions 1 and 2: the first bytes of a connection, in which a proxy names its client's address.

Only bytes from a trusted proxy are read here, and only the first ones of a connection, so that no client can name an
address by sending such a header itself.
https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeVar

from tidegate.transport.peers import IPAddress, parse

TEXT = b"PROXY "
BINARY = b"\r\n\r\n\x00\r\nQUIT\n"
LONGEST_TEXT = 107
BINARY_HEAD = 16
LONGEST_BINARY = 4096
"""Bytes after the head of a binary header, at most: addresses, and what else a proxy tells."""
LOCAL, PROXIED = 0x20, 0x21
IPV4, IPV6 = 1, 2


Connection = TypeVar("Connection")
"""A connection."""


class Header(NamedTuple):
    """A whole header."""

    size: int
    """Bytes, after which the client's own begin."""
    source: IPAddress | None
    """None where the proxy speaks for itself, as in its health checks, or its client has no IP address."""


def may_begin(data: bytes) -> bool:
    """Whether `data` is a header, or may become one."""
    return any(data[: len(signature)] == signature[: len(data)] for signature in (TEXT, BINARY))


def read(data: bytes) -> Header | None:
    """The header at the start of `data`; None as long as it is cut off. Raises ValueError where it is none."""
    if data.startswith(TEXT):
        return _read_text(data)
    if data.startswith(BINARY):
        return _read_binary(data)
    return None


def without_header(
    data: bytes, connection: Connection, named: Callable[[Connection, IPAddress, float], None], now: float
) -> bytes | None:
    """What follows the header, if there is one; None as long as it is cut off. `named` is told whose address it names.

    Raises ValueError for a header that cannot be read.
    """
    if not may_begin(data):
        return data
    header = read(data)
    if header is None:
        return None
    if header.source is not None:
        named(connection, header.source, now)
    return data[header.size :]


def _read_text(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, LONGEST_TEXT)
    if end < 0:
        if len(data) >= LONGEST_TEXT:
            raise ValueError("the line has no end")
        return None
    words = data[:end].decode("ascii").split(" ")
    if words[1] == "UNKNOWN":
        return Header(end + 2, None)
    source = parse(words[2]) if len(words) == 6 and words[1] in {"TCP4", "TCP6"} else None
    if source is None:
        raise ValueError("it names no address")
    return Header(end + 2, source)


def _read_binary(data: bytes) -> Header | None:
    if len(data) < BINARY_HEAD:
        return None
    command, family, size = data[12], data[13] >> 4, int.from_bytes(data[14:16])
    if command not in {LOCAL, PROXIED} or size > LONGEST_BINARY:
        raise ValueError("it is of another version, or too long")
    if len(data) < BINARY_HEAD + size:
        return None
    addresses = data[BINARY_HEAD : BINARY_HEAD + size]
    source: IPAddress | None = None
    if command == PROXIED and family == IPV4:
        source = IPv4Address(addresses[:4])
    elif command == PROXIED and family == IPV6:
        source = parse(str(IPv6Address(addresses[:16])))
    return Header(BINARY_HEAD + size, source)
