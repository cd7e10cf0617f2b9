"""Between the rules of rooms and their engine: asks what the core wants asked, and brings the answers back.

An answer that is ready is used in the same loop turn, without awaiting it; for another one the gateway goes on in a
task. Who gets what is decided in `core.rooms`.
Invariant: `sent` and `joined` are sent only after the engine has answered, and what a room delivers keeps its order.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Sequence
from functools import partial

from msgspec import UNSET

from tidegate.core.effects import Effect
from tidegate.core.errors import Refused
from tidegate.core.rooms.effects import (
    CloseRoom,
    JoinReplay,
    ListMembers,
    PublishMessage,
    ReadHistory,
    ReplayMessages,
)
from tidegate.core.rooms.ports import Answer, Engine, HistoryPage, Opened, Ready
from tidegate.core.rooms.room import REPLAY_BYTES, Held
from tidegate.core.rooms.rooms import Rooms
from tidegate.gateway.pace import Pace
from tidegate.gateway.sender import Sender
from tidegate.gateway.work import Work
from tidegate_protocol import RoomPosition
from tidegate_protocol import Sender as Author

Run = Callable[[Sequence[Effect]], None]


class RoomEffects:
    """Carries out the effects of `core.rooms.effects`."""

    def __init__(self, rooms: Rooms, engine: Engine, sender: Sender, work: Work, run: Run, pace: Pace) -> None:
        """`run` carries out the effects that follow from an answer."""
        self._rooms = rooms
        self._engine = engine
        self._sender = sender
        self._work = work
        self._run = run
        self._pace = pace

    def publish(self, effect: PublishMessage) -> None:
        session, request, room = effect.session, effect.request, effect.room
        user, key = session.user, None if request.key is UNSET else request.key
        author = Author(id=user.id, name=user.name)
        answer = self._engine.publish(room.name, room.rules, author, request.data, key, effect.now, session.account)
        if isinstance(answer, Ready):  # as the engine of this process answers: it costs no call
            if request.ref is not UNSET:
                self._published(effect, answer.value)
        elif answer.done():
            self._published(effect, answer.result())
        elif isinstance(answer, Future):
            self._work.after(session, [effect.ref], answer, partial(self._published, effect))
        else:
            self._work.spawn(session, [effect.ref], self._published_later(effect, answer))

    def read_history(self, effect: ReadHistory) -> None:
        room = effect.room
        answer = self._engine.history(room.name, room.rules, effect.before, effect.limit, effect.now)
        if answer.done():
            self._sender.send(effect.session, effect.reply(answer.result()))
        else:
            self._work.spawn(effect.session, [effect.ref], self._page_read(effect, answer))

    def join(self, effect: JoinReplay) -> None:
        room = effect.room
        try:
            answer = self._engine.open(room.name, room.rules, effect.since, effect.now)
            opened = answer.result() if answer.done() else None
        except Refused:
            self._run(self._rooms.not_opened(effect))
            raise
        if opened is not None:
            self._run(self._rooms.opened(effect, opened))
        else:
            held = self._rooms.hold(effect)
            self._work.spawn(effect.session, [effect.ref], self._opened(effect, answer, held))

    def replay(self, effect: ReplayMessages) -> None:
        self._work.spawn(effect.join.session, [], self._replayed(effect))

    def list_members(self, effect: ListMembers) -> None:
        further = effect.after
        if further is None:
            members, further = effect.room.presence_list()
            if effect.ref is not None:
                members.ref = effect.ref
            self._sender.send(effect.session, members)
        if further is not None:
            self._work.spawn(effect.session, [], self._further_listed(effect, further))

    def close(self, effect: CloseRoom) -> None:
        self._engine.close(effect.room, effect.now)

    async def _published_later(self, effect: PublishMessage, answer: Answer[RoomPosition]) -> None:
        self._published(effect, await answer)

    def _published(self, effect: PublishMessage, position: RoomPosition) -> None:
        reply = effect.reply(position)
        if reply is not None:
            self._sender.send(effect.session, reply)

    async def _page_read(self, effect: ReadHistory, answer: Answer[HistoryPage]) -> None:
        page = await answer
        session, room = effect.session, effect.room
        if room.rules.bound is not None and not session.outside and session not in room.sessions:
            raise Refused("not_joined", "the user may not be in the room any more", pointer="/room")
        self._sender.send(effect.session, effect.reply(page))

    async def _opened(self, effect: JoinReplay, answer: Answer[Opened], held: Held) -> None:
        try:
            opened = await answer
        except Exception:  # whatever the engine failed with: the `join` failed, and `Work` answers
            self._run(self._rooms.not_opened(effect, held))
            raise
        self._run(self._rooms.opened(effect, opened, held))

    async def _replayed(self, effect: ReplayMessages) -> None:
        """Send what was missed; not more is on its way at a time than what may wait for the client."""
        session, room = effect.join.session, effect.join.room
        unsent = session.sink.unsent
        for text in effect.texts:
            waited = unsent > REPLAY_BYTES
            if waited:
                await session.sink.drained()
                unsent = 0
            if not self._pace.take(len(text)):
                await self._pace.wait(len(text))
                waited = True
            if waited and room.held.get(session) is not effect.held:
                return
            self._sender.send_text(session, text)
            unsent += len(text)
        self._run(self._rooms.replayed(effect))

    async def _further_listed(self, effect: ListMembers, further: int | None) -> None:
        session, room = effect.session, effect.room
        while further is not None:
            await session.sink.drained()
            if session not in room.sessions:
                return
            message, further = room.further_members(further)
            self._sender.send(session, message)
