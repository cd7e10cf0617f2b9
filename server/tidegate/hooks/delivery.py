"""Sends one message to a receiver, and says what became of it. It runs in a thread.

It follows no redirect, reads little of the answer, and checks certificates. No body and no signature is in its texts.
Invariant: it ends within the hook's timeout and a little more, whatever the receiver does.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import cast
from urllib.parse import urlsplit

import msgspec

GONE = 410
"""The receiver wants nothing any more (Standard Webhooks)."""
MAY_ASK = {429, 503}
END, INTERIM = re.compile(rb"\r?\n\r?\n"), re.compile(rb"HTTP/1\.[01] 1")
HEAD_BYTES = 65_536
"""Of an answer. Its body is not read."""


class Delivered(msgspec.Struct, frozen=True):
    """`problem`: why the receiver did not take it, in words; None where it did."""

    problem: str | None = None
    gone: bool = False
    retry_after: float | None = None


def deliver(url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Delivered:
    """POST `body`. Raises nothing."""
    parts = urlsplit(url)
    until = time.monotonic() + timeout
    host, tls = str(parts.hostname), trusted() if parts.scheme == "https" else None
    connection: http.client.HTTPConnection
    if tls is None:
        connection = http.client.HTTPConnection(host, parts.port)
    else:
        connection = http.client.HTTPSConnection(host, parts.port, context=tls)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Content-Type": "application/json", "User-Agent": "Tidegate-Hooks/1", "Connection": "close", **headers}
    try:
        connection.sock = _connected(host, connection.port, until)
        if tls is not None:
            connection.sock = tls.wrap_socket(connection.sock, server_hostname=host)
        connection.sock.settimeout(_left(until))
        connection.request("POST", path, body, sent)
        answer = _answer(connection.sock, until)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a name that is no host's
        return Delivered(f"{type(error).__name__}: {error}"[:200])
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return Delivered()
    asked = answer.getheader("Retry-After", "") if answer.status in MAY_ASK else ""
    retry_after = float(asked) if asked.isascii() and asked.isdigit() else None
    return Delivered(f"HTTP {answer.status}", answer.status == GONE, retry_after)


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that this machine trusts: reading them takes as long as ten messages."""
    return ssl.create_default_context()


def _connected(host: str, port: int, until: float) -> socket.socket:
    """A line to the first address of `host` that takes it. `socket.create_connection` has its timeout once for each
    address: here, each of those that are left gets its part of the time.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    while True:
        family, kind, protocol, _, address = addresses.pop(0)
        try:
            with contextlib.ExitStack() as failing:
                sock = failing.enter_context(socket.socket(family, kind, protocol))
                sock.settimeout(_left(until) / (len(addresses) + 1))
                sock.connect(address)
                sock.settimeout(_left(until))
                failing.pop_all()
                return sock
        except OSError:
            if not addresses:
                raise


def _answer(sock: socket.socket, until: float) -> http.client.HTTPResponse:
    """The head of the response. The timeout of a socket is that of one read: a receiver that sends byte by byte would
    never meet it.
    """
    received = b""
    while True:
        end = END.search(received)
        if end is not None and INTERIM.match(received):
            received = received[end.end() :]
            continue
        if end is not None:
            answer = http.client.HTTPResponse(cast(socket.socket, _Received(received[: end.end()])))
            answer.begin()
            return answer
        if len(received) > HEAD_BYTES:
            raise http.client.HTTPException(f"the head of the answer has more than {HEAD_BYTES} bytes")
        sock.settimeout(_left(until))
        more = sock.recv(HEAD_BYTES)
        if not more:
            raise http.client.RemoteDisconnected("the receiver closed the connection without an answer")
        received += more


class _Received:
    """A socket, as far as `HTTPResponse` asks for it."""

    def __init__(self, head: bytes) -> None:
        self._head = head

    def makefile(self, mode: str) -> io.BytesIO:  # as a socket has it
        return io.BytesIO(self._head)


def _left(until: float) -> float:
    """Seconds that are left. Raises TimeoutError."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
