"""Publishes messages: each is one call of publish.lua, whose answer is the message's position.

While there is no connection, or too much is unanswered, messages wait for a moment; then they are refused. A message
that was sent when the connection broke is refused too, though it may have been published: a client that must know sends
an idempotency key, and sends again.
Invariant: messages reach the server in the order of the calls of `publish`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import msgspec

from tidegate.core.errors import Refused
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.redis.connection import Connection, ConnectionLost
from tidegate.engines.redis.keys import META, STREAM
from tidegate.engines.redis.lua import PUBLISH
from tidegate.engines.redis.resp import ReplyError, pack_part
from tidegate.engines.redis.wire import NOT_DONE, Wire, away, kept_ms, lives_ms, refuse
from tidegate.engines.texts import Halves, halves
from tidegate_protocol import RoomPosition, Sender

HOLD_S = 1.0
HOLD_LIMIT = 1000
HOLD_BYTES = 4 << 20
"""How long messages wait for a connection, how many, and how many bytes of them."""
KEY_MS = 300_000
"""How long an idempotency key is remembered."""
DIGEST_BYTES = 16
STEMS = 4096
"""Rooms whose part of the command is kept."""
_COMMAND = b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n%b$%d\r\n%b\r\n$%d\r\n%b\r\n"


class _Message(msgspec.Struct, frozen=True):
    number: int
    due: float
    """When it is refused if it was not sent, on the loop's clock."""
    answer: asyncio.Future[RoomPosition]
    room: str
    rules: RoomRules
    halves: Halves
    key: bytes
    """The name of its idempotency key; empty for none."""
    digest: bytes


class _Stem(NamedTuple):
    """What is the same in each message of a room. The command has no idempotency key."""

    history: str
    rules: RoomRules
    before: bytes
    after: bytes


class Publisher:
    """The messages of this gateway. `reached`: epoch and offset of what it has delivered last of a room."""

    def __init__(self, wire: Wire, reached: Callable[[str], tuple[str, int]]) -> None:
        self._wire = wire
        self._reached = reached
        self._numbers = count()
        self._held: deque[_Message] = deque()
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._stems: dict[str, _Stem] = {}

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None
    ) -> asyncio.Future[RoomPosition]:
        """Raises Refused(unavailable) where too many messages wait already."""
        wire = self._wire
        name = digest = b""
        if key is not None:
            name = wire.keys.idempotency(room, sender.id, key)
            encoded = msgspec.json.encode(data)
            digest = hashlib.blake2b(encoded, digest_size=DIGEST_BYTES).hexdigest().encode()
        message = _Message(
            next(self._numbers),
            wire.loop.time() + HOLD_S,
            wire.loop.create_future(),
            room,
            rules,
            halves(wire.setup.encode, room, sender, data),
            name,
            digest,
        )
        connection = wire.connection
        if self._held or connection is None or connection.full:
            if len(self._held) >= HOLD_LIMIT or self._held_bytes + message.halves.size > HOLD_BYTES:
                raise away()
            self._hold(message)
            if connection is not None:
                connection.when_room(self.release)
        else:
            self._send(connection, message)
        return message.answer

    def release(self) -> None:
        """There is a connection, or room on it: send what waits."""
        connection = self._wire.connection
        if not self._held or connection is None:
            return
        self._held = deque(sorted(self._held, key=lambda message: message.number))
        while self._held and not connection.full:
            message = self._held.popleft()
            self._held_bytes -= message.halves.size
            if not message.answer.done():
                self._send(connection, message)
        if self._held:
            connection.when_room(self.release)

    def close(self) -> None:
        """Refuse what waits."""
        self._refuse_due(float("inf"))

    # -- within -----------------------------------------------------------------------------------------------------

    def _send(self, connection: Connection, message: _Message) -> None:
        wire, room = self._wire, message.room
        last_epoch, last_offset = self._reached(room)
        epoch, offset = last_epoch.encode(), b"%d" % last_offset
        new = wire.new_epoch().encode()
        head, tail = message.halves
        if message.key:
            command = PUBLISH.call(
                [wire.keys.of_room(room, META), wire.keys.of_room(room, STREAM), message.key],
                *(wire.history.encode(), new, epoch, offset),
                *self._constants(room, message.rules),
                *(message.digest, b"%d" % KEY_MS, head, tail),
            )
        else:
            stem = self._stem(room, message.rules)
            variable = len(new), new, len(epoch), epoch, len(offset), offset
            command = _COMMAND % (stem.before, *variable, stem.after, len(head), head, len(tail), tail)
        connection.ask(command, partial(self._answered, message))

    def _constants(self, room: str, rules: RoomRules) -> tuple[bytes, ...]:
        numbers = (lives_ms(rules), rules.history_size, kept_ms(rules))
        return (*(b"%d" % number for number in numbers), self._wire.keys.channel(room))

    def _stem(self, room: str, rules: RoomRules) -> _Stem:
        wire = self._wire
        stem = self._stems.get(room)
        if stem is not None and stem.history == wire.history and stem.rules is rules:
            return stem
        if len(self._stems) >= STEMS:
            self._stems.clear()
        meta = wire.keys.of_room(room, META)
        before = b"*18\r\n" + PUBLISH.stem([meta, wire.keys.of_room(room, STREAM), meta])
        before += pack_part([wire.history.encode()])
        after = pack_part([*self._constants(room, rules), b"", b"0"])
        self._stems[room] = stem = _Stem(wire.history, rules, before, after)
        return stem

    def _answered(self, message: _Message, reply: Any) -> None:
        answer = message.answer
        if type(reply) is bytes:
            if not answer.done():
                epoch, _, offset = reply.partition(b" ")
                answer.set_result(RoomPosition(epoch=epoch.decode(), offset=int(offset)))
            if self._held:
                self.release()
        elif isinstance(reply, ReplyError) and reply.code in NOT_DONE:
            self._hold(message)
            self._wire.failed(reply)
        else:
            if isinstance(reply, ReplyError) and reply.code == "CONFLICT":
                refused = Refused(
                    "conflict", "this idempotency key was already used for a different message", pointer="/key"
                )
            else:
                refused = away()
                if not isinstance(reply, ConnectionLost):
                    self._wire.failed(reply)
            refuse(answer, refused)

    def _hold(self, message: _Message) -> None:
        self._held.append(message)
        self._held_bytes += message.halves.size
        if self._timer is None:
            self._timer = self._wire.loop.call_at(message.due, self._time_is_over)

    def _time_is_over(self) -> None:
        self._timer = None
        self._refuse_due(self._wire.loop.time())
        if self._held:
            due = min(message.due for message in self._held)
            self._timer = self._wire.loop.call_at(due, self._time_is_over)

    def _refuse_due(self, now: float) -> None:
        kept: deque[_Message] = deque()
        for message in self._held:
            if message.due > now and not message.answer.done():
                kept.append(message)
                continue
            self._held_bytes -= message.halves.size
            refuse(message.answer, away())
        self._held = kept
        if self._timer is not None and not kept:
            self._timer.cancel()
            self._timer = None
