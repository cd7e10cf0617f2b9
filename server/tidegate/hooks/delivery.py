"""Sends one message to a receiver, and says what became of it. It runs in a thread.

It follows no redirect, reads little of the answer, and checks certificates. No body and no signature is in its texts.
Invariant: it ends within the hook's timeout and a little more, whatever the receiver does.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

GONE = 410
"""The receiver wants nothing any more (Standard Webhooks)."""
MAY_ASK = {429, 503}


class Delivered(msgspec.Struct, frozen=True):
    """`problem`: why the receiver did not take it, in words; None where it did."""

    problem: str | None = None
    gone: bool = False
    retry_after: float | None = None


def deliver(url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Delivered:
    """POST `body`. Raises nothing."""
    parts = urlsplit(url)
    until = time.monotonic() + timeout
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Content-Type": "application/json", "User-Agent": "Tidegate-Hooks/1", "Connection": "close", **headers}
    try:
        connection.request("POST", path, body, sent)
        if connection.sock is not None:
            connection.sock.settimeout(max(0.1, until - time.monotonic()))
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        return Delivered(f"{type(error).__name__}: {error}"[:200])
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return Delivered()
    asked = answer.getheader("Retry-After", "") if answer.status in MAY_ASK else ""
    retry_after = float(asked) if asked.isascii() and asked.isdigit() else None
    return Delivered(f"HTTP {answer.status}", answer.status == GONE, retry_after)
