"""The rooms that this gateway follows: what arrives on their channels, and how a session joins one.

A room is subscribed and asked for in one write. After a lost connection every room is asked for again, some at a time.
What is delivered when is decided in `engines.following`. Now and then each room is looked at, beside what its
connection says, which keeps the room's epoch in the server, too.
Invariant: a room is asked for only after it was subscribed on the same connection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from tidegate.core.rooms.ports import Answer, EngineListener, Opened, Ready
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.following import Ask, Following
from tidegate.engines.redis.connection import Connection
from tidegate.engines.redis.followed import FollowedRoom, Opening, Reply, entry_of
from tidegate.engines.redis.keys import META, PRESENCE, STREAM, text_of
from tidegate.engines.redis.lua import OPEN
from tidegate.engines.redis.questions import ANSWER_BYTES, Questions
from tidegate.engines.redis.resp import ReplyError, pack
from tidegate.engines.redis.wire import SWEEP_S, Wire, away, kept_ms, lives_ms
from tidegate_protocol import RoomPosition

CHANNELS = 256
"""Channels in one command."""
RETRY_S = 1.0
"""When a room is asked for again that the server refused."""


class OpenRooms:
    """`mine`: whether a node is this gateway, under any of its names.

    `settled`: whether the server names all who are present: after it lost everything, gateways say it again.
    """

    def __init__(
        self, wire: Wire, listener: EngineListener, mine: Callable[[str], bool], settled: Callable[[], bool]
    ) -> None:
        self._wire = wire
        self._listener = listener
        self._mine = mine
        self._settled = settled
        self._rooms: dict[str, FollowedRoom] = {}
        self._by_channel: dict[bytes, str] = {}
        self._questions = Questions(wire)
        self._to_sweep: list[str] = []
        self.following = Following(listener)

    # -- the port ---------------------------------------------------------------------------------------------------

    def open(self, name: str, rules: RoomRules, since: RoomPosition | None) -> Answer[Opened]:
        """Raises Refused(unavailable) without a connection: an answer from memory might be of another history."""
        wire = self._wire
        connection = wire.connection
        if connection is None or connection.full:
            raise away()
        room = self._rooms.get(name)
        if room is not None:
            position = self.following.position(name)
            if position is not None and (since is None or since == position or since.epoch != position.epoch):
                return Ready(Opened(position, [] if since == position else None))
        opening = Opening(since, wire.loop.create_future())
        if room is None:
            room = self._rooms[name] = FollowedRoom(rules, wire.keys.channel(name))
            self._by_channel[room.channel] = name
            ask = self.following.follow(name)
            assert ask is not None
            connection.say(pack([b"SUBSCRIBE", room.channel]))
            room.openings.append(opening)
            self._ask(ask, opening)
        else:
            room.openings.append(opening)
            if since is not None:
                self._read(name, room, opening, since)
        return opening.answer

    def close(self, name: str) -> None:
        room = self._rooms.pop(name, None)
        if room is None:
            return
        self.following.unfollow(name)
        room.refuse()
        del self._by_channel[room.channel]
        if self._wire.connection is not None:
            self._wire.connection.say(pack([b"UNSUBSCRIBE", room.channel]))

    # -- the connection ---------------------------------------------------------------------------------------------

    def up(self, connection: Connection) -> None:
        """Follow all rooms over a new connection."""
        channels = list(self._by_channel)
        for first in range(0, len(channels), CHANNELS):
            connection.say(pack([b"SUBSCRIBE", *channels[first : first + CHANNELS]]))
        for ask in self.following.again():
            self._ask(ask)

    def down(self) -> None:
        self._questions.down()
        for room in list(self._rooms.values()):
            room.refuse()

    def ask_all(self) -> None:
        """Look at all rooms again, over the same connection: the server may have lost some.

        What a room without history was sent since an earlier question waits here and nowhere else, so it is kept.
        """
        for name in self._rooms:
            self._look_again(name)

    def heard(self, channel: bytes, said: bytes) -> None:
        """Something was published on a channel of a room."""
        name = self._by_channel.get(channel)
        if name is None:
            return
        if said.startswith(b"M "):
            _, epoch, offset, text = said.split(b" ", 3)
            ask = self.following.arrived(name, epoch.decode(), int(offset), text)
            if ask is not None:
                self._ask(ask)
        elif said.startswith(b"P "):
            _, version, node, user, entry = said.split(b" ", 4)
            self._rooms[name].version = int(version)
            if not self._mine(node.decode()):
                self._listener.present_elsewhere(name, node.decode(), text_of(user), entry_of(entry))

    # -- the sweep --------------------------------------------------------------------------------------------------

    def sweep(self, seconds: float) -> None:
        """Look at some rooms, so that each has its turn in SWEEP_S. To be called once every `seconds`."""
        connection = self._wire.connection
        if connection is None or connection.full:
            return
        if not self._to_sweep:
            self._to_sweep = list(self._rooms)
        for _ in range(math.ceil(len(self._rooms) * seconds / SWEEP_S)):
            if not self._to_sweep:
                return
            name = self._to_sweep.pop()
            room = self._rooms.get(name)
            if room is not None:
                meta = self._wire.keys.of_room(name, META)
                connection.ask(pack([b"PEXPIRE", meta, b"%d" % lives_ms(room.rules)]), _ignore)
                connection.ask(pack([b"HMGET", meta, b"e", b"s", b"v"]), partial(self._swept, name))

    def _swept(self, name: str, reply: Any) -> None:
        """What was published before the reply came before it: a room that differs was missed."""
        room, position = self._rooms.get(name), self.following.position(name)
        if room is None or position is None or isinstance(reply, Exception):
            return
        epoch, offset, version = reply
        same = epoch is not None and epoch.decode() == position.epoch and int(offset) == position.offset
        if not same or int(version or 0) != room.version:
            self._look_again(name)

    # -- questions --------------------------------------------------------------------------------------------------

    def _ask(self, ask: Ask, opening: Opening | None = None) -> None:
        """Ask for a room: for this gateway or, where it is new here, for the first session that joins."""
        room = self._rooms[ask.room]

        def command() -> bytes | None:
            if self._rooms.get(ask.room) is not room:
                return None
            since = ask.known if opening is None else opening.since
            return self._command(ask.room, room, since, ask.known, members=True)

        self._questions.ask(command, partial(self._answered, ask, room, opening))

    def _read(self, name: str, room: FollowedRoom, opening: Opening, since: RoomPosition) -> None:
        """Read what a session missed of a room that is followed already."""

        def command() -> bytes | None:
            if opening.answer.done():
                return None
            return self._command(name, room, since, self.following.known(name), members=False)

        self._questions.ask(command, partial(self._missed_read, name, room, opening))

    def _command(
        self, name: str, room: FollowedRoom, since: RoomPosition | None, known: RoomPosition | None, members: bool
    ) -> bytes:
        wire, keys = self._wire, self._wire.keys
        return OPEN.call(
            [keys.of_room(name, META), keys.of_room(name, STREAM), keys.of_room(name, PRESENCE)],
            *(wire.history, wire.new_epoch(), *_parts(known)),
            *(lives_ms(room.rules), kept_ms(room.rules), *_parts(since), ANSWER_BYTES, int(members)),
        )

    def _answered(self, ask: Ask, room: FollowedRoom, opening: Opening | None, said: Any) -> None:
        if self._rooms.get(ask.room) is not room:
            return
        if isinstance(said, ReplyError):
            self._failed(ask.room, room, said)
            return
        reply = Reply(said)
        room.version = reply.version
        self._tell_members(ask.room, reply)
        again = self.following.answered(ask, reply.head, reply.missed if opening is None else None)
        if again is not None:
            self._ask(again)
        if opening is not None:
            self._take(ask.room, room, opening, reply)
        self._settle(ask.room, room)

    def _missed_read(self, name: str, room: FollowedRoom, opening: Opening, said: Any) -> None:
        if self._rooms.get(name) is not room:
            return
        if isinstance(said, ReplyError):
            self._failed(name, room, said)
            return
        reply = Reply(said)
        self._take(name, room, opening, reply)
        position = self.following.position(name)
        if position is not None and position.epoch == reply.head.epoch and position.offset < reply.head.offset:
            # What was published before the reply comes before it: a message was lost on the way. The session waits
            # until the others have it, for otherwise it would get the message twice.
            self._look_again(name)
        self._settle(name, room)

    def _settle(self, name: str, room: FollowedRoom) -> None:
        """Answer the sessions that wait, as far as there is an answer."""
        for opening, on in room.settle(self.following.position(name), self.following.began(name)):
            self._read(name, room, opening, on)

    def _take(self, name: str, room: FollowedRoom, opening: Opening, reply: Reply) -> None:
        further = opening.take(reply.head, reply.missed)
        if further is not None:
            self._read(name, room, opening, further)

    def _failed(self, name: str, room: FollowedRoom, error: ReplyError) -> None:
        room.refuse()
        self._wire.failed(error)
        self._wire.loop.call_later(RETRY_S, self._ask_again, name, room)

    def _ask_again(self, name: str, room: FollowedRoom) -> None:
        if self._rooms.get(name) is room and self._wire.connection is not None:
            self._look_again(name)

    def _look_again(self, name: str) -> None:
        if (ask := self.following.ask_again(name)) is not None:
            self._ask(ask)

    def _tell_members(self, name: str, reply: Reply) -> None:
        members = list(reply.members(self._mine))
        if self._settled():
            self._listener.members_elsewhere(name, members)
        else:
            for member in members:
                self._listener.present_elsewhere(name, member.node, member.user, member.entry)


def _parts(position: RoomPosition | None) -> tuple[str, int]:
    return ("", 0) if position is None else (position.epoch, position.offset)


def _ignore(reply: Any) -> None:
    """For commands whose reply says nothing."""
