"""Requests for a stream of another gateway, which is told over the engine and answers in the same way.

An id of a stream begins with the name of its gateway. It does not know what a request is, and decides nothing about it:
the gateway of the stream does.
Invariant: each request is answered once, after `ANSWER_S` seconds at the latest, and `MOST` wait at a time.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Literal

import msgspec

from tidegate.core.rooms.ports import Engine
from tidegate.gateway.engine_listener import EngineListener
from tidegate.gateway.http.streams import StreamOutcome, Streams, messages_in

ASK, ANSWER = "sse", "sse-answer"
"""What gateways call a request and its answer among each other."""
ANSWER_S = 5.0
"""After this time the other gateway is gone, and its streams with it."""
MOST, MOST_OF_A_USER = 1024, 16
"""Requests that wait for an answer."""

Answered = Callable[[StreamOutcome | Literal["unavailable"]], None]


class _Ask(msgspec.Struct, array_like=True):
    node: str
    """Who asks."""
    number: int
    identifier: str
    user: str
    body: str | None
    """Messages of the client; None ends the stream."""


class _Answer(msgspec.Struct, array_like=True):
    number: int
    outcome: StreamOutcome


class _Waiting(msgspec.Struct):
    user: str
    answered: Answered
    timer: asyncio.TimerHandle


class Forwarding:
    """Of one gateway."""

    def __init__(self, streams: Streams, engine: Engine, listener: EngineListener) -> None:
        self._streams = streams
        self._engine = engine
        self._numbers = itertools.count()
        self._waiting: dict[int, _Waiting] = {}
        self._of_user: dict[str, int] = {}
        listener.on_told(ASK, self._asked)
        listener.on_told(ANSWER, self._heard)

    def ask(self, identifier: str, user: str, body: bytes | None, answered: Answered) -> None:
        """Do what the request of `user` asks for: here, or at the gateway that has the stream.

        `body` was read with `messages_in`. `answered` is called now or later.
        """
        node = identifier.partition(".")[0]
        if node == self._engine.node or self._streams.has(identifier):
            answered(self._do(identifier, user, body))
        elif not self._engine.healthy or len(self._waiting) >= MOST or self._of_user.get(user, 0) >= MOST_OF_A_USER:
            answered("unavailable")
        else:
            number = next(self._numbers)
            timer = asyncio.get_running_loop().call_later(ANSWER_S, self._end, number, "ended")
            self._waiting[number] = _Waiting(user, answered, timer)
            self._of_user[user] = self._of_user.get(user, 0) + 1
            text = None if body is None else body.decode()
            self._tell(node, ASK, _Ask(self._engine.node, number, identifier, user, text))

    def give_up(self) -> None:
        """Wait for no answer any more."""
        for number in list(self._waiting):
            self._end(number, "ended")

    def _do(self, identifier: str, user: str, body: bytes | None) -> StreamOutcome:
        if body is None:
            return self._streams.leave(identifier, user)
        return self._streams.deliver(identifier, user, messages_in(body))

    def _asked(self, text: str) -> None:
        """Another gateway has a request for a stream of this one."""
        ask = msgspec.json.decode(text, type=_Ask)
        outcome = self._do(ask.identifier, ask.user, None if ask.body is None else ask.body.encode())
        self._tell(ask.node, ANSWER, _Answer(ask.number, outcome))

    def _heard(self, text: str) -> None:
        answer = msgspec.json.decode(text, type=_Answer)
        self._end(answer.number, answer.outcome)

    def _end(self, number: int, outcome: StreamOutcome) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            return  # it came too late
        waiting.timer.cancel()
        left = self._of_user.pop(waiting.user) - 1
        if left:
            self._of_user[waiting.user] = left
        waiting.answered(outcome)

    def _tell(self, node: str, kind: str, said: msgspec.Struct) -> None:
        self._engine.tell(node, kind, msgspec.json.encode(said).decode())
