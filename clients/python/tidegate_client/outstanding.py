"""What waits to be sent or answered, and what becomes of it when the connection breaks.

A request that may be sent twice (a read, or a mutation with an idempotency key) waits for the next connection, and so
does whatever was not sent yet. Any other request fails with a retryable `ConnectionLost`. It sends nothing itself.
Invariants: every request ends exactly once: with its reply, its error, the loss of the connection or the client's end.
What waits keeps the order in which the program made it, requests and messages without a reply alike.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .errors import ConnectionLost, TidegateError, refusal

__all__ = [
    "MAX_SENDS",
    "READS",
    "UNREADABLE",
    "WRITES",
    "Outstanding",
    "PartedRequest",
    "Reply",
    "Request",
    "may_repeat",
    "reading",
]

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, msgspec.MsgspecError)
"""What reading a message of an unexpected shape raises."""
READS = frozenset({"list", "get", "history", "ping", "presence"})
"""Request types that change nothing, or say the same again."""
WRITES = frozenset({"create", "update", "delete", "message"})
"""Request types that take an idempotency key."""
MAX_SENDS = 5
"""Connections that one request may see break; after that the client takes the request for the cause."""

Reply = dict[str, Any]


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Where `what` has an unexpected shape, the block ends with a TidegateError `invalid_reply`."""
    try:
        yield
    except UNREADABLE as error:
        raise TidegateError("invalid_reply", f"{what} can't be read: {error!r}") from error


def may_repeat(message: Mapping[str, Any]) -> bool:
    """Whether sending `message` twice has the effect of sending it once."""
    return message["type"] in READS or (message["type"] in WRITES and "key" in message)


@dataclass(slots=True, eq=False)
class Request:
    """One request, or one message without a reply, on its way."""

    ref: str
    type: str
    payload: bytes = field(repr=False)
    """It may hold a token."""
    reply: asyncio.Future[Reply] | None = None
    """None for a message whose answer nothing waits for."""
    repeat: bool = False
    """It may be sent again on another connection."""
    bound: bool = False
    """It is about the present connection alone."""
    on_reply: Callable[[Reply], None] | None = None
    """Called with the reply before the client looks at any later message."""
    on_part: Callable[[Any], None] | None = None
    """Called with the data of each part that comes before the reply."""
    room: str | None = None
    """The room that it names."""
    visit: bool = False
    """It enters or leaves `room` for nothing but what waits to be said there."""
    sends: int = 0
    """How often it was written to a connection."""
    given: bool = False
    """The present connection has it, and writes it when its turn comes."""

    @property
    def wanted(self) -> bool:
        """Whether to send it still: a caller that was cancelled meanwhile wants nothing, but for a bound request."""
        return self.bound or self.reply is None or not self.reply.done()

    def settle(self, message: Reply) -> None:
        """End with the gateway's answer."""
        if self.reply is None or self.reply.done():
            return
        if message["type"] == "error":
            self.fail(refusal(message))
            return
        try:
            if self.on_reply is not None:
                self.on_reply(message)
        except (TidegateError, *UNREADABLE) as error:
            self.fail(TidegateError("invalid_reply", f"the reply to {self.type!r} can't be read: {error!r}"))
        else:
            self.reply.set_result(message)

    def fail(self, error: TidegateError) -> None:
        """End with an error."""
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(error)
            self.reply.exception()  # the caller still gets it; asyncio logs nothing if the caller has gone


@dataclass(slots=True, eq=False)
class PartedRequest(Request):
    """A request whose answer comes in parts."""

    reply: asyncio.Future[Reply]


class Outstanding:
    """What was not sent yet, and what has no reply yet, in the order in which it was made."""

    def __init__(self) -> None:
        self._requests: dict[str, Request] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._requests)

    def next_ref(self) -> str:
        """A text that no other request of this client has, nor a number that the program chose."""
        self._last += 1
        return f"c{self._last}"

    def add(self, request: Request) -> None:
        """Keep `request` until its reply comes; without a reply, until it is written."""
        self._requests[request.ref] = request

    def visit(self, join: Request, leave: Request) -> None:
        """Send what waits to be said in the room of `join` and `leave` between them."""
        self._requests = {join.ref: join, **self._requests, leave.ref: leave}

    def stay(self, room: str) -> None:
        """The client joins `room` for good: what waits to be said there can do without a visit."""
        for request in self.unsent():
            if request.visit and request.room == room:
                self.drop(request)

    def mentions(self, room: str) -> bool:
        """Whether something waits to be said in `room`."""
        return any(request.room == room for request in self.unsent())

    def drop(self, request: Request) -> None:
        """The caller waits no more for `request`; a late reply is ignored."""
        self._requests.pop(request.ref, None)

    def settle(self, message: Reply) -> bool:
        """Give `message` to the request whose ref it carries; False if there is none."""
        request = self._asked_by(message)
        if message["type"] == "part":
            if request is not None and request.on_part is not None and request.wanted:
                request.on_part(message.get("data"))
            return True
        if request is None:
            return False
        self.drop(request)
        request.settle(message)
        return True

    def _asked_by(self, message: Reply) -> Request | None:
        ref = message.get("ref")
        if ref is None and message.get("code") == "invalid_json":
            # The gateway could not read a message, not even its ref. Only one that is alone is known to be the one.
            sent = [request for request in self._requests.values() if request.given and request.sends]
            return sent[0] if len(sent) == 1 else None
        return self._requests.get(ref) if isinstance(ref, str) else None

    def unsent(self) -> list[Request]:
        """What the present connection has yet to carry."""
        return [request for request in self._requests.values() if not request.given and not request.bound]

    def connection_lost(self) -> None:
        """The connection is gone: keep what the next one may carry, fail the rest."""
        for request in list(self._requests.values()):
            request.given = False
            if request.bound or (request.sends and not request.repeat) or request.sends >= MAX_SENDS:
                del self._requests[request.ref]
                request.fail(ConnectionLost(f"the connection was lost before {request.type!r} was answered"))

    def fail_all(self, error: TidegateError) -> None:
        """The client has ended."""
        requests, self._requests = self._requests, {}
        for request in requests.values():
            request.fail(error)
