"""What the request for a WebSocket says, and a quick way to read one that is plainly right.

Nearly all clients write the handshake alike: each header once, nothing that could be read in two ways. Such a head is
read and answered here, which takes a fifth of the time. Every other one is left to the websockets library, which alone
refuses.
Invariant: what `plain_opening` reads, the library reads and answers alike, but for the time in `Date`.
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from email.utils import formatdate
from functools import lru_cache
from hashlib import sha1
from typing import Final

import msgspec

PATH: Final = "/ws"
START: Final = b"GET /ws HTTP/1.1\r\n"
LONGEST: Final = 4096
MOST: Final = 64
"""Bytes and headers of a head that is read here. Both are below the limits of the library."""
FIELD: Final = re.compile(r"(?<=\n)([A-Za-z0-9-]+): ?([!-~]+(?: [!-~]+)*)\r\n")
UPGRADES: Final = frozenset({"upgrade", "keep-alive, upgrade"})
"""How clients write the header Connection."""
KEY: Final = re.compile(r"[A-Za-z0-9+/]{22}==")
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""
OFFERED: Final = re.compile(r"tidegate\.v1(?:, ?bearer\.([A-Za-z0-9._~-]+))?")
LEFT_TO_THE_LIBRARY: Final = frozenset({"content-length", "transfer-encoding"})


class Opening(msgspec.Struct, frozen=True, gc=False):
    """A request as far as it is asked whether it may open a WebSocket. Headers that are missing are empty."""

    method: str
    path: str
    """As the client wrote it, with the query. It is `PATH` itself in what `plain_opening` reads."""
    host: str
    upgrade: str
    """In lower case."""
    origins: list[str]
    forwarded: list[str]
    """What X-Forwarded-For says."""
    token: str | None
    key: str = ""
    subprotocol: bool = False
    """The client offers `tidegate.v1`."""

    def accepted(self) -> bytes:
        """The response to what `plain_opening` has read."""
        proof = b64encode(sha1(self.key.encode() + GUID, usedforsecurity=False).digest()).decode()
        subprotocol = "Sec-WebSocket-Protocol: tidegate.v1\r\n" if self.subprotocol else ""
        return (
            f"HTTP/1.1 101 Switching Protocols\r\nDate: {_date(int(time.time()))}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Accept: {proof}\r\n{subprotocol}\r\n"
        ).encode()


def plain_opening(head: bytes, *, extensions: bool = False) -> Opening | None:
    """Read the head of a request for a WebSocket; None for one that is not plainly right.

    `extensions`: the gateway agrees to some, which the library negotiates. Otherwise it ignores what is offered.
    """
    if len(head) > LONGEST or not head.startswith(START):
        return None
    headers = _headers(head)
    if headers is None or not LEFT_TO_THE_LIBRARY.isdisjoint(headers):
        return None
    if extensions and "sec-websocket-extensions" in headers:
        return None
    get, token, offered = headers.get, None, headers.get("sec-websocket-protocol")
    key, upgrade = get("sec-websocket-key", ""), get("upgrade", "").lower()
    if (
        upgrade != "websocket"
        or get("connection", "").lower() not in UPGRADES
        or get("sec-websocket-version") != "13"
        or KEY.fullmatch(key) is None
    ):
        return None
    if offered is not None:
        found = OFFERED.fullmatch(offered)
        if found is None:
            return None
        token = found[1]
    authorization = get("authorization", "")
    if authorization[:7].lower() == "bearer ":
        token = authorization[7:]
    elif authorization.startswith("eyJ"):
        return None  # perhaps a token without its scheme
    origin, forwarded = get("origin"), get("x-forwarded-for")
    return Opening(
        "GET",
        PATH,
        get("host", ""),
        upgrade,
        [] if origin is None else [origin],
        [] if forwarded is None else [forwarded],
        token,
        key,
        offered is not None,
    )


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """The time in the way of HTTP. All clients of one second share it."""
    return formatdate(second, usegmt=True)


def _headers(head: bytes) -> dict[str, str] | None:
    """By name in lower case; None where one is there twice, or is not written as nearly all are."""
    text = head.decode("latin-1")
    fields: list[tuple[str, str]] = FIELD.findall(text)
    if not text.endswith("\r\n\r\n") or text.count("\n") != len(fields) + 2:
        return None  # beside the headers, there are the first line and the empty one
    headers = {name.lower(): value for name, value in fields}
    return headers if len(headers) == len(fields) <= MOST else None
