"""What is kept of a request that has a span, which requests have one, and when a span ends.

The decision comes before anything is made for a request: a handler counts down to the next one. It knows no format of
any collector; spans that ended go to `Export`.
Invariant: a span holds no payload, no token, and no text of a client. A span ends once.
"""

from __future__ import annotations

import math
import random
import time
from asyncio import Future
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, Protocol

import msgspec

from tidegate.contract import ApplicationRequest, Contract
from tidegate.core.budgets.rates import Bucket, Rate
from tidegate.core.session import Session
from tidegate.gateway.tracing.parents import Parent

NEVER = 1 << 60
"""More requests than a gateway gets."""
Transport = Literal["websocket", "sse", "http"]

FOR_CLIENTS = Rate(50.0, 50.0)
"""Spans a second that clients may ask for with their `traceparent`; beyond them, chance decides."""


class Span:
    """One request, from its arrival until everything that it led to is done. Times are nanoseconds since the epoch."""

    __slots__ = (
        "began", "ended", "error", "method", "open", "parent", "pending", "resource", "room", "session", "transport",
        "type",
    )  # fmt: skip

    def __init__(self, session: Session, transport: Transport, parent: Parent | None, began: int) -> None:
        self.session: Session | None = session
        """Whose request it is; None once it has ended."""
        self.transport = transport
        self.parent = parent
        self.began = began
        self.ended = 0
        self.type = ""
        """Of the message; empty for one that the contract refused."""
        self.resource = ""
        self.room = ""
        """The pattern of the room's kind."""
        self.method = ""
        """Of a request over HTTP."""
        self.error = ""
        """The code of the error that answered it."""
        self.pending = 0
        """What it waits for."""
        self.open = True
        """Whether its first turn of the loop still runs."""


class Export(Protocol):
    """Takes spans that ended."""

    def put(self, span: Span) -> None:
        """Queue it to be sent. Never blocks, and drops spans while too many wait."""

    def close(self) -> None:
        """Send what waits. Blocks for some seconds at most."""

    @property
    def counts(self) -> dict[str, int]:
        """What became of spans: `exported`, `failed`, `dropped`."""


CURRENT: ContextVar[Span | None] = ContextVar("tidegate_span", default=None)
"""The span of the request that this turn of the loop, or this task, works for."""


class Spans:
    """Of one gateway. `ratio`: the share of requests that have a span, from 0 to 1."""

    def __init__(
        self,
        contract: Contract,
        export: Export,
        ratio: float,
        draw: Callable[[], float] = random.random,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`draw`: a random number from 0 to below 1. `now`: seconds on a clock that only goes forward."""
        self.export = export
        self._contract = contract
        self._ratio = ratio
        self._draw = draw
        self._now = now
        self._for_clients = Bucket(FOR_CLIENTS)
        self._left = self.skip()

    @property
    def counts(self) -> Mapping[str, int]:
        """What became of the spans that ended."""
        return self.export.counts

    def skip(self) -> int:
        """The requests until the next one that has a span, with that one.

        The numbers have a geometric distribution, so that each request has a span with the same chance.
        """
        if self._ratio >= 1:
            return 1
        if self._ratio <= 0:
            return NEVER
        return 1 + int(min(math.log1p(-self._draw()) / math.log1p(-self._ratio), NEVER))

    def wanted(self, parent: Parent | None) -> bool:
        """Whether a request over HTTP has a span. `parent`: the span of the client."""
        if parent is not None:
            if not parent.sampled:
                return False
            if not self._for_clients.take(self._now()):
                return True
        self._left -= 1
        if self._left > 0:
            return False
        self._left = self.skip()
        return True

    @contextmanager
    def during(self, session: Session, transport: Transport, parent: Parent | None = None) -> Iterator[Span]:
        """The first turn of a request that has a span."""
        span = Span(session, transport, parent, time.time_ns())
        token = CURRENT.set(span)
        try:
            yield span
        except Exception:  # it goes on to who called; the span only tells it
            span.error = "internal"
            raise
        finally:
            CURRENT.reset(token)
            span.open = False
            self._look(span)

    def describe(self, span: Span, request: msgspec.Struct) -> None:
        """What the request is about, in words of the schema."""
        custom = type(request) is ApplicationRequest
        span.type = request.type if isinstance(request, ApplicationRequest) else str(request.__struct_config__.tag)
        resource, room = getattr(request, "resource", None), None if custom else getattr(request, "room", None)
        if isinstance(resource, str) and resource in self._contract.resources:
            span.resource = resource
        if isinstance(room, str) and (kind := self._contract.room_type(room)) is not None:
            span.room = kind.pattern

    def wait(self, session: Session, future: Future[Any]) -> None:
        """The request that is worked for, if it has a span and is of `session`, is not done before `future` is."""
        span = CURRENT.get()
        if span is not None and span.session is session:
            span.pending += 1
            future.add_done_callback(lambda _: self._done(span))

    def _done(self, span: Span) -> None:
        span.pending -= 1
        self._look(span)

    def _look(self, span: Span) -> None:
        if not span.open and not span.pending and span.session is not None:
            span.ended = time.time_ns()
            span.session = None
            self.export.put(span)


def failed(session: Session, code: str) -> None:
    """A request of `session` is answered with an error."""
    span = CURRENT.get()
    if span is not None and span.session is session:
        span.error = code
