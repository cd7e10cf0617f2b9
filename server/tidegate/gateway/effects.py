"""Carries out the effects of the core: one table from the type of an effect to what is done for it.

It decides nothing: replies and pushes are sent, the engine and the store are asked, and what they answer goes back to
the core. Reads, writes and replays go on in tasks of `Work`.
Invariant: the effects of one request are begun in their order, in the loop turn in which it was received.
"""

from __future__ import annotations

import time
from asyncio import Future
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from tidegate.core import effects as fx
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms.ports import Engine
from tidegate.core.rows import effects as row_fx
from tidegate.core.rows.messages import rows_read, rows_written
from tidegate.core.rows.ports import ReadResult, Store, WriteResult, Written
from tidegate.core.sessions import Sessions
from tidegate.gateway.answers import Answers
from tidegate.gateway.catch_up import CatchUpDriver
from tidegate.gateway.pace import Pace
from tidegate.gateway.room_asks import RoomAsks
from tidegate.gateway.room_effects import RoomEffects
from tidegate.gateway.sender import Sender
from tidegate.gateway.work import Work


class Effects:
    """All effects of one gateway."""

    def __init__(
        self,
        sessions: Sessions,
        engine: Engine,
        store: Store,
        sender: Sender,
        work: Work,
        catch_up: CatchUpDriver,
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._sender = sender
        self.counts = sender.counts
        self._work = work
        self._catch_up = catch_up
        pace = Pace()
        self._answers = Answers(sender, work.ledger, pace)
        asks = RoomAsks(sessions, store, work, self.run)
        rooms = RoomEffects(sessions.protocol.rooms, engine, sender, work, self.run, pace)
        self._carry: dict[type[fx.Effect], Callable[[Any], None]] = {
            fx.Reply: self._reply,
            fx.Push: self._push,
            fx.SendEncoded: self._send_encoded,
            fx.Close: self._close,
            room_fx.PublishMessage: rooms.publish,
            room_fx.JoinReplay: rooms.join,
            room_fx.AskRows: asks.begin,
            room_fx.ReadHistory: rooms.read_history,
            room_fx.ReplayMessages: rooms.replay,
            room_fx.ListMembers: rooms.list_members,
            room_fx.CloseRoom: rooms.close,
            row_fx.ReadRows: self._read,
            row_fx.WriteRows: self._write,
            row_fx.CatchUp: self._bring_up,
        }

    def add(self, kind: type[fx.Effect], carry: Callable[[Any], None]) -> None:
        """Let `carry` carry out the effects of a kind that another part of the gateway knows."""
        self._carry[kind] = carry

    def run(self, effects: Iterable[fx.Effect]) -> None:
        """Carry out `effects` in their order. Raises Refused where one of them is refused at once."""
        carry = self._carry
        for effect in effects:
            carry[type(effect)](effect)

    def give_up(self) -> None:
        """The gateway stops: what waits for the database is refused, and nothing is begun there any more."""
        self._store.give_up()

    def _reply(self, effect: fx.Reply) -> None:
        self._sender.send(effect.session, effect.message)

    def _push(self, effect: fx.Push) -> None:
        self._sender.push(effect.sinks, effect.message)

    def _send_encoded(self, effect: fx.SendEncoded) -> None:
        for text in effect.texts:
            self._sender.send_text(effect.session, text)

    def _close(self, effect: fx.Close) -> None:
        effect.session.sink.close(effect.code, effect.reason)

    def _read(self, effect: row_fx.ReadRows) -> None:
        work = self._answers.send(effect.session, partial(self._rows_read, effect))
        self._work.spawn_reading(effect.session, [effect.ref], work, len(effect.query.keys or ()))

    def _write(self, effect: row_fx.WriteRows) -> None:
        if self._feed_resumes:
            self._work.spawn(effect.session, [effect.ref], self._rows_written_later(effect))
            return
        began = time.perf_counter()
        written = self._store.write(effect.mutation)
        if isinstance(written, Future):
            then = partial(self._rows_written, effect, began)
            self._work.after(effect.session, [effect.ref], written, then)
        else:
            self._work.spawn(effect.session, [effect.ref], self._rows_written_later(effect, written))

    @property
    def _feed_resumes(self) -> bool:
        """A subscriber waits for the feed, and its task may not have begun: what is written now comes after that."""
        return not self._store.following and bool(self._sessions.protocol.rows.subscriptions.index)

    def _bring_up(self, effect: row_fx.CatchUp) -> None:
        work = self._catch_up.begin(effect.subscription)
        if work is not None:
            self._work.spawn_reading(effect.session, effect.subscription.refs, work)

    async def _rows_read(self, effect: row_fx.ReadRows) -> bytes | None:
        return await self._store.answer(effect.query, partial(self._answer, effect), effect.session.payer)

    def _answer(self, effect: row_fx.ReadRows, result: ReadResult) -> bytes | None:
        """The frame of an answer. Called in a thread of the store."""
        answer = rows_read(effect, result, self._store.epoch)
        return None if answer is None else self._sender.frame(answer)

    async def _rows_written_later(self, effect: row_fx.WriteRows, written: Written | None = None) -> None:
        began = time.perf_counter()
        if written is None:
            written = self._store.write(effect.mutation)
        self._rows_written(effect, began, await written)

    def _rows_written(self, effect: row_fx.WriteRows, began: float, result: WriteResult) -> None:
        self.counts.writes.observe(time.perf_counter() - began)
        answer = rows_written(effect, result, self._store.epoch)
        if answer is not None:
            self._sender.send(effect.session, answer)
