"""The parts of a gateway through which requests go, with spans: they take the places of the parts without.

A request without a span costs one more call where it arrives, and one more where it waits for something. What is done
for a request is the same with and without a span.
Invariant: a request that has a span gets the answer that it would get without one.
"""

from __future__ import annotations

from asyncio import Future, Task, TaskGroup
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from tidegate.contract import Contract
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.effects import Ref
from tidegate.core.errors import Refused
from tidegate.core.optional import given_ref
from tidegate.core.session import Session
from tidegate.core.sessions import Sessions
from tidegate.gateway.application.gate import Gate
from tidegate.gateway.custom_messages import CustomMessages
from tidegate.gateway.effects import Effects
from tidegate.gateway.http.api import Asked, HttpApi
from tidegate.gateway.sender import Sender
from tidegate.gateway.sessions import SessionHandler
from tidegate.gateway.tracing import parents
from tidegate.gateway.tracing.spans import CURRENT, Spans, failed
from tidegate.gateway.work import PENDING_BYTES, Work
from tidegate.transport import Connection, EventStream, Exchange

Value = TypeVar("Value")


class TracedWork(Work):
    """A span waits for what its request leads to, and takes the code of its error."""

    def __init__(self, tasks: TaskGroup, sender: Sender, ledger: Ledger, spans: Spans) -> None:
        super().__init__(tasks, sender, ledger)
        self.spans = spans

    def spawn(
        self, session: Session, refs: Sequence[Ref], work: Awaitable[None], size: int = PENDING_BYTES
    ) -> Task[None]:
        task = Work.spawn(self, session, refs, work, size)
        if CURRENT.get() is not None:
            self.spans.wait(session, task)
        return task

    def after(
        self, session: Session, refs: Sequence[Ref], answer: Future[Value], then: Callable[[Value], None]
    ) -> None:
        Work.after(self, session, refs, answer, then)
        if CURRENT.get() is not None:
            self.spans.wait(session, answer)  # after `then`, in the order of callbacks

    def refuse(self, session: Session, refs: Sequence[Ref], refused: Refused) -> None:
        failed(session, refused.code)
        Work.refuse(self, session, refs, refused)


class TracedSessions(SessionHandler):
    """Some of the messages of connections have a span."""

    def __init__(
        self,
        contract: Contract,
        sessions: Sessions,
        gate: Gate,
        effects: Effects,
        work: TracedWork,
        custom: CustomMessages,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(contract, sessions, gate, effects, work, custom, clock)
        self._spans = work.spans
        self._left = self._spans.skip()
        """Messages until the next one that has a span, with that one."""

    def received(self, connection: Connection, payload: bytes) -> None:
        self._left -= 1
        if self._left:
            SessionHandler.received(self, connection, payload)  # `super()` would cost another look-up
            return
        self._left = self._spans.skip()
        session: Session = connection.session
        if session in self._asking:  # it is held, and chance decides again when its turn comes
            SessionHandler.received(self, connection, payload)
            return
        with self._spans.during(session, "sse" if isinstance(connection, EventStream) else "websocket") as span:
            try:
                request = self._decode(payload)
            except Refused as refused:
                self._work.refuse(session, [None], refused)
                return
            self._spans.describe(span, request)
            connection.used = connection.heard
            try:
                self.ask(session, request)
            except Refused as refused:
                self._work.refuse(session, [given_ref(getattr(request, "ref", UNSET))], refused)
            _wait_for_gate(self._spans, self._gate, session)


class TracedHttpApi(HttpApi):
    """Some of the requests over HTTP have a span: those of a client's trace, and others by chance."""

    def __init__(
        self,
        contract: Contract,
        handler: SessionHandler,
        gate: Gate,
        work: TracedWork,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(contract, handler, gate, work, clock)
        self._spans = work.spans

    def received(self, exchange: Exchange, body: bytes) -> None:
        parent = parents.read(exchange.head.headers.get("traceparent"))
        if not self._spans.wanted(parent):
            HttpApi.received(self, exchange, body)
            return
        session = exchange.state.session
        with self._spans.during(session, "http", parent) as span:
            span.method = exchange.head.method
            HttpApi.received(self, exchange, body)
            _wait_for_gate(self._spans, self._gate, session)

    def _ask(self, exchange: Exchange, asked: Asked, request: msgspec.Struct) -> None:
        span = CURRENT.get()
        if span is not None and span.session is asked.session:
            self._spans.describe(span, request)
        HttpApi._ask(self, exchange, asked, request)


def _wait_for_gate(spans: Spans, gate: Gate, session: Session) -> None:
    """The request may wait for what the application says of its client."""
    asking: Task[Any] | None = gate.asking.get(session)
    if asking is not None:
        spans.wait(session, asking)
