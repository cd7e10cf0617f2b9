"""Carries out the effects of the core: one table from the type of an effect to what is done for it.

It decides nothing: replies and pushes are sent, the engine and the store are asked, and what they answer goes back to
the core. Reads, writes and replays go on in tasks of `Work`.
Invariant: the effects of one request are begun in their order, in the loop turn in which it was received.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tidegate.core import effects as fx
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import EVERYTHING
from tidegate.core.identities import Identities
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms.ports import Engine
from tidegate.core.rows import effects as row_fx
from tidegate.core.rows.ports import Mutation, Row, Store
from tidegate.core.sessions import Sessions
from tidegate.gateway.catch_up import Replayer
from tidegate.gateway.room_effects import RoomEffects
from tidegate.gateway.sender import Sender
from tidegate.gateway.work import Work
from tidegate_protocol import FeedPosition, Rows


class Effects:
    """All effects of one gateway."""

    def __init__(
        self,
        sessions: Sessions,
        engine: Engine,
        store: Store,
        identities: Identities,
        sender: Sender,
        work: Work,
        catch_up: Replayer,
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._identities = identities
        self._sender = sender
        self._work = work
        self._catch_up = catch_up
        rooms = RoomEffects(sessions.protocol.rooms, engine, sender, work, self.run)
        self._carry: dict[type[fx.Effect], Callable[[Any], None]] = {
            fx.Reply: self._reply,
            fx.Push: self._push,
            fx.SendEncoded: self._send_encoded,
            fx.Close: self._close,
            fx.Identify: self._identify,
            room_fx.PublishMessage: rooms.publish,
            room_fx.JoinReplay: rooms.join,
            room_fx.ReadHistory: rooms.read_history,
            room_fx.CloseRoom: rooms.close,
            room_fx.SharePresence: rooms.share_presence,
            row_fx.Read: self._read,
            row_fx.Write: self._write,
            row_fx.Watch: self._watch,
        }

    def run(self, effects: Iterable[fx.Effect]) -> None:
        """Carry out `effects` in their order. Raises Refused where one of them is refused at once."""
        carry = self._carry
        for effect in effects:
            carry[type(effect)](effect)

    def _reply(self, effect: fx.Reply) -> None:
        self._sender.send(effect.session, effect.message)

    def _push(self, effect: fx.Push) -> None:
        self._sender.push(effect.sinks, effect.message)

    def _send_encoded(self, effect: fx.SendEncoded) -> None:
        for text in effect.texts:
            self._sender.send_text(effect.session, text)

    def _close(self, effect: fx.Close) -> None:
        effect.session.sink.close(effect.code, effect.reason)

    def _identify(self, effect: fx.Identify) -> None:
        identity = self._identities.check(effect.token)
        self.run(self._sessions.identified(effect.session, effect.ref, identity, effect.now))

    def _read(self, effect: row_fx.Read) -> None:
        self._work.spawn(effect.session, [effect.ref], self._rows_read(effect))

    def _write(self, effect: row_fx.Write) -> None:
        self._work.spawn(effect.session, [effect.ref], self._rows_written(effect))

    def _watch(self, effect: row_fx.Watch) -> None:
        if not self._catch_up.at_once(effect.watching):
            self._work.spawn(effect.session, effect.watching.refs, self._catch_up.bring_up(effect.watching))

    async def _rows_read(self, effect: row_fx.Read) -> None:
        result = await self._store.read(effect.query)
        if effect.ref is None:
            return
        position = FeedPosition(epoch=self._store.epoch, seq=result.seq)
        rows = Rows(rows=result.rows, position=position, ref=effect.ref)
        if result.total is not None:
            rows.total = result.total
        self._sender.send(effect.session, rows)

    async def _rows_written(self, effect: row_fx.Write) -> None:
        result = await self._store.write(effect.order)
        if effect.ref is not None:
            position = FeedPosition(epoch=self._store.epoch, seq=result.seq)
            rows = result.rows if effect.order.kind == "delete" else _visible(effect.order, result.rows)
            self._sender.send(effect.session, Rows(rows=rows, position=position, ref=effect.ref))


def _visible(order: Mutation, rows: list[Row]) -> list[Row]:
    return rows if order.visible == EVERYTHING else list(filter(predicate(order.visible), rows))
