"""What became of one call of a handler: a frame to send, or a refusal that can be sent.

It runs in the thread in which the handler ran, because even to look at an answer or an exception may run the
application's code, and may take long.
Invariant: whatever the handler returned or raised, there is exactly one outcome, and the gateway can send it.
"""

from __future__ import annotations

import traceback
from typing import Any

import msgspec

from tidegate.contract import ACKNOWLEDGEMENT, ApplicationRequest, Contract
from tidegate.contract.hazards import readable_ref
from tidegate.core.errors import Refused, error_message, internal
from tidegate.gateway.sender import Sender
from tidegate.reports import report, report_failure, shown
from tidegate_protocol import ERRORS, ErrorCode, Ok
from tidegate_protocol.plain import plain

REPLY_LIMIT = 16 * 1024 * 1024
"""Bytes of a handler's reply."""

Frame = bytes | None
"""The frame of the reply; None if nothing is to be sent."""
Outcome = Frame | Refused


class Outcomes:
    """Makes outcomes. Every method may be called in any thread, and none raises."""

    def __init__(self, contract: Contract, sender: Sender) -> None:
        self._contract = contract
        self._sender = sender

    def of_reply(self, handler: str, request: ApplicationRequest, found: Any) -> Outcome:
        """The handler returned `found`."""
        try:
            return self._frame(handler, request, found)
        except BaseException as error:  # values of the application may raise anything when they are looked at
            report_failure(f"the reply of the handler {handler} cannot be sent; the client gets `internal`", error)
            return internal()

    def of_failure(self, handler: str, error: BaseException) -> Outcome:
        """The handler raised `error`."""
        try:
            if isinstance(error, Refused):
                return self._sendable(error)
        except BaseException as unsendable:  # as above
            report_failure(
                f"the handler {handler} raised a Refused that cannot be sent ({_why(error, unsendable)}); "
                "the client gets `internal`",
                error,
            )
            return internal()
        report_failure(f"the handler {handler} failed; the client gets `internal`", error)
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
        frame = self._sender.frame({**content, "type": reply, "ref": request.ref})
        if len(frame) > REPLY_LIMIT:
            report(f"the reply of the handler {handler} has {len(frame):,} bytes; the client gets `too_large`")
            return Refused("too_large", f"the reply has more than {REPLY_LIMIT:,} bytes")
        return frame

    def _sendable(self, refused: Refused) -> Refused:
        """A copy of `refused` without anything of the application. Raises where the schema does not allow it."""
        copy = Refused(
            _code(refused),
            refused.message,
            pointer=refused.pointer,
            keyword=refused.keyword,
            errors=refused.errors,
            retry_after=refused.retry_after,
        )
        self._contract.check_server(error_message(copy))
        return copy


def _code(refused: Refused) -> ErrorCode:
    """The code of `refused`, which may be a member of an enum. Raises ValueError if it is none of the protocol."""
    for code in ERRORS:
        if code == refused.code:
            return code
    raise ValueError("no code")


def _why(error: BaseException, unsendable: BaseException) -> str:
    """What is wrong with a Refused, and what to write instead."""
    try:
        code = error.code  # type: ignore[attr-defined]  # of a Refused, as far as the application has left it whole
        if code not in list(ERRORS):  # it may have no hash
            return f"{shown(code)} is no error code of the protocol; the codes are {', '.join(sorted(ERRORS))}"
    except BaseException:  # the application's code
        return type(unsendable).__name__
    return "".join(traceback.format_exception_only(unsendable)).strip()[:500]
