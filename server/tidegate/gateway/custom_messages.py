"""The application's messages, on their way to its handlers and back.

It asks each type's access rule, calls the type's handler, and sends the parts and the reply that the schema names.
What a handler does is the application's business; what it must not do to the gateway is kept from it in `calls`.
Invariant: a request with a `ref` gets exactly one reply of the type that its schema names, or one error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from functools import partial

from tidegate.contract import ApplicationRequest, Contract
from tidegate.core.access.rules import require
from tidegate.core.errors import Refused
from tidegate.core.session import Session
from tidegate.gateway.calls.calls import HandlerCalls
from tidegate.gateway.calls.keyed import Kept, KeysUnderWay, again, keyed
from tidegate.gateway.calls.outcome import Frame
from tidegate.gateway.calls.part_sender import PartSender
from tidegate.gateway.calls.transaction import CallTransaction, Transactions
from tidegate.gateway.sender import Sender
from tidegate.handlers import Call, Handler, copied
from tidegate.handlers.port import Port


class CustomMessages:
    """The handlers of one application behind its contract."""

    def __init__(
        self,
        contract: Contract,
        handlers: Mapping[str, Handler],
        sender: Sender,
        calls: HandlerCalls,
        parts: PartSender,
        port: Port,
        transactions: Transactions | None = None,
    ) -> None:
        """`handlers`: by type. `port`: what a handler may use of the gateway. `transactions`: for `call.db`."""
        self._contract = contract
        self._handlers = handlers
        self._sender = sender
        self._calls = calls
        self._parts = parts
        self._port = port
        self._transactions = transactions
        self._keys = KeysUnderWay()

    async def answer(self, session: Session, request: ApplicationRequest) -> None:
        """Let the handler answer `request`, and send the reply if its schema names one. Raises Refused."""
        rules = self._contract.custom_messages[request.type]
        require(rules.access, "send", session.user, "message", request.type)
        handler = self._handlers.get(request.type)
        if handler is None:
            raise Refused("unknown_type", "this gateway has no handler for this type of message", pointer="/type")
        if rules.keyed and "key" in request.message and self._transactions is not None:
            await self._answer_once(session, request, handler, self._transactions)
            return
        database = None if self._transactions is None else CallTransaction(self._transactions, session.user.id)
        frame = await self._called(session, request, handler, database)
        if frame is not None:
            self._sender.send_frame(session, frame)

    async def _answer_once(
        self, session: Session, request: ApplicationRequest, handler: Handler, transactions: Transactions
    ) -> None:
        """Answer a message with an idempotency key: as it was answered before, where it was."""
        asked, account, loop = keyed(session, request), session.account, asyncio.get_running_loop()
        with self._calls.waiting.one(session.id, request.ref, streams=handler.streams) as waiting:
            await self._keys.begin(asked, account, waiting)
            try:
                kept = await waiting.until(loop.run_in_executor(None, transactions.kept, asked))
                if kept is not None:
                    reply = again(Kept(*kept), asked, request.ref)
                    if reply is not None:
                        self._sender.send(session, reply)
                    return
                database = CallTransaction(transactions, session.user.id, asked)
                frame = await self._called(session, request, handler, database)
                await loop.run_in_executor(None, database.keep, frame)
                self._keys.kept(account)
            finally:
                self._keys.end(asked)
        if frame is not None:
            self._sender.send_frame(session, frame)

    async def _called(
        self, session: Session, request: ApplicationRequest, handler: Handler, database: CallTransaction | None
    ) -> Frame:
        """What the handler answers. Raises Refused."""
        rules = self._contract.custom_messages[request.type]
        user, claims = copied(session.user), deepcopy(session.claims)
        call = Call(user, session.id, claims, session.expires_at, self._port, session, database)
        send_part = partial(self._parts.send, session)
        try:
            return await self._calls.call(handler, request, call, send_part, rules.timeout)
        except BaseException:
            if database is not None:  # undone already, unless the handler still runs
                database.abort()
            raise

    def left(self, session: Session) -> None:
        """The connection of `session` has ended."""
        self._calls.left(session.id)

    def give_up(self) -> None:
        """The gateway stops: the handlers that have not answered are not waited for any more."""
        self._calls.give_up()
