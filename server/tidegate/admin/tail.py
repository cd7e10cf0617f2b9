"""The frames of one user or connection as they pass: what, when, how large, with which code.

Payloads are shown in development only, and tokens never.
Invariant: a tail that is not read fast enough drops events and says how many; it delays no client.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

import msgspec

from tidegate.admin.answering import Arguments, OperationError
from tidegate.gateway.inspection import AnyConnection, Connected, session_of
from tidegate.transport import payload_start

MOST_WAITING = 1000
"""Events that wait for the operator."""
MOST_TAILS = 10
LOOK_S = 0.25
"""How often it looks for new connections of the user."""
SECRET: Final = ("token", "identity")
"""Properties of messages that are tokens."""
CONTROL: Final = {8: "(close)", 9: "(ping)", 10: "(pong)"}


class _Shown(msgspec.Struct):
    """What is shown of each message."""

    type: str = ""
    code: str | int | None = None
    ref: str | int | None = None
    room: str | None = None
    resource: str | None = None
    subscription: str | None = None


_read = msgspec.json.Decoder(_Shown).decode


class Tails:
    """Those of one process. `payloads`: whether they may be shown."""

    def __init__(self, connected: Connected, *, payloads: bool) -> None:
        self._connected = connected
        self._payloads = payloads
        self._open = 0

    async def follow(self, asked: Arguments) -> AsyncIterator[dict[str, Any]]:
        """The events from now on, until the caller stops. Raises OperationError."""
        user, wanted = asked.get("user"), asked.get("connection")
        if (user is None) == (wanted is None):
            raise OperationError(HTTPStatus.BAD_REQUEST, "name either a user or a connection")
        if asked.get("payload") and not self._payloads:
            raise OperationError(HTTPStatus.FORBIDDEN, "payloads are shown in development mode only")
        if self._open >= MOST_TAILS:
            raise OperationError(HTTPStatus.TOO_MANY_REQUESTS, f"more than {MOST_TAILS} tails are open")
        events, taps = _Events(), dict[str, _Tap]()
        self._open += 1
        try:
            while True:
                for connection in self._connected:
                    session = session_of(connection)
                    if session is None or connection.id in taps or connection.tally.tap is not None:
                        continue
                    if connection.id == wanted or (user is not None and session.user.id == user):
                        tap = _Tap(connection, events, payloads=bool(asked.get("payload")))
                        taps[connection.id] = connection.tally.tap = tap
                        events.put({"connection": connection.id, "user": session.user.id, "event": "followed"})
                for event in await events.of(LOOK_S):
                    yield event
        finally:
            self._open -= 1
            for connection in self._connected:
                if connection.tally.tap is taps.get(connection.id, events):
                    connection.tally.tap = None


class _Events:
    """What waits for one operator."""

    def __init__(self) -> None:
        self._waiting: deque[dict[str, Any]] = deque()
        self._dropped = 0
        self._some = asyncio.Event()

    def put(self, event: dict[str, Any]) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        if self._dropped:
            self._waiting.append({"event": "dropped", "count": self._dropped})
            self._dropped = 0
        self._waiting.append({"time": round(time.time(), 3), **event})
        self._some.set()

    async def of(self, seconds: float) -> list[dict[str, Any]]:
        """The events that wait, as soon as there is one. Empty where none came within `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._some.wait()
        self._some.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class _Tap:
    """Implements `transport.Tap` for one connection."""

    def __init__(self, connection: AnyConnection, events: _Events, *, payloads: bool) -> None:
        self._connection = connection
        self._events = events
        self._payloads = payloads

    def received(self, payload: bytes) -> None:
        self._tell("in", payload)

    def sent(self, frames: list[bytes]) -> None:
        for frame in frames:
            opcode = frame[0] & 0x0F
            if opcode in CONTROL:
                self._put("out", {"type": CONTROL[opcode], "bytes": len(frame)})
            else:
                self._tell("out", frame[payload_start(frame) :])

    def closed(self, code: int) -> None:
        self._put("out", {"event": "closed", "code": code})

    def _tell(self, direction: str, text: bytes) -> None:
        try:
            shown = {name: value for name, value in msgspec.to_builtins(_read(text)).items() if value not in {None, ""}}
        except msgspec.DecodeError:
            shown = {"type": "(no message)"}
        if self._payloads:
            shown["payload"] = _without_tokens(text)
        self._put(direction, {**shown, "bytes": len(text)})

    def _put(self, direction: str, about: dict[str, Any]) -> None:
        session = session_of(self._connection)
        user = "" if session is None else session.user.id
        self._events.put({"connection": self._connection.id, "user": user, "direction": direction, **about})


def _without_tokens(text: bytes) -> Any:
    try:
        message = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return "(no JSON)"
    if isinstance(message, dict):
        message.update({name: "(a token)" for name in SECRET if name in message})
    return message
