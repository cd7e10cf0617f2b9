"""The requests that wait for their reply, and what becomes of them when the connection breaks.

A request that may be sent twice (a read, or a mutation with an idempotency key) waits for the next connection, and so
does a request that was not sent yet. Any other fails with a retryable `ConnectionLost`. It sends nothing itself.
Invariant: every request ends exactly once: with its reply, its error, the loss of the connection or the client's end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .errors import ConnectionLost, TidegateError, refusal

__all__ = ["MAX_SENDS", "READS", "UNREADABLE", "WRITES", "Outstanding", "Reply", "Request", "may_repeat"]

UNREADABLE = (LookupError, TypeError, ValueError, msgspec.MsgspecError)
"""What reading a message of an unexpected shape raises."""
READS = frozenset({"list", "get", "history", "ping", "presence"})
"""Request types that change nothing, or say the same again."""
WRITES = frozenset({"create", "update", "delete", "message"})
"""Request types that take an idempotency key."""
MAX_SENDS = 5
"""Connections that one request may see break; after that the client takes the request for the cause."""

Reply = dict[str, Any]


def may_repeat(message: Mapping[str, Any]) -> bool:
    """Whether sending `message` twice has the effect of sending it once."""
    return message["type"] in READS or (message["type"] in WRITES and "key" in message)


@dataclass(slots=True, eq=False)
class Request:
    """One request on its way."""

    ref: int
    type: str
    payload: bytes
    reply: asyncio.Future[Reply]
    repeat: bool
    """It may be sent again on another connection."""
    bound: bool = False
    """It is about the present connection alone."""
    on_reply: Callable[[Reply], None] | None = None
    """Called with the reply before the client looks at any later message."""
    sends: int = 0
    sent_on: object | None = None
    """The connection it was last sent on."""

    def settle(self, message: Reply) -> None:
        """End with the gateway's answer."""
        if self.reply.done():
            return
        if message["type"] == "error":
            self.reply.set_exception(refusal(message))
            return
        try:
            if self.on_reply is not None:
                self.on_reply(message)
        except UNREADABLE as error:
            self.fail(TidegateError("invalid_reply", f"the reply to {self.type!r} can't be read: {error!r}"))
        else:
            self.reply.set_result(message)

    def fail(self, error: TidegateError) -> None:
        """End with an error of the client."""
        if not self.reply.done():
            self.reply.set_exception(error)
            self.reply.exception()  # the caller still gets it; asyncio logs nothing if the caller has gone


class Outstanding:
    """All requests without a reply, in the order in which they were made."""

    def __init__(self) -> None:
        self._requests: dict[int, Request] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._requests)

    def next_ref(self) -> int:
        """A number that no other request of this client has."""
        self._last += 1
        return self._last

    def add(self, request: Request) -> None:
        """Wait for the reply to `request`."""
        self._requests[request.ref] = request

    def drop(self, request: Request) -> None:
        """The caller waits no more for `request`; a late reply is ignored."""
        self._requests.pop(request.ref, None)

    def settle(self, message: Reply) -> bool:
        """Give `message` to the request whose ref it carries; False if there is none."""
        ref = message.get("ref")
        request = self._requests.pop(ref, None) if isinstance(ref, int) else None
        if request is None:
            return False
        request.settle(message)
        return True

    def unsent_on(self, connection: object) -> Iterator[Request]:
        """Requests that `connection` still has to carry, with those that are added meanwhile."""
        while waiting := [r for r in self._requests.values() if r.sent_on is not connection and not r.bound]:
            yield from (request for request in waiting if request.ref in self._requests)

    def connection_lost(self) -> None:
        """The connection is gone: keep the requests that the next one may carry, fail the rest."""
        for request in list(self._requests.values()):
            if request.bound or (request.sends and not request.repeat) or request.sends >= MAX_SENDS:
                del self._requests[request.ref]
                request.fail(ConnectionLost(f"the connection was lost before {request.type!r} was answered"))

    def fail_all(self, error: TidegateError) -> None:
        """The client has ended."""
        requests, self._requests = self._requests, {}
        for request in requests.values():
            request.fail(error)
