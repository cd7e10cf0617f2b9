"""The application's messages, on their way to its handlers and back.

It asks each type's access rule, calls the type's handler, and sends the answer as the reply that the schema names. What
a handler does is the application's business.
Invariant: a request with a `ref` gets exactly one reply of the type that its schema names, or one error.
"""

from __future__ import annotations

import msgspec

from tidegate.contract import ApplicationRequest, Contract
from tidegate.core.access.rules import require
from tidegate.core.errors import Refused
from tidegate.core.session import Session
from tidegate.gateway.sender import Sender
from tidegate.handlers import Call, Gateway
from tidegate_protocol.plain import plain


class CustomMessages:
    """The handlers of one application behind its contract."""

    def __init__(self, contract: Contract, handlers: Gateway, sender: Sender) -> None:
        self._contract = contract
        self._handlers = handlers.handlers
        self._sender = sender

    async def answer(self, session: Session, request: ApplicationRequest) -> None:
        """Let the handler answer `request`, and send the reply if its schema names one. Raises Refused."""
        rules = self._contract.custom_messages[request.type]
        require(rules.access, "send", session.user, "message", request.type)
        handler = self._handlers.get(request.type)
        if handler is None:
            raise Refused("unknown_type", "this gateway has no handler for this type of message", pointer="/type")
        found = await handler(request.message, Call(session.user, session.id))
        if rules.reply is None or request.ref is msgspec.UNSET:
            return
        content = msgspec.to_builtins(plain(found), str_keys=True) if found is not None else {}
        self._sender.send(session, {**content, "type": rules.reply, "ref": request.ref})
