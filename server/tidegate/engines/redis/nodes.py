"""Says that this gateway lives, learns which others do, and buries those that are gone.

Any gateway may bury another one, and several may at a time: each takes the rooms that are left. A burial that was not
finished is begun again by the next beat of any gateway. What follows from leases is decided in `engines.leases`.
Invariant: a burial never meets a gateway that lives: once given up, a gateway goes on under another name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Set
from functools import partial
from typing import Any

from tidegate.core.rooms.ports import EngineListener, OtherGateway
from tidegate.engines.leases import NAMES, Leases
from tidegate.engines.redis.connection import ConnectionLost
from tidegate.engines.redis.keys import CHANGE, META, PRESENCE, TOLD
from tidegate.engines.redis.lua import BEAT, BURIED, BURY, LEAVE
from tidegate.engines.redis.resp import ReplyError, pack
from tidegate.engines.redis.wire import Wire

PAGE = 64
"""Rooms of a gateway that are buried at a time."""


class Nodes:
    """`given_up`: what to do when this gateway was given up, beside `rename`. `lost`: when the server lost everything.
    `leased`: when a new name of this gateway has its lease.
    """

    def __init__(
        self,
        wire: Wire,
        listener: EngineListener,
        given_up: Callable[[], None],
        lost: Callable[[], None],
        leased: Callable[[], None],
    ) -> None:
        self._wire = wire
        self._listener = listener
        self._given_up = given_up
        self._lost = lost
        self._leased = leased
        self._times = wire.setup.times
        self._leases = Leases(wire.node, self._times)
        self.names = {wire.node: None}
        """What this gateway is named, or was, the oldest first: the newest, and all that may still have a lease."""
        self._beaten_at = wire.loop.time()
        self._burials: dict[str, asyncio.Task[None]] = {}
        self._in_doubt: dict[tuple[str, str], str] = {}
        """Gateways and rooms that were buried while the connection ended, with the names of the burials."""
        self._left = False
        self._unanswered = False
        self.in_doubt = False
        """The last connection ended before a beat was answered. Perhaps the server had lost the lease, and with it
        all entries."""

    def mine(self, node: str) -> bool:
        """Whether `node` is this gateway, now or before it was given up."""
        return node in self.names

    def down(self) -> None:
        """The connection ended."""
        self._unanswered, self.in_doubt = False, self._unanswered or self.in_doubt

    def beat(self) -> None:
        """To be called every few seconds, and first of all over a new connection."""
        connection, wire = self._wire.connection, self._wire
        if connection is None or self._left or self._unanswered:
            return
        self._unanswered = True
        lease, grace = int(self._times.lease * 1000), int(self._times.grace * 1000)
        keys = [wire.keys.nodes, wire.keys.kept]
        connection.ask(BEAT.call(keys, wire.node, lease, grace, wire.new_epoch()), partial(self._beaten, wire.node))

    def rename(self) -> None:
        """Take another name. To be followed by all that this gateway says of its users."""
        wire = self._wire
        wire.node = wire.setup.new_node()
        self.names[wire.node] = None
        self._leases.renamed(wire.node)
        wire.leased = False
        if wire.connection is not None:
            wire.connection.say(pack([b"SUBSCRIBE", wire.keys.told(wire.node)]))
        self._unanswered = False
        self.beat()  # first: without a lease nothing can be written

    def leave(self) -> None:
        """End the lease, and say so."""
        self.let_go()
        self._left = True

    def let_go(self) -> None:
        """End the lease of the present name, and say so: its users stay for the grace, unless they are elsewhere."""
        wire = self._wire
        if wire.connection is not None and not self._left:
            wire.connection.ask(LEAVE.call([wire.keys.nodes], wire.node, wire.keys.everyone), lambda reply: None)

    def heard_leave(self, node: str) -> None:
        """A gateway said that it leaves."""
        if not self.mine(node):
            for other, standing in self._leases.left(node).items():
                self._listener.gateway(other, standing)

    async def aclose(self) -> None:
        for burial in self._burials.values():
            burial.cancel()
        await asyncio.gather(*self._burials.values(), return_exceptions=True)

    def others(self) -> list[OtherGateway]:
        return self._leases.others(self._wire.loop.time() - self._beaten_at)

    # -- within -----------------------------------------------------------------------------------------------------

    def _beaten(self, beaten: str, reply: Any) -> None:
        if beaten != self._wire.node or isinstance(reply, ConnectionLost) or self._left:
            return
        self._unanswered = False
        if isinstance(reply, ReplyError):
            self._wire.failed(reply)
            return
        self.in_doubt = False
        known, now, scores, kept = reply
        lost, self._wire.kept = self._wire.kept not in {b"", kept}, kept
        self._beaten_at = self._wire.loop.time()
        self._forget_names({node.decode() for node in scores[::2]})
        ends = {
            node.decode(): float(end) / 1000
            for node, end in zip(scores[::2], scores[1::2], strict=True)
            if node.decode() == self._wire.node or not self.mine(node.decode())
        }
        beat = self._leases.beaten(bool(known), ends, now / 1000)
        for node, standing in beat.changes.items():
            if (beat.given_up or lost) and standing == "gone":
                # The server lost the leases of all: the others say again who is present through them.
                self._wire.loop.call_later(self._times.grace, self._listener.gateway, node, standing)
            else:
                self._listener.gateway(node, standing)
        old = [node.decode() for node in scores[::2] if node.decode() not in ends]
        due = [node for node in old if self._leases.due(_score(scores, node), now / 1000)]
        for (node, room), name in list(self._in_doubt.items()):
            if self._wire.connection is not None:
                self._wire.connection.ask(self._bury_in(node, room, name), partial(self._buried, node, room, name))
        for node in (*beat.bury, *due):
            if node not in self._burials:
                self._burials[node] = self._wire.loop.create_task(self._bury(node))
        renewed, self._wire.leased = not self._wire.leased, not beat.given_up
        if lost:
            self._lost()
        elif renewed:
            self._leased()
        if beat.given_up:
            self._given_up()

    def _forget_names(self, leased: Set[str]) -> None:
        """Forget old names of this gateway that are buried. `leased`: the names in the list of leases."""
        for name in list(self.names)[:-NAMES]:
            if name not in leased:
                del self.names[name]
                if self._wire.connection is not None:
                    self._wire.connection.say(pack([b"UNSUBSCRIBE", self._wire.keys.told(name)]))

    async def _bury(self, node: str) -> None:
        """Ends early where the connection ends; the next beat asks again. Owned by `_burials`."""
        wire, keys, name = self._wire, self._wire.keys, f"buried {self._wire.node} {node}"
        grace, rooms_of = int(self._times.grace * 1000), self._wire.keys.rooms_of(node)
        try:
            while wire.connection is not None:
                rooms = await wire.connection.answer(pack([b"SRANDMEMBER", rooms_of, b"%d" % PAGE]))
                if not rooms:
                    await wire.connection.answer(BURIED.call([keys.nodes, rooms_of], node, grace))
                    return
                for room in map(bytes.decode, rooms):
                    if wire.connection is None:
                        return
                    self._in_doubt[node, room] = name
                    reply = await wire.connection.answer(self._bury_in(node, room, name))
                    self._buried(node, room, name, reply)
                    if reply[0] < 0:
                        return
        except (ConnectionLost, ReplyError):
            return
        finally:
            del self._burials[node]

    def _bury_in(self, node: str, room: str, name: str) -> bytes:
        """The command that buries a gateway in one room."""
        keys = self._wire.keys
        names = [*(keys.of_room(room, part) for part in (META, PRESENCE)), keys.nodes, keys.rooms_of(node)]
        grace = int(self._times.grace * 1000)
        return BURY.call(
            [*names, keys.of_room(room, CHANGE), keys.of_room(room, TOLD)],
            *(node, room, keys.channel(room), grace, name, self._wire.remembered_ms),
        )

    def _buried(self, node: str, room: str, name: str, reply: Any) -> None:
        if isinstance(reply, ConnectionLost):
            return
        if self._in_doubt.pop((node, room), None) == name and not isinstance(reply, ReplyError) and reply[1]:
            self._listener.vacated(room)


def _score(scores: list[bytes], node: str) -> float:
    return float(scores[scores.index(node.encode()) + 1]) / 1000
