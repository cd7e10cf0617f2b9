"""One connection to a server: commands go out in the order of the calls, replies come back in the same order.

It writes once in a turn of the loop, whatever was asked in it; where commands come one at a time, at once. A server
that forgot the scripts (SCRIPT FLUSH) is given them again, and then what it refused for that; but a message is refused
that a later one has overtaken meanwhile. It does not connect again: `link` does.
Invariant: each `answered` is called exactly once, with a reply, a ReplyError or a ConnectionLost, in the order of the
commands.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

from tidegate.core.round_trips import LOST, RoundTrips
from tidegate.engines.redis.lua import ALL, PUBLISH
from tidegate.engines.redis.resp import Parser, ProtocolError, Push, ReplyError, pack

log = logging.getLogger("tidegate.engine")

COMMAND_LIMIT = 4096
BYTES_LIMIT = 4 << 20
"""Commands, and bytes of them, that may be unanswered. Beyond, callers wait."""

OVERTAKEN = "NOSCRIPT a message that was sent later is published already"

Answered = Callable[[Any], None]


class ConnectionLost(Exception):
    """The connection ended before the server answered. It may have done what it was asked."""


def lost() -> ConnectionLost:
    """A new one each time: an exception that is raised keeps the frames that it passed, and what they hold."""
    return ConnectionLost("the connection ended before the server answered")


class Connection(asyncio.Protocol):
    """From a connected socket to its end. `pushed` gets what the server says without being asked."""

    def __init__(self, pushed: Callable[[Push], None], round_trips: RoundTrips) -> None:
        self._pushed = pushed
        self._round_trips = round_trips
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = Parser()
        self._out: list[bytes] = []
        self._since_idle = 0
        """Commands since everything was answered."""
        self._alone = True
        """Whether there was one, the last time: then the next one is likely to be alone, too, and does not wait."""
        self._waiting: deque[tuple[bytes, Answered]] = deque()
        self._asked_at: deque[float] = deque()
        """When each of them was asked."""
        self._reloading = False
        """Whether the server is being given the scripts again."""
        self._refused: list[tuple[bytes, Answered]] = []
        self._later: list[tuple[bytes, Answered]] = []
        """While it is: what it refused before, and what is to be asked after that."""
        self._bytes = 0
        self._when_room: dict[Callable[[], None], None] = {}
        self.ended = self._loop.create_future()
        """Done when the connection has ended."""
        self.why: BaseException | None = None
        """What it ended with, where it was not the server that closed it."""

    @property
    def full(self) -> bool:
        """Whether nothing more may be sent: too much is unanswered, or the connection is about to end."""
        if self._transport is None or self._transport.is_closing():
            return True
        return len(self._waiting) >= COMMAND_LIMIT or self._bytes >= BYTES_LIMIT or self._reloading

    def when_room(self, call: Callable[[], None]) -> None:
        """Call this once, when the connection is not full any more. Where it ends first, nothing is called."""
        self._when_room[call] = None

    @property
    def unanswered(self) -> int:
        return len(self._waiting)

    def ask(self, command: bytes, answered: Answered) -> None:
        """Send a command that has one reply."""
        if self._reloading:
            self._later.append((command, answered))
        elif self._transport is None or self._transport.is_closing():
            self._loop.call_soon(answered, lost())
        else:
            self._ask(command, answered)

    def say(self, command: bytes) -> None:
        """Send a command that is answered with pushes alone: SUBSCRIBE, UNSUBSCRIBE."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(command)

    async def request(self, *arguments: str | bytes) -> Any:
        """Send a command and wait for its reply. Raises ReplyError and ConnectionLost."""
        return await self.answer(pack([part.encode() if isinstance(part, str) else part for part in arguments]))

    async def answer(self, command: bytes) -> Any:
        """As `request`, for a command that is bytes already."""
        future: asyncio.Future[Any] = self._loop.create_future()

        def answered(reply: Any) -> None:
            if not future.done():
                future.set_result(reply)

        self.ask(command, answered)
        reply = await future
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self, why: BaseException | None = None) -> None:
        """End it now, without waiting for the server."""
        if self._transport is not None and not self._transport.is_closing():
            self.why = self.why or why
            self._transport.abort()

    # -- asyncio.Protocol -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has another class

    def data_received(self, data: bytes) -> None:
        try:
            replies = self._parser.feed(data)
        except ProtocolError as error:
            self.close(error)
            return
        now, observe = monotonic(), self._round_trips.observe
        for reply in replies:
            try:
                if type(reply) is Push:
                    self._pushed(reply)
                elif self._waiting:
                    command, answered = self._waiting.popleft()
                    self._bytes -= len(command)
                    observe(now - self._asked_at.popleft())
                    if type(reply) is ReplyError and self._failed(reply) == "NOSCRIPT":
                        self._reload(command, answered)
                    else:
                        if self._refused and PUBLISH.is_called(command):
                            self._overtaken(reply)
                        answered(reply)
                else:
                    # SUBSCRIBE has no reply, unless the server refuses it.
                    self.close(reply if isinstance(reply, ReplyError) else ProtocolError("a reply to no command"))
            except Exception:  # the boundary: one bad answer must not cost the others
                log.exception("an answer of the engine's server cannot be used")
        if not self._waiting:
            self._alone, self._since_idle = self._since_idle == 1, 0
        if self._when_room and not self.full:
            calls, self._when_room = list(self._when_room), {}
            for call in calls:
                call()

    def connection_lost(self, exc: Exception | None) -> None:
        self.why = self.why or exc
        self._out.clear()
        self._when_room.clear()
        if self._waiting:
            self._round_trips.failed(LOST, len(self._waiting))
        waiting = [*self._refused, *self._waiting, *self._later]
        self._asked_at.clear()
        for those in (self._refused, self._waiting, self._later):
            those.clear()
        self._reloading = False
        self._bytes = 0
        if not self.ended.done():
            self.ended.set_result(None)
        for _, answered in waiting:
            try:
                answered(lost())
            except Exception:  # as above
                log.exception("the end of a connection cannot be told")

    # -- within -----------------------------------------------------------------------------------------------------

    def _ask(self, command: bytes, answered: Answered) -> None:
        self._waiting.append((command, answered))
        self._asked_at.append(monotonic())
        self._bytes += len(command)
        self._since_idle += 1
        out = self._out
        if not out:
            if self._alone and self._since_idle == 1 and self._transport is not None:
                self._transport.write(command)
                return
            self._loop.call_soon(self._flush)
        out.append(command)

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing() and self._out:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _failed(self, error: ReplyError) -> str:
        self._round_trips.failed(error.code)
        return error.code

    def _reload(self, command: bytes, answered: Answered) -> None:
        """The server does not know a script. What it refused is asked again, before what is asked from now on."""
        if not self._reloading:
            self._reloading = True
            for script in ALL[:-1]:
                self._ask(script.load, self._loaded)
            self._ask(ALL[-1].load, self._all_loaded)
        self._refused.append((command, answered))

    def _overtaken(self, reply: Any) -> None:
        """A message was published that was sent after those which the server refused: another gateway gave it the
        scripts in between. These are not sent again, for they would follow the later one.
        """
        if isinstance(reply, ReplyError):
            return
        late = [one for one in self._refused if PUBLISH.is_called(one[0])]
        self._refused = [one for one in self._refused if not PUBLISH.is_called(one[0])]
        for _, answered in late:
            answered(ReplyError(OVERTAKEN))

    def _loaded(self, reply: Any) -> None:
        if isinstance(reply, ReplyError):
            self.close(reply)

    def _all_loaded(self, reply: Any) -> None:
        again, self._refused, self._later, self._reloading = self._refused + self._later, [], [], False
        for command, answered in again:
            self.ask(command, answered)
        self._loaded(reply)
