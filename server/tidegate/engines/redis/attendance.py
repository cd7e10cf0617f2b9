"""Who is present through this gateway: each entry is written when it changes, and never otherwise.

The table here is the truth, and the server follows it: a change that was not acknowledged is written again over the
next connection, and the whole table where the server lost it or the others gave this gateway up. The server keeps the
name of the last change of a room, so that a change that is written again finds what it did the first time. The table
does not know the users of other gateways.
Invariant: of two changes of one user in one room, the later one reaches the server last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from tidegate.core.rooms.ports import Answer, Occupancy, PresenceEntry
from tidegate.engines import entries
from tidegate.engines.memory import NOTHING_CHANGED
from tidegate.engines.occupancy import OwnOccupancy
from tidegate.engines.redis.connection import ConnectionLost
from tidegate.engines.redis.keys import CHANGE, META, PRESENCE, TOLD, field
from tidegate.engines.redis.lua import PRESENT
from tidegate.engines.redis.resp import ReplyError
from tidegate.engines.redis.wire import Wire

UNANSWERED = 256
"""Changes that are under way at a time."""
RETRY_S = 1.0
"""When a change is written again that the server refused."""

OPEN = b"open"
"""What the server answers instead of a change, where it is open what was told about the room."""
_Who = tuple[str, str]
"""A room and a user."""
_OCCUPANCY: dict[bytes, Occupancy] = {b"occupied": "occupied", b"vacated": "vacated"}


class Attendance:
    """`given_up`: what to do where the server says that the others gave this gateway up. `left_open`: where it says
    that it is open what was told about a room.
    """

    def __init__(
        self,
        wire: Wire,
        occupancy: OwnOccupancy,
        given_up: Callable[[], None],
        left_open: Callable[[str], None] = lambda room: None,
    ) -> None:
        self._wire = wire
        self._left_open = left_open
        self._occupancy = occupancy
        self._given_up = given_up
        self._entries: dict[str, dict[str, bytes]] = {}
        """By room and user: the entry in JSON."""
        self._to_write: dict[_Who, None] = {}
        """What changed since it was last sent; the first to change comes first."""
        self._fresh: set[_Who] = set()
        """Of what is to be written: the server has nothing of these users, and nothing of them was sent."""
        self._answers: dict[_Who, asyncio.Future[Occupancy]] = {}
        """The last call for what is to be written; earlier ones are answered."""
        self._under_way: dict[_Who, bool] = {}
        """What the server has not answered, and whether it changed since it was sent: then it is sent again afterwards.
        A server that forgot the scripts may refuse the first of two commands and take the second."""
        self._numbers = count(1)
        self._in_doubt: dict[_Who, str] = {}
        """Changes whose answer was lost with its connection, by what they were named."""
        self._left = False

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        if self._left:
            return NOTHING_CHANGED
        if entry is not None:
            self._entries.setdefault(room, {})[user] = entries.encode(entry)
        elif room in self._entries:
            self._entries[room].pop(user, None)
            if not self._entries[room]:
                del self._entries[room]
        who = (room, user)
        if entry is None and who in self._fresh:  # clients choose these names: what came and went leaves nothing
            self._forget(who)
            return NOTHING_CHANGED
        if entry is not None and self._is_unknown(who):
            self._fresh.add(who)
        answer: asyncio.Future[Occupancy] = self._wire.loop.create_future()
        # Several calls become one change where they wait. The last of them makes it.
        _settle(self._answers.get(who))
        self._answers[who] = answer
        self._changed(who)
        self.write()
        return answer

    def write_all(self) -> None:
        """The server lost the table, or has it under a name that is given up."""
        if not self._left:
            for room, users in self._entries.items():
                for user in users:
                    self._changed((room, user))
            self.write()

    def find_out(self, seconds: float) -> None:
        """The server lost everything: write it again, with what this gateway knows. See `OwnOccupancy`."""
        lost = self._occupancy.find_out(seconds)
        self._fresh -= lost
        if not self._left:
            for who in sorted(lost):
                self._changed(who)
            self.write_all()

    def leave(self) -> None:
        """Write nothing from here on: what the server has stays there for the grace."""
        self._left = True
        self._to_write.clear()
        self._fresh.clear()

    def down(self) -> None:
        """The connection ended. Its changes were told to have failed before."""
        self._under_way.clear()

    def write(self) -> None:
        """Write what is to be written, as far as the connection allows."""
        connection, wire = self._wire.connection, self._wire
        while self._to_write and len(self._under_way) < UNANSWERED and connection is not None and wire.leased:
            if connection.full:
                connection.when_room(self.write)
                return
            who = next(iter(self._to_write))
            del self._to_write[who]
            self._fresh.discard(who)
            room, user = who
            users = self._entries.get(room, {})
            keys, again = wire.keys, who in self._in_doubt
            name = self._in_doubt.get(who) or f"{wire.node} {next(self._numbers)}"
            command = PRESENT.call(
                [
                    *(keys.of_room(room, META), keys.of_room(room, PRESENCE), keys.nodes, keys.rooms_of(wire.node)),
                    *(keys.of_room(room, CHANGE), keys.of_room(room, TOLD)),
                ],
                *(wire.node, field(wire.node, user), users.get(user, b""), room, keys.channel(room)),
                *(int(not users), int(wire.setup.times.grace * 1000), name, int(again), wire.remembered_ms),
                *map(int, self._occupancy.said(room)),
                wire.history,
            )
            self._under_way[who] = False
            answer, present = self._answers.pop(who, None), user in users
            connection.ask(command, partial(self._written, who, wire.node, name, answer, present))

    def _is_unknown(self, who: _Who) -> bool:
        """Whether the server has nothing of the user, and is told nothing of the user at present."""
        told = who in self._to_write or who in self._under_way or who in self._in_doubt
        return not told and not self._occupancy.had(*who)

    def _forget(self, who: _Who) -> None:
        self._fresh.discard(who)
        self._to_write.pop(who, None)
        _settle(self._answers.pop(who, None))

    def _changed(self, who: _Who) -> None:
        if who in self._under_way:
            self._under_way[who] = True
        else:
            self._to_write[who] = None

    def _written(
        self, who: _Who, node: str, name: str, answer: asyncio.Future[Occupancy] | None, present: bool, reply: Any
    ) -> None:
        again = self._under_way.pop(who, False)
        if type(reply) is bytes:
            self._in_doubt.pop(who, None)
            if again and not self._left:
                self._to_write[who] = None
            self._occupancy.took(*who, present=present)
            if reply == OPEN:
                self._left_open(who[0])
            self._occupancy.came(who[0], _OCCUPANCY.get(reply), answer)
        elif not self._left:
            if isinstance(reply, ConnectionLost):
                self._in_doubt[who] = name
            if who in self._answers:
                _settle(answer)
            elif answer is not None:
                self._answers[who] = answer
            self._to_write[who] = None
            if isinstance(reply, ReplyError) and reply.code == "GIVENUP":
                if node == self._wire.node:
                    self._given_up()
                    return  # what is left is written under the next name
            elif not isinstance(reply, ConnectionLost):
                self._wire.failed(reply)
                self._wire.loop.call_later(RETRY_S, self.write)
                return
            else:
                return
        self.write()


def _settle(answer: asyncio.Future[Occupancy] | None) -> None:
    """A later call makes the change."""
    if answer is not None and not answer.done():
        answer.set_result(None)
