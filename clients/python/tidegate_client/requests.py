"""Sending requests and messages, now or on the next connection, within the limits of the gateway and of the program.

`outstanding` decides what becomes of them when the connection breaks, `outbox` writes them. This module knows neither
when to connect nor what a reply means. Invariants: what waits leaves in the order in which the program made it. No
message leaves that is larger than the gateway accepts: the gateway would close the connection over it, and a repeated
request would close the next one too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from .errors import RequestTimeout, TidegateError
from .options import Options
from .outbox import Outbox
from .outstanding import Outstanding, PartedRequest, Reply, Request
from .wire import encode

__all__ = ["Requests"]


class Requests:
    """The requests and the messages of one client."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._outstanding = Outstanding()
        self._outbox: Outbox | None = None
        """The present connection's."""
        self._open = False
        """The present connection takes new requests of the program."""
        self._held = False
        """The present connection will take none any more."""
        self._limit: int | None = None
        """Bytes that the gateway accepts in one message; None before the first `welcome`."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def connected(self, outbox: Outbox, welcome: Mapping[str, Any]) -> None:
        """Bound requests go out from now on. Takes the gateway's limits."""
        self._outbox, self._loop, self._held = outbox, asyncio.get_running_loop(), False
        limits = welcome.get("limits")
        limit = limits.get("max_message") if isinstance(limits, dict) else None
        self._limit = limit if isinstance(limit, int) else None

    def resume(self) -> None:
        """Send what waits for a connection, and whatever comes from now on, unless `hold` was called before."""
        if self._held:
            return
        self._open = True
        for request in self._outstanding.unsent():
            self._give(request)

    def hold(self) -> None:
        """The present connection ends soon: what comes from now on waits for the next one."""
        self._open, self._held = False, True

    async def ask(
        self,
        message: Mapping[str, Any],
        *,
        repeat: bool,
        bound: bool = False,
        on_reply: Callable[[Reply], None] | None = None,
        patient: bool = False,
    ) -> Reply:
        """Send now or when the connection opens, and wait for the reply; `patient`: without a timeout.

        What is `bound` comes from the client itself, for its user, rooms and live queries: it is never too much.
        """
        self._check(counted=not bound)
        ref = self._outstanding.next_ref()
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        payload = self._payload({**message, "ref": ref})
        request = Request(ref, message["type"], payload, reply, repeat, bound, on_reply, room=message.get("room"))
        self._add(request)
        seconds = self._options.request_timeout
        try:
            async with asyncio.timeout(None if patient else seconds):
                return await reply
        except TimeoutError:
            raise RequestTimeout(f"{request.type!r} was not answered within {seconds:g} s") from None
        finally:
            self._outstanding.drop(request)

    def begin(self, message: Mapping[str, Any], on_part: Callable[[Any], None]) -> PartedRequest:
        """Send now or when the connection opens. The gateway ends it in time, so it has no timeout."""
        self._check()
        ref = self._outstanding.next_ref()
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        request = PartedRequest(ref, message["type"], self._payload({**message, "ref": ref}), reply, on_part=on_part)
        self._add(request)
        return request

    def cancel(self, request: PartedRequest, error: TidegateError) -> None:
        """End `request` with `error`. What the gateway has is cancelled there, and its end is waited for."""
        request.fail(error)
        if request.given and request.sends:
            self.post({"type": "cancel", "ref": request.ref})
        else:
            self._outstanding.drop(request)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send now or when the connection opens, and wait for nothing."""
        self._check()
        self._add(self._unanswered(message))

    def visit(self, join: Mapping[str, Any]) -> None:
        """The program has left a room. What it said there before and no connection has taken is said after a `join`,
        and then the client leaves again.
        """
        room = join["room"]
        if self._outstanding.mentions(room):
            leave = {"type": "leave", "room": room}
            self._outstanding.visit(self._unanswered(join, visit=True), self._unanswered(leave, visit=True))

    def stay(self, room: str) -> None:
        """The program has joined a room: nothing there needs a visit any more."""
        self._outstanding.stay(room)

    def post(self, message: Mapping[str, Any]) -> None:
        """Send on the present connection, if there is one, and wait for nothing."""
        if self._outbox is not None:
            self._outbox.put(Request("", message["type"], self._payload(message), bound=True))

    def ping(self) -> None:
        """Ask the gateway for a sign of life."""
        self.post({"type": "ping", "ref": self._outstanding.next_ref()})

    def written(self, request: Request) -> None:
        """The outbox wrote `request`."""
        if request.reply is None:
            self._outstanding.drop(request)

    def settle(self, message: Reply) -> bool:
        """Give `message` to the request that it answers; False if there is none."""
        return self._outstanding.settle(message)

    def connection_lost(self) -> None:
        """The connection is gone: keep the requests that the next one may carry, fail the rest."""
        self._outbox, self._open = None, False
        self._outstanding.connection_lost()

    def fail_all(self, error: TidegateError) -> None:
        """The client has ended."""
        self._outstanding.fail_all(error)

    def _unanswered(self, message: Mapping[str, Any], *, visit: bool = False) -> Request:
        payload = self._payload(message)
        ref = self._outstanding.next_ref()
        return Request(ref, message["type"], payload, room=message.get("room"), visit=visit)

    def _add(self, request: Request) -> None:
        self._outstanding.add(request)
        if self._open or request.bound:
            self._give(request)

    def _give(self, request: Request) -> None:
        try:
            self._check_size(request.type, request.payload)  # this gateway may accept less than the one before
        except TidegateError as error:
            self._outstanding.drop(request)
            request.fail(error)
        else:
            if self._outbox is not None:
                self._outbox.put(request)

    def _check(self, *, counted: bool = True) -> None:
        if self._loop is not None and self._loop is not _running_loop():
            reason = "a client works in the event loop that made it; `tidegate_client.sync` works in every thread"
            raise TidegateError("wrong_loop", reason)
        limit = self._options.max_waiting
        if counted and len(self._outstanding) >= limit:
            reason = f"too many requests wait already (limit: max_waiting = {limit})"
            raise TidegateError("too_many_waiting", reason, retryable=True)

    def _payload(self, message: Mapping[str, Any]) -> bytes:
        payload = encode(dict(message))
        self._check_size(message["type"], payload)
        return payload

    def _check_size(self, kind: str, payload: bytes) -> None:
        limit = self._limit
        if limit is not None and len(payload) > limit:
            raise TidegateError("too_large", f"{kind!r} has {len(payload)} bytes; the gateway accepts at most {limit}")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
