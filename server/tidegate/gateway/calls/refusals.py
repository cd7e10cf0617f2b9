"""What the client gets of a `Refused` that a handler raised: a code of the protocol, or an own error with its data.

It runs in the thread in which the handler ran: the exception and its values are the application's.
Invariant: what is sent is a copy, and the schema of the message allows it; anything else is `internal`, and the log
says what to declare or to write instead.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from tidegate.contract import APPLICATION, Contract
from tidegate.contract.compiled import CompiledSchema
from tidegate.core.errors import Refused, error_message, internal
from tidegate.reports import report, report_failure, shown
from tidegate_protocol import ERRORS, ErrorCode
from tidegate_protocol.plain import plain

DATA_LIMIT = 65_536
"""Bytes of the data of an error."""


class Refusals:
    """Of one contract. Every method may be called in any thread, and none raises."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract

    def sendable(self, handler: str, declared: Mapping[str, CompiledSchema], error: Refused) -> Refused:
        """A copy of `error` without anything of the application. `declared`: the message's own errors."""
        try:
            return self._copied(handler, declared, error)
        except BaseException as unsendable:  # values of the application may raise anything when they are looked at
            report_failure(
                f"the handler {handler} raised a Refused that cannot be sent ({_why(error, unsendable, declared)}); "
                "the client gets `internal`",
                error,
            )
            return internal()

    def _copied(self, handler: str, declared: Mapping[str, CompiledSchema], error: Refused) -> Refused:
        code, data = _code(error, declared), None
        if code.startswith(APPLICATION):
            data = _json({} if error.data is None else error.data)
            wrong = self._contract.misfit(declared[code.removeprefix(APPLICATION)], data)
            if wrong is not None:
                report(
                    f"the data of {code!r}, which the handler {handler} raised, does not fit its schema in "
                    f"`x-refusals`: {wrong}; the client gets `internal`"
                )
                return internal()
        elif error.data is not None:
            raise TypeError(f"{code!r} has no data: declare an own error in `x-refusals`")
        copy = Refused(
            cast(ErrorCode, code),
            error.message,
            pointer=error.pointer,
            keyword=error.keyword,
            errors=error.errors,
            retry_after=error.retry_after,
            data=data,
        )
        self._contract.check_server(error_message(copy))
        return copy


def _json(data: Any) -> Any:
    """`data` as the client will read it. Raises for what JSON cannot express, and for too much."""
    text = msgspec.json.encode(plain(data))
    if len(text) > DATA_LIMIT:
        raise ValueError(f"the data of an error has at most {DATA_LIMIT:,} bytes")
    return msgspec.json.decode(text)


def _code(refused: Refused, declared: Mapping[str, CompiledSchema]) -> str:
    """The code on the wire of `refused`, which may be a member of an enum. Raises ValueError if there is none."""
    for name in declared:
        if name == refused.code:
            return APPLICATION + name
    for code in ERRORS:
        if code == refused.code:
            return code
    raise ValueError("no code")


def _why(error: BaseException, unsendable: BaseException, declared: Mapping[str, CompiledSchema]) -> str:
    """What is wrong with a Refused, and what to write instead."""
    try:
        code = error.code  # type: ignore[attr-defined]  # of a Refused, as far as the application has left it whole
        if code not in [*ERRORS, *declared]:  # it may have no hash
            own = f"; declared are {', '.join(map(repr, sorted(declared)))}" if declared else ""
            return (
                f"{shown(code)} is no error code of the protocol, and no own error of this message: declare it in "
                f"`x-refusals` of its schema{own}; the codes are {', '.join(sorted(ERRORS))}"
            )
    except BaseException:  # the application's code
        return type(unsendable).__name__
    return "".join(traceback.format_exception_only(unsendable)).strip()[:500]
