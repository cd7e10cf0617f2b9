"""PROXY headers: what proxies really send, in any pieces, and what is none."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from tidegate.transport import proxy_protocol
from tidegate.transport.proxy_protocol import BINARY, may_begin, read

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


def binary(command: int, family: int, payload: bytes) -> bytes:
    return BINARY + bytes((command, family)) + len(payload).to_bytes(2) + payload


IPV4 = socket.inet_aton("203.0.113.7") + socket.inet_aton("10.0.0.1") + bytes(4)
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") + socket.inet_pton(socket.AF_INET6, "::1") + bytes(4)
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:203.0.113.7") + bytes(16) + bytes(4)

HEADERS = {
    "text, IPv4": (b"PROXY TCP4 203.0.113.7 10.0.0.1 50000 8787\r\n", "203.0.113.7"),
    "text, IPv6": (b"PROXY TCP6 2001:db8::9 ::1 50000 8787\r\n", "2001:db8::9"),
    "text, unknown": (b"PROXY UNKNOWN\r\n", None),
    "text, unknown with words": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    "binary, IPv4": (binary(0x21, 0x11, IPV4), "203.0.113.7"),
    "binary, IPv6": (binary(0x21, 0x21, IPV6), "2001:db8::9"),
    "binary, IPv4 in IPv6": (binary(0x21, 0x21, MAPPED), "203.0.113.7"),
    "binary, with more": (binary(0x21, 0x11, IPV4 + b"\x03\x00\x04abcd"), "203.0.113.7"),
    "binary, local": (binary(0x20, 0x00, b""), None),
    "binary, local with addresses": (binary(0x20, 0x11, IPV4), None),
    "binary, Unix socket": (binary(0x21, 0x31, bytes(216)), None),
}


@pytest.mark.parametrize(("data", "source"), HEADERS.values(), ids=HEADERS)
def test_headers_are_read_however_they_are_cut(data: bytes, source: str | None) -> None:
    for size in range(1, len(data)):
        assert may_begin(data[:size])
        assert read(data[:size]) is None
    expected = (len(data), None if source is None else ip_address(source))
    assert read(data) == read(data + REQUEST) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 203.0.113.7 10.0.0.1 50000\r\n",
        b"PROXY TCP4 client.example 10.0.0.1 1 2\r\n",
        b"PROXY UDP4 203.0.113.7 10.0.0.1 1 2\r\n",
        b"PROXY \r\n",
        b"PROXY \xff\r\n",
        b"PROXY " + b"x" * 200,
        binary(0x11, 0x11, IPV4),
        binary(0x2F, 0x11, IPV4),
        binary(0x21, 0x11, IPV4[:3]),
        binary(0x21, 0x21, IPV4),
        BINARY + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_no_header_raises(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(data)


def test_requests_do_not_look_like_headers() -> None:
    for request in (REQUEST, b"POST / HTTP/1.1", b"PROPFIND / HTTP/1.1", b"PRI * HTTP/2.0", b"\r\nGET / HTTP/1.1"):
        assert not may_begin(request)
    assert proxy_protocol.read(REQUEST) is None
