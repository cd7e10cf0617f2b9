"""Bytes that attackers send: heads of requests, WebSocket frames right or wrong, tokens.

It uses the standard library alone, so that an attacker's process starts quickly. A frame has a mask of zeros: the
payload stays as it is, which is valid (RFC 6455, section 5.3) and costs the attacker nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

ROW_EPOCH, ROOM_EPOCH = b"EPOCH-OF-ROW", b"EPOCH-OF-ROOM"
"""Stand for what the gateway said in `welcome` and `joined`, and are as long."""
STREAM = b"ID-OF-A-STREAM"
"""Stands for the id of one of the streams of events that the attackers have open, in a request that names it."""
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NO_MASK = bytes(4)
SECRET = "a-secret-of-the-attack-suite-that-signs-its-users"
"""The gateway's secret in the suite: attackers may be signed-in users, and forged tokens must have another one."""


def head(
    path: str = "/ws",
    *,
    address: str | None = None,
    method: str = "GET",
    token: str | None = None,
    upgrade: bool = True,
    more: tuple[str, ...] = (),
) -> bytes:
    """The head of a request. `address`: what a trusted proxy says about where it comes from; None says nothing."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if upgrade:
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    if address is not None:
        lines.append(f"X-Forwarded-For: {address}")
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, *more]).encode() + b"\r\n\r\n"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0) -> bytes:
    """A client's frame."""
    return frame_head(opcode, len(payload), fin=fin, reserved=reserved) + payload


def frame_head(opcode: int, size: int, *, fin: bool = True, reserved: int = 0) -> bytes:
    """The head of a frame that announces `size` bytes."""
    first = bytes(((0x80 if fin else 0) | reserved << 4 | opcode,))
    if size < 126:
        return first + bytes((0x80 | size,)) + NO_MASK
    if size < 65536:
        return first + b"\xfe" + size.to_bytes(2, "big") + NO_MASK
    return first + b"\xff" + size.to_bytes(8, "big") + NO_MASK


def text(message: dict[str, Any] | str) -> bytes:
    """A text frame with a message."""
    return frame(TEXT, (message if isinstance(message, str) else dumps(message)).encode())


def request(kind: str, **fields: Any) -> bytes:
    """A text frame with a request of this type; with `ref`, because the gateway answers no other."""
    return text({"type": kind, "ref": 1, **fields})


def dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def token(user: str, secret: str = SECRET, **claims: Any) -> str:
    """A JWT for a user (HS256)."""
    said = {"sub": user, "name": user, "exp": int(time.time()) + 3600, **claims}
    signed = _part(dumps({"alg": "HS256", "typ": "JWT"}).encode()) + "." + _part(dumps(said).encode())
    return signed + "." + _part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


def _part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class Frames:
    """Cuts what a server sends into frames. `feed` returns the opcode and the payload of each complete one."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        self._kept += data
        kept, place, found = self._kept, 0, []
        while len(kept) - place >= 2:
            size, start = kept[place + 1] & 0x7F, place + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                if len(kept) < start + width:
                    break
                size, start = int.from_bytes(kept[start : start + width], "big"), start + width
            if len(kept) < start + size:
                break
            found.append((kept[place] & 0x0F, bytes(kept[start : start + size])))
            place = start + size
        del kept[:place]
        return found
