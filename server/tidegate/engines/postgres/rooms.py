"""The rooms that are open at this gateway: asks the database about them, and passes on what it tells.

`Following` decides which message is next; its questions are asked here, and presence is told in the order of answers.
Invariant: nothing of a room is told before its question is answered, and nothing twice.
"""

from __future__ import annotations

import itertools
from asyncio import Future, get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from tidegate.core.rooms.ports import Answer, EngineListener, Opened, Ready
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.following import Ask, Following
from tidegate.engines.postgres import entries, values
from tidegate.engines.postgres.calls import Calls
from tidegate.engines.postgres.link import StatementFailed
from tidegate.engines.postgres.open_room import Join, OpenRoom, Presence, asked_for, kept, milliseconds, read
from tidegate.engines.postgres.outgoing import HOLD_S, RETRY_S, Sent
from tidegate.engines.postgres.values import Row
from tidegate.engines.postgres.wishes import unavailable
from tidegate_protocol import RoomPosition

ASKED = 64  # questions on their way at a time; after a lost connection there is one for every open room


class OpenRooms:
    """All open rooms of a gateway."""

    def __init__(
        self, calls: Calls, listener: EngineListener, new_epoch: Callable[[], str], clock: Callable[[], float]
    ) -> None:
        self.following = Following(listener)
        self._calls = calls
        self._listener = listener
        self._new_epoch = new_epoch
        self._clock = clock
        self._loop = get_running_loop()
        self._to: Sent | None = None
        self._names: Sequence[str] = ()
        self._rooms: dict[str, OpenRoom] = {}
        self._tickets: dict[str, int] = {}
        self._number = itertools.count(1)
        self._questions: deque[Ask] = deque()
        self._asked = 0

    def __contains__(self, room: str) -> bool:
        return room in self._rooms

    # -- what the gateway asks --------------------------------------------------------------------------------------

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None) -> Answer[Opened]:
        found = self._rooms.get(room)
        if found is not None:
            head = self.following.position(room)
            if head is not None and found.upto is not None:
                return self._join_live(room, found, since, head)
        future: Future[Opened] = self._loop.create_future()
        join = Join(future, since, self._clock())
        if found is not None:
            found.joins.append(join)
            return future
        found = self._rooms[room] = OpenRoom(rules)
        found.joins.append(join)
        found.asked_since = since
        self._tickets[room] = next(self._number)
        self.ask(self.following.follow(room))
        return future

    def close(self, room: str) -> int | None:
        """The ticket of the opening that ends; None for a room of which the database was never told that it is open."""
        if (found := self._rooms.pop(room, None)) is None:
            return None
        self.following.unfollow(room)
        for join in found.joins:
            join.refuse()
        ticket = self._tickets.pop(room)
        return ticket if found.asked else None

    # -- what the database tells ------------------------------------------------------------------------------------

    def arrived(self, room: str, epoch: str, offset: int, text: bytes) -> None:
        """A message that another gateway published."""
        found = self._rooms.get(room)
        if found is None:
            return
        self.ask(self.following.arrived(room, epoch, offset, text))
        if found.ahead:
            self._catch_up(room, found)

    def published(self, room: str, epoch: str, offset: int, text: bytes, reads: int) -> bool:
        """A message of this gateway. Returns whether earlier ones of others have to be read first; `reads`: which read
        would be too early.
        """
        found = self._rooms.get(room)
        if found is None:
            return False
        position = self.following.position(room)
        if position is not None and position.epoch == epoch:
            if offset <= position.offset:  # the room lost messages that were delivered: its question says so
                self.ask_again(room)
                return False
            if offset > position.offset + 1:
                found.ahead[offset] = (epoch, text, reads)
                return True
        self.ask(self.following.arrived(room, epoch, offset, text))
        if found.ahead:
            self._catch_up(room, found)
        return False

    def read(self, reads: int) -> None:
        """Everything was told that a read found: own messages that still wait go the way of a gap."""
        for room, found in self._rooms.items():
            for offset in sorted(found.ahead):
                epoch, text, number = found.ahead[offset]
                if number < reads:
                    del found.ahead[offset]
                    self.ask(self.following.arrived(room, epoch, offset, text))

    def present(self, room: str, seq: int, node: str, user: str, entry: bytes) -> None:
        found = self._rooms.get(room)
        if found is None or node in self._names:
            return
        said = Presence(seq, node, user, entries.decoded(entry) if entry else None)
        if found.upto is None:
            found.held.append(said)
        elif seq > found.upto:
            self._listener.present_elsewhere(room, node, user, said.entry)

    def forgotten(self, room: str, epoch: str) -> None:
        """The history was deleted: `epoch` begins, and what follows in the outbox belongs to it."""
        found, position = self._rooms.get(room), self.following.position(room)
        ask = self.following.ask_again(room)
        if found is None or ask is None:
            return
        found.ahead.clear()
        if position is None:
            self.ask(ask)
        else:
            self.ask(self.following.answered(ask, RoomPosition(epoch=epoch, offset=0), None))

    def ask_again(self, room: str) -> None:
        if (ask := self.following.ask_again(room)) is not None:
            self.ask(ask)

    # -- the connection ---------------------------------------------------------------------------------------------

    def connect(self, to: Sent, names: Sequence[str], *, all_again: bool) -> None:
        """`names`: of this gateway, also old ones. `all_again`: what was delivered may not be what there is."""
        self._to, self._names = to, names
        self._questions.clear()
        self._asked = 0
        if all_again:
            for each in self._rooms.values():
                each.ahead.clear()
            for ask in self.following.again():
                self.ask(ask)
            return
        for room in self._rooms:
            if self.following.position(room) is None:
                self.ask_again(room)

    def disconnect(self) -> None:
        self._to = None

    def refuse_late(self) -> None:
        """Joins that have waited too long are refused; to be called every now and then."""
        due = self._clock() - HOLD_S
        for found in self._rooms.values():
            if found.joins and found.joins[0].began < due:
                for join in found.joins:
                    if join.began < due:
                        join.refuse()
                found.joins = [join for join in found.joins if not join.answer.done()]

    def ask(self, ask: Ask | None) -> None:
        if ask is None or ask.room not in self._rooms:
            return
        self._rooms[ask.room].upto = None
        if self._to is not None:  # the next connection asks for every room without an answer
            self._questions.append(ask)
            self._send()

    # -- within -----------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        while self._to is not None and self._questions and self._asked < ASKED:
            ask = self._questions.popleft()
            if (found := self._rooms.get(ask.room)) is None:
                continue
            to, since = self._to, found.asked_since if ask.known is None else ask.known
            self._asked += 1
            found.asked += 1
            to.link.ask(
                self._calls.open,
                [
                    to.node.encode(),
                    values.int8(to.generation),
                    ask.room.encode(),
                    self._new_epoch().encode(),
                    values.int8(self._tickets[ask.room]),
                    values.int8(kept(found.rules)),
                    values.int8(milliseconds(found.rules)),
                    *asked_for(ask.known),
                    *asked_for(since),
                ],
                partial(self._answered, to, ask, found),
            )

    def _answered(self, to: Sent, ask: Ask, asked: OpenRoom, rows: Sequence[Row] | Exception) -> None:
        if isinstance(rows, StatementFailed):
            asked.asked -= 1  # nothing of it happened
        if to is not self._to:
            return
        self._asked -= 1
        found = self._rooms.get(ask.room)
        if isinstance(rows, StatementFailed) and found is not None:
            self._loop.call_later(RETRY_S, self._retry, ask)
        elif not isinstance(rows, Exception) and rows and found is not None:
            self._found(ask, found, rows)
        self._send()

    def _retry(self, ask: Ask) -> None:
        if (found := self._rooms.get(ask.room)) is not None and found.upto is None:
            self.ask_again(ask.room)

    def _found(self, ask: Ask, found: OpenRoom, rows: Sequence[Row]) -> None:
        head, upto, missed, members = read(rows, self._names)
        further = self.following.answered(ask, head, missed if ask.known is not None else None)
        if further is not None:
            self.ask(further)
        else:
            if self.following.position(ask.room) is None:
                return  # an answer to an earlier question
            found.upto = upto
        if members or found.told:
            self._listener.members_elsewhere(ask.room, members)
        found.told = True
        held, found.held = found.held, []
        for said in held:
            if said.seq > upto:
                self._listener.present_elsewhere(ask.room, said.node, said.user, said.entry)
        joins, found.joins = found.joins, []
        for join in joins:
            if join.answer.done():
                continue
            if ask.known is None and (join.since is None or join.since == found.asked_since):
                join.answer.set_result(Opened(head=head, missed=None if join.since is None else missed))
            else:
                self._join_later(ask.room, found, join)

    def _join_later(self, room: str, found: OpenRoom, join: Join) -> None:
        head = self.following.position(room)
        if head is None:
            found.joins.append(join)
            return
        answer = self._join_live(room, found, join.since, head)
        if isinstance(answer, Future):
            answer.add_done_callback(join.follow)
        else:
            join.answer.set_result(answer.result())

    def _join_live(self, room: str, found: OpenRoom, since: RoomPosition | None, head: RoomPosition) -> Answer[Opened]:
        """A room that is delivered live: its head is what was delivered last."""
        if since == head:
            return Ready(Opened(head=head, missed=[]))
        if since is None or since.epoch != head.epoch or since.offset > head.offset or not kept(found.rules):
            return Ready(Opened(head=head, missed=None))
        if self._to is None:
            raise unavailable()
        future: Future[Opened] = self._loop.create_future()

        def done(rows: Sequence[Row] | Exception) -> None:
            if future.done():
                return
            if isinstance(rows, Exception):
                future.set_exception(unavailable())
            else:
                texts = None if any(row[0] == b"x" for row in rows) else [row[5] or b"" for row in rows]
                future.set_result(Opened(head=head, missed=texts))

        size, ttl = values.int8(kept(found.rules)), values.int8(milliseconds(found.rules))
        self._to.link.ask(
            self._calls.missed,
            [room.encode(), head.epoch.encode(), values.int8(head.offset), size, ttl, *asked_for(since)],
            done,
        )
        return future

    def _catch_up(self, room: str, found: OpenRoom) -> None:
        """Own messages that were ahead, and are next now."""
        while found.ahead:
            position = self.following.position(room)
            if position is None or position.offset + 1 not in found.ahead:
                return
            epoch, text, _ = found.ahead.pop(position.offset + 1)
            self.ask(self.following.arrived(room, epoch, position.offset + 1, text))
