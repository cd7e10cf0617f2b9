"""Where connections, the core and the adapters meet: frames become requests, effects become frames.

It decides nothing of the protocol itself (that is `core`) and knows no SQL and no WebSocket details. It owns the
sessions and, through the task group it is given, every read, write and replay under way.
Invariant: whatever a client sends, it gets a typed error at most; a failure of ours is logged and answered `internal`.
"""

from __future__ import annotations

import logging
import time
from asyncio import Task, TaskGroup, wait
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from tidegate.contract import ApplicationRequest, Contract
from tidegate.core import effects as fx
from tidegate.core.errors import Refused, error_message
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import EVERYTHING
from tidegate.core.identities import Identities
from tidegate.core.protocol import Protocol
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms.ports import Broker
from tidegate.core.rows import effects as row_fx
from tidegate.core.rows.ports import Change, Mutation, Row, Store
from tidegate.core.session import Session
from tidegate.gateway.catch_up import Replayer
from tidegate.gateway.custom_messages import CustomMessages
from tidegate.gateway.heartbeats import Heartbeats
from tidegate.transport import Connection, Outbox, text_frame
from tidegate_protocol import (
    PROTOCOL_VERSION,
    CloseCode,
    FeedPosition,
    Goodbye,
    Joined,
    Limits,
    Messages,
    RoomMessage,
    Rows,
    Sender,
    Sent,
    Welcome,
)

log = logging.getLogger("tidegate.gateway")

PENDING_LIMIT = 256
"""Reads and writes of one connection under way, above which we stop reading from it for a while."""


