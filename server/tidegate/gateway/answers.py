"""The answers to reads of rows, which may be large: only a few for one session are made at a time.

A client that reads nothing can ask for hundreds of answers with one segment. Each is read from the database when the
client has read most of what it was sent before. It does not know what is read.
Invariant: of one session at most `AT_ONCE` reads are under way, and the others begin in the order of the requests.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.session import Session
from tidegate.gateway.pace import Pace
from tidegate.gateway.sender import Sender

AT_ONCE = 4
"""Reads of one session under way: as many as there are threads that read."""
UNSENT_BYTES = 262_144
"""More than this may not wait for the client when an answer is read for it, or sent to it."""

Read = Callable[[], Awaitable[bytes | None]]
"""Makes the frame of an answer; None for none."""


class _Turns:
    """Of one session."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


class Answers:
    """Of all sessions."""

    def __init__(self, sender: Sender, ledger: Ledger, pace: Pace) -> None:
        self._sender = sender
        self._pace = pace
        self._ledger = ledger
        self._turns: dict[Session, _Turns] = {}

    async def send(self, session: Session, read: Read) -> None:
        """Send what `read` returns. To be cancelled where the session ends."""
        turns = self._turns.setdefault(session, _Turns())
        await self._begin(session, turns)
        try:
            if session.sink.unsent > UNSENT_BYTES:
                await session.sink.drained()
            frame = await read()
            if frame is not None:
                await self._send(session, frame)
        finally:
            self._end(session, turns)

    async def _send(self, session: Session, frame: bytes) -> None:
        """Send an answer, which waits until the client has read most of what it was sent before, and for the loop."""
        if session.sink.unsent > UNSENT_BYTES or not self._pace.take(len(frame)):
            account = session.account
            self._ledger.add(account, "reads", len(frame))
            try:
                if session.sink.unsent > UNSENT_BYTES:
                    await session.sink.drained()
                await self._pace.wait(len(frame))
            finally:
                self._ledger.give(account, "reads", len(frame))
        self._sender.send_frame(session, frame)

    async def _begin(self, session: Session, turns: _Turns) -> None:
        if turns.running < AT_ONCE:
            turns.running += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        turns.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._end(session, turns)
            raise

    def _end(self, session: Session, turns: _Turns) -> None:
        """Hand the turn over to the next read."""
        while turns.waiting:
            turn = turns.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        turns.running -= 1
        if not turns.running:
            self._turns.pop(session, None)
