"""What the application's code may ask of the gateway: the implementation of `tidegate.handlers.port.Port`.

What is given is turned into JSON and checked by the schema in the thread of the code that gives it, because both may
run its code and take long. The rest is a step in the gateway's loop.
Invariant: a request in the name of a user has the permissions of that user, as if its client had sent it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec

from tidegate.contract import Contract
from tidegate.core.budgets.payer import GATEWAY
from tidegate.core.effects import Effect
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
from tidegate.gateway.calls.transaction import check_no_lock
from tidegate.handlers.errors import NotDone
from tidegate.handlers.identity import SYSTEM, Identity, System
from tidegate.handlers.port import Row, Target
from tidegate_protocol import (
    CreateRequest,
    DeleteRequest,
    GetRequest,
    ListRequest,
    MessageRequest,
    Principal,
    RoomPosition,
    UpdateRequest,
)
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

    @property
    def runs(self) -> bool:
        return not self.crossing.ended

    def end(self) -> None:
        """Refuse what the application asks from now on. In the gateway's loop."""
        self.crossing.end()

    def reply(self, session: object, message: Any) -> Future[bool]:
        assert isinstance(session, Session)
        with not_done():
            text = self._text(message)
        return self.crossing.ask(lambda: self._pushes.reply(session, text))

    def push(self, target: Target, message: Any) -> Future[None]:
        with not_done():
            text = self._text(message)

        async def push() -> None:
            self._pushes.push(target, text)

        return self.crossing.ask(push)

    def publish(self, room: str, data: Any, sender: Principal, key: str | None) -> Future[RoomPosition]:
        message = {"type": "message", "room": room, "data": data}
        with not_done():
            text = _encoded(message if key is None else {**message, "key": key})
            request = self._contract.decode(text)
            assert isinstance(request, MessageRequest)
            rules = self._protocol.rooms.rules(room)
            _check_size(text)
        if rules.durable:
            check_no_lock("keep a message of a durable room")
        author = Author(id=sender.id, name=sender.name)
        account = GATEWAY.account if sender is APPLICATION else f"user {sender.id}"

        async def publish() -> RoomPosition:
            return await self._engine.publish(room, rules, author, request.data, key, self._clock(), account)

        return self.crossing.ask(publish, changes=True)

    def rows(self, who: Identity | System, request: Row) -> Future[tuple[list[Row], int | None]]:
        with not_done():
            decoded = self._contract.decode(_encoded(request))
        changes = request["type"] not in {"list", "get"}
        if changes:
            check_no_lock("write a row")
        session = Session("application", None, APPLICATION if who is SYSTEM else who.user)
        if who is not SYSTEM:
            session.claims = who.claims
        make = partial(self._effect, session, decoded, unrestricted=who is SYSTEM)
        asks = self._protocol.rows.asks_application(request["resource"])
        return self.crossing.ask(lambda: self._done(make, asks), changes=changes)

    def _effect(self, session: Session, request: Any, *, unrestricted: bool) -> ReadRows | WriteRows:
        requests = self._protocol.rows.requests_once(unrestricted=unrestricted)
        does: dict[type[msgspec.Struct], Callable[[Session, Any, float], list[Effect]]] = {
            ListRequest: requests.list_rows,
            GetRequest: requests.get_rows,
            CreateRequest: requests.create,
            UpdateRequest: requests.update,
            DeleteRequest: requests.delete,
        }
        (effect,) = does[type(request)](session, request, 0.0)
        assert isinstance(effect, ReadRows | WriteRows)
        return effect

    async def _done(self, make: Callable[[], ReadRows | WriteRows], asks: bool) -> tuple[list[Row], int | None]:
        # A rule of the application may take long, and the code that asks may be in the loop of handlers.
        effect = await asyncio.get_running_loop().run_in_executor(None, make) if asks else make()
        payer = GATEWAY if effect.session.user is APPLICATION else effect.session.payer
        if isinstance(effect, ReadRows):
            result = await self._store.read(effect.query, payer)
            return result.rows, result.total
        mutation = msgspec.structs.replace(effect.mutation, payer=payer)
        written = await self._store.write(mutation)
        return visible(mutation, written.rows), None

    def _text(self, message: Any) -> bytes:
        """`message` as JSON. Raises Refused where its schema does not allow it."""
        text = _encoded(message)
        self._contract.push(text)
        _check_size(text)
        return text


@contextmanager
def not_done() -> Iterator[None]:
    """What the contract refuses is a mistake of the application, and not of its client."""
    try:
        yield
    except Refused as refused:
        raise NotDone.of(refused) from None


def _encoded(message: Any) -> bytes:
    """Raises Refused for what JSON cannot express."""
    try:
        found = plain(message)
        text = msgspec.json.encode(found)
        if b"null" in text:  # a filter or a value that is not a number would be taken for one that is not there
            _check_finite(msgspec.to_builtins(found, str_keys=True))
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused("invalid_json", f"not JSON: {error}") from None


def _check_finite(value: Any) -> None:
    """Raises ValueError for numbers that JSON does not have: the encoder writes null for them."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number of JSON")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _check_finite(each)


def _check_size(text: bytes) -> None:
    if len(text) > PUSH_LIMIT:
        raise Refused("too_large", f"the message has more than {PUSH_LIMIT:,} bytes")