class Gateway:
    """The application that `Connection` talks to."""

    def __init__(
        self,
        contract: Contract,
        protocol: Protocol,
        store: Store,
        identities: Identities,
        outbox: Outbox,
        own: CustomMessages,
        limits: Limits,
        heartbeat: float,
        check_output: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._contract = contract
        self._protocol = protocol
        self._store = store
        self._identities = identities
        self._outbox = outbox
        self._own = own
        self._limits = limits
        self._heartbeat = heartbeat
        self._check_output = check_output
        self._frame = self._checked_frame if check_output else self._plain_frame
        self._clock = clock
        self._tasks: TaskGroup
        self._broker: Broker
        self._replayer = Replayer(
            protocol.rows, store, self._frame, lambda session, frame: outbox.push(session.sink, frame)
        )
        self._pending: dict[Session, int] = {}
        self._under_way: set[Task[None]] = set()
        self.heart = Heartbeats(heartbeat, protocol, self._push, self._expire, clock)
        self.sessions: dict[Session, None] = {}
        self.draining = False
        self._carry: dict[type[fx.Effect], Callable[[Any], None]] = {
            fx.Reply: self._reply,
            fx.Push: lambda effect: self._push(effect.sinks, effect.message),
            room_fx.PublishMessage: self._publish,
            room_fx.JoinReplay: self._replay_room,
            room_fx.ReadHistory: self._recall,
            row_fx.Read: lambda effect: self._spawn(effect.session, [effect.ref], self._read(effect)),
            row_fx.Write: lambda effect: self._spawn(effect.session, [effect.ref], self._write(effect)),
            row_fx.Watch: self._watch,
            fx.Identify: self._identify,
        }

    def start(self, tasks: TaskGroup, broker: Broker) -> None:
        """`tasks` owns everything that is under way from here on and must outlive the last connection."""
        self._tasks = tasks
        self._broker = broker
        self._store.follow(self.dispatch, self.skipped)

    # -- what a connection tells ------------------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        now = self._clock()
        session = Session(connection.id, connection.write_side, self._identities.anonymous())
        connection.session = session
        self.sessions[session] = None
        if connection.token is not None:
            try:
                identified = self._identities.check(connection.token)
            except Refused as refused:
                self.send(session, error_message(refused))
                self._close(session, 4001, "the token is not valid")
                return
            session.become(identified.user, identified.claims)
            session.expires_at = identified.expires_at
        self.heart.add(session)
        self.send(session, self._welcome(session, now))

    def received(self, connection: Connection, payload: bytes) -> None:
        session: Session = connection.session
        try:
            request = self._contract.decode(payload)
        except Refused as refused:
            self.send(session, error_message(refused))
            return
        if type(request) is ApplicationRequest:
            self._spawn(session, [None if request.ref is UNSET else request.ref], self._answer(session, request))
            return
        try:
            for effect in self._protocol.receive(session, request, self._clock()):
                self._carry[type(effect)](effect)
        except Refused as refused:
            self.send(session, error_message(refused, _ref(request)))

    def received_binary(self, connection: Connection) -> None:
        refused = Refused("invalid_json", "a message is one JSON object in a text frame; this was a binary frame")
        self.send(connection.session, error_message(refused))

    def disconnected(self, connection: Connection, code: int | None) -> None:
        session: Session = connection.session
        self.sessions.pop(session, None)
        self.heart.discard(session)
        self._pending.pop(session, None)
        clean = code in {1000, 1001}
        self._run(self._protocol.ended(session, self._clock(), clean))

    async def settled(self) -> None:
        if self._under_way:
            await wait(self._under_way)

    # -- what the adapters tell -------------------------------------------------------------------------------------

    def dispatch(self, changes: Sequence[Change], head: int) -> None:
        """Committed changes, in order; everything up to `head` is in the queues when this returns."""
        self._run(self._protocol.rows.dispatch(changes, head))
        self._replayer.dispatched()

    def skipped(self, head: int) -> None:
        """Everything up to `head` is past, and nobody was there to hear of it."""
        self._protocol.rows.dispatched.jump(head)
        self._replayer.dispatched()

    def encoded(self, message: RoomMessage) -> bytes:
        """What was said in a room, as it travels and is kept."""
        if self._check_output:
            self._contract.check_server(message)
        return self._contract.encode(message)

    def deliver(self, name: str, message: bytes) -> None:
        """Something was said in a room, here or elsewhere."""
        room = self._protocol.rooms.room(name)
        if room is not None:
            self._outbox.push_many(room.sinks, text_frame(message))

    def tick(self) -> None:
        """What time alone brings; called every 50 ms."""
        now = self._clock()
        if not self._protocol.rows.subscriptions:
            self._replayer.rest()
        self._run(self._protocol.tick(now))
        self.heart.tick(now)
        self._broker.sweep(now, lambda room: self._protocol.rooms.room(room) is not None)

    def say_goodbye(self, code: CloseCode, reason: str, retry_after: Callable[[], float]) -> None:
        """Tell every client that the end is near; `retry_after` differs for each, so that nobody stampedes."""
        self.draining = True
        for session in self.sessions:
            self.send(session, Goodbye(code=code, reason=reason, retry_after=round(retry_after(), 3)))

    # -- sending ----------------------------------------------------------------------------------------------------

    def send(self, session: Session, message: msgspec.Struct) -> None:
        """One message to one session."""
        self._outbox.push(session.sink, self._frame(message))

    def _push(self, sinks: Collection[Any], message: msgspec.Struct) -> None:
        self._outbox.push_many(sinks, self._frame(message))

    def _plain_frame(self, message: msgspec.Struct | dict[str, Any]) -> bytes:
        return text_frame(self._contract.encode(message))

    def _checked_frame(self, message: msgspec.Struct | dict[str, Any]) -> bytes:
        self._contract.check_server(message)
        return self._plain_frame(message)

    def _run(self, effects: Any) -> None:
        for effect in effects:
            self._carry[type(effect)](effect)

    def _close(self, session: Session, code: int, reason: str) -> None:
        session.sink.close(code, reason)

    def _welcome(self, session: Session, now: float) -> Welcome:
        welcome = Welcome(
            protocol=PROTOCOL_VERSION,
            connection=session.id,
            user=session.user,
            position=self._protocol.rows.dispatched.position,
            heartbeat=self._heartbeat,
            limits=self._limits,
            contract=self._contract.hash,
        )
        if session.user.anonymous:
            welcome.identity = self._identities.identity_token(session.user, now)
        return welcome

    # -- effects ----------------------------------------------------------------------------------------------------

    def _reply(self, effect: fx.Reply) -> None:
        self._outbox.push(effect.session.sink, self._frame(effect.message))

    def _publish(self, effect: room_fx.PublishMessage) -> None:
        user, request, room = effect.session.user, effect.request, effect.room
        key = None if request.key is UNSET else request.key
        position = self._broker.publish(
            room.name, room.rules, Sender(id=user.id, name=user.name), request.data, key, self._clock()
        )
        if request.ref is not UNSET:
            self.send(effect.session, Sent(room=room.name, position=position, ref=request.ref))

    def _replay_room(self, effect: room_fx.JoinReplay) -> None:
        room, session, now = effect.room, effect.session, self._clock()
        history = self._broker.history(room.name, room.rules, now)
        missed = None if effect.since is None else history.after(effect.since, now)
        if effect.ref is not None:
            joined = Joined(
                room=room.name,
                position=history.head,
                recovered=missed is not None,
                replayed=len(missed or ()),
                ref=effect.ref,
            )
            if effect.with_users:
                joined.users = room.presence.members()
            self.send(session, joined)
        for message in missed or ():
            self._outbox.push(session.sink, text_frame(message))
        if effect.with_presence:
            self.send(session, room.presence_list())

    def _recall(self, effect: room_fx.ReadHistory) -> None:
        request, now = effect.request, self._clock()
        if request.ref is UNSET:
            return
        history = self._broker.history(effect.room.name, effect.room.rules, now)
        limit = self._limits.max_history if request.limit is UNSET else request.limit
        before = None if request.before is UNSET else request.before
        texts, more = history.page(before, limit, now)
        messages: Any = [msgspec.Raw(text) for text in texts]  # encoded already
        self.send(effect.session, Messages(room=effect.room.name, messages=messages, more=more, ref=request.ref))

    async def _answer(self, session: Session, request: ApplicationRequest) -> None:
        reply = await self._own.answer(session, request)
        if reply is not None:
            self._outbox.push(session.sink, self._frame(reply))

    async def _read(self, effect: row_fx.Read) -> None:
        result = await self._store.read(effect.query)
        if effect.ref is None:
            return
        rows = Rows(
            rows=result.rows,
            position=FeedPosition(epoch=self._store.epoch, seq=result.seq),
            ref=effect.ref,
        )
        if result.total is not None:
            rows.total = result.total
        self.send(effect.session, rows)

    async def _write(self, effect: row_fx.Write) -> None:
        result = await self._store.write(effect.order)
        if effect.ref is not None:
            position = FeedPosition(epoch=self._store.epoch, seq=result.seq)
            rows = result.rows if effect.order.kind == "delete" else self._visible(effect.order, result.rows)
            self.send(effect.session, Rows(rows=rows, position=position, ref=effect.ref))

    @staticmethod
    def _visible(order: Mutation, rows: list[Row]) -> list[Row]:
        return rows if order.visible == EVERYTHING else list(filter(predicate(order.visible), rows))

    def _watch(self, effect: row_fx.Watch) -> None:
        if not self._replayer.at_once(effect.watching):
            self._spawn(effect.session, effect.watching.refs, self._replayer.bring_up(effect.watching))

    def _identify(self, effect: fx.Identify) -> None:
        identified = self._identities.check(effect.token)
        now = self._clock()
        self._run(self._protocol.identified(effect.session, effect.ref, identified, now))
        self.heart.renew(effect.session)

    def _expire(self, session: Session) -> None:
        """The user's token ended: the client comes back at once with a fresh one."""
        self.send(session, Goodbye(code=4202, reason="the token has expired", retry_after=0))
        self._close(session, 4202, "the token has expired")

    # -- work under way ---------------------------------------------------------------------------------------------

    def _spawn(self, session: Session, refs: Sequence[fx.Ref], work: Awaitable[None]) -> None:
        """Do `work` beside the loop's other work; a connection with too much of it is not read from for a while.

        `refs` are the requests that wait for it, when it fails.
        """
        pending = self._pending.get(session, 0) + 1
        self._pending[session] = pending
        if pending == PENDING_LIMIT:
            session.sink.pause_reading()
        task = self._tasks.create_task(self._guard(session, refs, work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _guard(self, session: Session, refs: Sequence[fx.Ref], work: Awaitable[None]) -> None:
        try:
            await work
        except Refused as refused:
            self._refuse(session, refs, refused)
        except Exception:  # the boundary: a bug or a broken database must cost one request, not the server
            log.exception("request failed", extra={"connection": session.id, "user": session.user.id})
            self._refuse(session, refs, Refused("internal", "the gateway failed at this; it is in its log"))
        finally:
            pending = self._pending.get(session, 0) - 1
            if pending > 0:
                self._pending[session] = pending
            else:
                self._pending.pop(session, None)
            if pending == PENDING_LIMIT // 2:
                session.sink.resume_reading()

    def _refuse(self, session: Session, refs: Sequence[fx.Ref], refused: Refused) -> None:
        for ref in refs:
            self.send(session, error_message(refused, ref))


def _ref(request: msgspec.Struct) -> fx.Ref:
    ref = getattr(request, "ref", UNSET)
    return None if ref is UNSET else ref
