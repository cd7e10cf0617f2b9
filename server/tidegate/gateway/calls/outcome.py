"""What became of one call of a handler: a frame to send, or a refusal that can be sent.

It runs in the thread in which the handler ran, because even to look at an answer or an exception may run the
application's code, and may take long.
Invariant: whatever the handler returned, yielded or raised, the schema allows what is made of it, and the gateway can
send it.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from tidegate.contract import ACKNOWLEDGEMENT, ApplicationRequest, Contract
from tidegate.contract.hazards import readable_ref
from tidegate.core.errors import Refused, internal
from tidegate.gateway.calls.refusals import Refusals
from tidegate.gateway.sender import Sender
from tidegate.handlers.errors import NotDone
from tidegate.reports import report, report_failure
from tidegate_protocol import Ok, Part
from tidegate_protocol.plain import plain

REPLY_LIMIT = 16 * 1024 * 1024
"""Bytes of a handler's reply."""
PART_LIMIT = 1024 * 1024
"""Bytes of one part."""

Frame = bytes | None
"""The frame of the reply; None if nothing is to be sent."""
Outcome = Frame | Refused


class Outcomes:
    """Makes outcomes. Every method may be called in any thread, and none raises."""

    def __init__(self, contract: Contract, sender: Sender) -> None:
        self._contract = contract
        self._sender = sender
        self._refusals = Refusals(contract)

    def of_reply(self, handler: str, request: ApplicationRequest, found: Any) -> Outcome:
        """The handler returned `found`."""
        try:
            return self._frame(handler, request, found)
        except BaseException as error:  # values of the application may raise anything when they are looked at
            report_failure(f"the reply of the handler {handler} cannot be sent; the client gets `internal`", error)
            return internal()

    def of_part(self, handler: str, request: ApplicationRequest, found: Any) -> Outcome:
        """The handler yielded `found`, which is not the reply."""
        try:
            return self._part(handler, request, found)
        except BaseException as error:  # as above
            report_failure(f"a part of the handler {handler} cannot be sent; the client gets `internal`", error)
            return internal()

    def is_reply(self, request: ApplicationRequest, found: Any) -> bool:
        """Whether a handler that yields has yielded its reply: a message of the reply's type. May raise anything."""
        reply = self._contract.custom_messages[request.type].reply
        if isinstance(found, msgspec.Struct):
            return type(found).__struct_config__.tag == reply
        return isinstance(found, dict) and found.get("type") == reply

    def of_failure(self, handler: str, request: ApplicationRequest, error: BaseException) -> Refused:
        """The handler raised `error`."""
        if type(error) is NotDone:
            for_client = error.for_client()
            if for_client is None:
                report_failure(
                    f"the handler {handler} gave the gateway what the schema does not allow "
                    f"({error.code}, {error.pointer or '/'}); the client gets `internal`",
                    error,
                )
                return internal()
            error = for_client
        if issubclass(type(error), Refused):  # not `isinstance`: it may have a false `__class__`
            error = cast(Refused, error)
            return self._refusals.sendable(handler, self._contract.custom_messages[request.type].refusals, error)
        report_failure(f"the handler {handler} failed; the client gets `internal`{_hint(request, error)}", error)
        return internal()

    def _frame(self, handler: str, request: ApplicationRequest, found: Any) -> Outcome:
        if request.ref is msgspec.UNSET:
            return None
        reply = self._contract.custom_messages[request.type].reply
        if reply == ACKNOWLEDGEMENT:
            ref = readable_ref(request.message)
            return None if ref is None else self._sender.frame(Ok(ref=ref))
        content = msgspec.to_builtins(plain(found), str_keys=True) if found is not None else {}
        if not isinstance(content, dict):
            raise TypeError(f"a handler returns a Struct, a dict or None, and not {type(found).__name__}")
        if content.get("type", reply) != reply:
            raise TypeError(f"the reply is {reply!r}, and not a message of the type {content['type']!r}")
        # Not by the sender, which may check too: what is wrong is said below, with the name of the handler.
        text = self._contract.encode({**content, "type": reply, "ref": request.ref})
        if len(text) > REPLY_LIMIT:
            return _too_large(handler, "reply", len(text), REPLY_LIMIT)
        # What the client will read is checked, and not what the handler made: the encoder changes values.
        wrong = self._contract.misfit(reply, msgspec.json.decode(text))
        if wrong is not None:
            report(f"the reply of the handler {handler} does not fit {reply!r}: {wrong}; the client gets `internal`")
            return internal()
        return self._sender.framed(text)

    def _part(self, handler: str, request: ApplicationRequest, found: Any) -> Outcome:
        schema = self._contract.custom_messages[request.type].part
        if schema is None:
            report(f"the handler {handler} yields, and {request.type!r} has no `x-part`; the client gets `internal`")
            return internal()
        ref = readable_ref(request.message)
        if ref is None:
            return None
        text = self._sender.encode(Part(ref=ref, data=plain(found)))
        if len(text) > PART_LIMIT:
            return _too_large(handler, "part", len(text), PART_LIMIT)
        wrong = self._contract.misfit(schema, msgspec.json.decode(text)["data"])
        if wrong is not None:
            report(f"a part of the handler {handler} does not fit its schema: {wrong}; the client gets `internal`")
            return internal()
        return self._sender.framed(text)


def _hint(request: ApplicationRequest, error: BaseException) -> str:
    """What a handler did not know that takes a message for a Struct and has got a dict; otherwise an empty text."""
    if type(error) is not AttributeError or type(error.obj) is not dict or error.name not in request.message:
        return ""
    return "; the message is a dict, because the first parameter is not annotated with a Struct of app_contract"


def _too_large(handler: str, what: str, size: int, limit: int) -> Refused:
    report(f"a {what} of the handler {handler} has {size:,} bytes; the client gets `too_large`")
    return Refused("too_large", f"the {what} has more than {limit:,} bytes")
