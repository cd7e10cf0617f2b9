"""Sending requests and messages, now or on the next connection, within the limits of the gateway and of the program.

`outstanding` decides what becomes of a request when the connection breaks. This module knows neither when to connect
nor what a reply means. Invariant: no message leaves that is larger than the gateway accepts. The gateway would close
the connection over it, and a repeated request would close the next one too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from .connection import Connection
from .errors import RequestTimeout, TidegateError
from .options import Options
from .outstanding import Outstanding, Reply, Request
from .wire import encode

__all__ = ["Requests"]


class Requests:
    """The requests and the messages of one client."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._outstanding = Outstanding()
        self._outgoing: list[bytes] = []
        """Messages without a reply that wait for the connection."""
        self._limit: int | None = None
        """Bytes that the gateway accepts in one message; None before the first `welcome`."""

    def welcomed(self, welcome: Mapping[str, Any]) -> None:
        """Take the gateway's limits."""
        self._limit = (welcome.get("limits") or {}).get("max_message")

    async def ask(
        self,
        message: Mapping[str, Any],
        connection: Connection | None,
        *,
        repeat: bool,
        bound: bool = False,
        on_reply: Callable[[Reply], None] | None = None,
    ) -> Reply:
        """Send on `connection`, or leave that to `resume`, and wait for the reply."""
        self._check_waiting()
        ref = self._outstanding.next_ref()
        payload = self._payload({**message, "ref": ref})
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        request = Request(ref, message["type"], payload, reply, repeat, bound, on_reply)
        self._outstanding.add(request)
        seconds = self._options.request_timeout
        try:
            async with asyncio.timeout(seconds):
                if connection is not None:
                    await _transmit(request, connection)
                return await reply
        except TimeoutError:
            raise RequestTimeout(f"{request.type!r} was not answered within {seconds:g} s") from None
        finally:
            self._outstanding.drop(request)

    def send(self, message: Mapping[str, Any], now: Callable[[bytes], None] | None) -> None:
        """Send with `now`, or leave that to `resume`, and wait for nothing."""
        self._check_waiting()
        payload = self._payload(message)
        if now is not None:
            now(payload)
        else:
            self._outgoing.append(payload)

    async def resume(self, connection: Connection) -> None:
        """Send what waits for a connection: requests first."""
        for request in self._outstanding.unsent_on(connection):
            await _transmit(request, connection)
        while self._outgoing:
            await connection.send(self._outgoing.pop(0))

    def settle(self, message: Reply) -> bool:
        """Give `message` to the request that it answers; False if there is none."""
        return self._outstanding.settle(message)

    def connection_lost(self) -> None:
        """The connection is gone: keep the requests that the next one may carry, fail the rest."""
        self._outstanding.connection_lost()

    def fail_all(self, error: TidegateError) -> None:
        """The client has ended."""
        self._outgoing.clear()
        self._outstanding.fail_all(error)

    def _check_waiting(self) -> None:
        limit = self._options.max_waiting
        if len(self._outstanding) + len(self._outgoing) >= limit:
            reason = f"too many requests wait already (limit: max_waiting = {limit})"
            raise TidegateError("too_many_waiting", reason, retryable=True)

    def _payload(self, message: Mapping[str, Any]) -> bytes:
        payload = encode(dict(message))
        limit = self._limit
        if limit is not None and len(payload) > limit:
            reason = f"{message['type']!r} has {len(payload)} bytes; the gateway accepts at most {limit}"
            raise TidegateError("too_large", reason)
        return payload


async def _transmit(request: Request, connection: Connection) -> None:
    request.sends += 1
    request.sent_on = connection
    await connection.send(request.payload)
