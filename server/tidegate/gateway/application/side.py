"""What the application's code may ask of the gateway: the implementation of `tidegate.handlers.port.Port`.

What is given is turned into JSON and checked by the schema in the thread of the code that gives it, because both may
run its code and take long. The rest is a step in the gateway's loop.
Invariant: a request in the name of a user has the permissions of that user, as if its client had sent it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import msgspec

from tidegate.contract import Contract
from tidegate.core.budgets.payer import GATEWAY
from tidegate.core.errors import Refused
from tidegate.core.identities import APPLICATION
from tidegate.core.protocol import Protocol
from tidegate.core.rooms.ports import Engine
from tidegate.core.rows.effects import ReadRows, WriteRows
from tidegate.core.rows.messages import visible
from tidegate.core.rows.ports import Store
from tidegate.core.session import Session
from tidegate.gateway.application.crossing import Crossing
from tidegate.gateway.application.pushes import Pushes
from tidegate.handlers.identity import SYSTEM, Identity, System
from tidegate.handlers.port import Row, Target
from tidegate_protocol import MessageRequest, Principal, RoomPosition
from tidegate_protocol import Sender as Author
from tidegate_protocol.plain import plain

PUSH_LIMIT = 1 << 20
"""Bytes of a message that answers no request: clients of the same gateway share it, but it waits for each of them."""


class ApplicationSide:
    """Implements `tidegate.handlers.port.Port`. Every method may be called in any thread."""

    def __init__(
        self,
        contract: Contract,
        protocol: Protocol,
        engine: Engine,
        store: Store,
        pushes: Pushes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: seconds since the Unix epoch."""
        self._contract = contract
        self._protocol = protocol
        self._engine = engine
        self._store = store
        self._pushes = pushes
        self._clock = clock
        self.crossing = Crossing()

    def reply(self, session: object, message: Any) -> Future[bool]:
        assert isinstance(session, Session)
        text = self._text(message)
        return self.crossing.ask(lambda: self._pushes.reply(session, text))

    def push(self, target: Target, message: Any) -> Future[None]:
        text = self._text(message)

        async def push() -> None:
            self._pushes.push(target, text)

        return self.crossing.ask(push)

    def publish(self, room: str, data: Any, sender: Principal, key: str | None) -> Future[RoomPosition]:
        message = {"type": "message", "room": room, "data": plain(data)}
        request = self._contract.decode(_encoded(message if key is None else {**message, "key": key}))
        assert isinstance(request, MessageRequest)
        rules = self._protocol.rooms.rules(room)
        author = Author(id=sender.id, name=sender.name)
        account = GATEWAY.account if sender is APPLICATION else f"user {sender.id}"

        async def publish() -> RoomPosition:
            return await self._engine.publish(room, rules, author, request.data, key, self._clock(), account)

        return self.crossing.ask(publish)

    def rows(self, who: Identity | System, request: Row) -> Future[tuple[list[Row], int | None]]:
        decoded = self._contract.decode(_encoded({name: plain(value) for name, value in request.items()}))
        session = Session("application", None, APPLICATION if who is SYSTEM else who.user)
        if who is not SYSTEM:
            session.claims = who.claims
        make = partial(self._effect, session, decoded, unrestricted=who is SYSTEM)
        return self.crossing.ask(lambda: self._done(make))

    async def _done(self, make: Callable[[], ReadRows | WriteRows]) -> tuple[list[Row], int | None]:
        # A rule of the application may take long, and the thread of the code that asks may be the loop of handlers.
        effect = await asyncio.get_running_loop().run_in_executor(None, make) if self._has_rules else make()
        payer = GATEWAY if effect.session.user is APPLICATION else effect.session.payer
        if isinstance(effect, ReadRows):
            result = await self._store.read(effect.query, payer)
            return result.rows, result.total
        mutation = msgspec.structs.replace(effect.mutation, payer=payer)
        written = await self._store.write(mutation)
        return visible(mutation, written.rows), None
