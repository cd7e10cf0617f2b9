"""Everything that can go wrong for a program that uses the client, as one small exception tree.

    TidegateError
    +-- RequestRefused        the gateway answered a request with an `error`; the connection lives
    +-- RequestTimeout        no reply came within the timeout
    +-- ConnectionLost        the connection broke under a request that must not be sent twice
    +-- ConnectionClosed      the client, the room or the live query has ended
    |   +-- ConnectionRefused the gateway refused the client for good (close codes 4000-4099, HTTP 401 and 403)
    |   +-- ClientClosed      the program closed it
    +-- InvalidOption         an option has a value that it cannot have
    +-- Unreachable           the first attempt to connect failed
    +-- StreamOverflow        the program read an iterator more slowly than messages came
    +-- ModelMismatch         a row or a message does not fit the model it should be converted to

The TypeScript client has the same classes, but for the last three. This module knows neither sockets nor asyncio.
Invariant: every error says in `retryable` whether the same call may succeed later, so that a program needs no list of
codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from tidegate_protocol.typed import typed

__all__ = [
    "ClientClosed",
    "ConnectionClosed",
    "ConnectionLost",
    "ConnectionRefused",
    "InvalidOption",
    "ModelMismatch",
    "RequestRefused",
    "RequestTimeout",
    "StreamOverflow",
    "TidegateError",
    "Unreachable",
    "Violation",
    "refusal",
    "seconds",
    "withdrawn",
]


DataT = TypeVar("DataT")
_MISSING = re.compile(r'lacks the property "([^"]+)')
_PROPERTY = re.compile(r"/data(?:/\d+)?/([^/]+)")
"""Of one row, or of an array of rows."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason why a message was refused: where (RFC 6901 pointer), which schema keyword, and a sentence."""

    pointer: str
    keyword: str
    message: str


class TidegateError(Exception):
    """The root of the tree.

    Example:
        try:
            await users.create({"name": "Ann"})
        except TidegateError as error:
            if error.retryable:
                await asyncio.sleep(error.retry_after or 1)
            else:
                print(error.code, error.pointer)
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        pointer: str | None = None,
        keyword: str | None = None,
        errors: Sequence[Violation] = (),
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        """A short word for programs: the wire's error code, or a code of the client itself."""
        self.message = message
        self.pointer = pointer
        """RFC 6901 pointer into the request that was sent, where it applies."""
        self.keyword = keyword
        self.errors = tuple(errors)
        self.retryable = retryable
        """Whether the same call, unchanged, may succeed later."""
        self.retry_after = retry_after
        """Seconds to wait before the next attempt, if the gateway said so."""

    def __str__(self) -> str:
        place = f" (at {self.pointer})" if self.pointer else ""
        return f"{self.code}: {self.message}{place}"


class RequestRefused(TidegateError):
    """The gateway answered with an `error`.

    `code` is one of schema/types/error_code, or `app:` and the name of an own error of the application.
    """

    data: Any = None
    """What an own error of the application says besides."""

    def data_as(self, model: type[DataT]) -> DataT:
        """`data` as the generated type of this error's data. ModelMismatch if it does not fit.

        Example:
            if error.code == "app:sold_out":
                print(error.data_as(BuyRequestSoldOut).left)
        """
        try:
            return typed(self.data, model)
        except msgspec.ValidationError as error:
            raise ModelMismatch(f"the data of {self.code!r} don't fit {model.__name__}: {error}") from error

    @property
    def fields(self) -> dict[str, list[str]]:
        """For forms: what is wrong with each property of the `data` that was sent.

        Example:
            errors = error.fields.get("email", [])
        """
        found: dict[str, list[str]] = {}
        for violation in self.errors or (Violation(self.pointer or "", "", self.message),):
            # The pointer of a missing property is that of the object which lacks it.
            missing = _MISSING.match(violation.message)
            place = _PROPERTY.match(f"{violation.pointer}/{missing[1] if missing else ''}")
            if place is not None:
                found.setdefault(place[1].replace("~1", "/").replace("~0", "~"), []).append(violation.message)
        return found


class RequestTimeout(TidegateError):
    """No reply came in time. The gateway may have carried the request out: repeat a mutation with the same `key`."""

    def __init__(self, message: str) -> None:
        super().__init__("timeout", message, retryable=True)


class ConnectionLost(TidegateError):
    """The connection broke before the reply came; the gateway may have carried the request out."""

    def __init__(self, message: str) -> None:
        super().__init__("connection_lost", message, retryable=True)


class ConnectionClosed(TidegateError):
    """The client, the room or the live query has ended."""

    def __init__(self, code: str, message: str, *, close_code: int | None = None) -> None:
        super().__init__(code, message)
        self.close_code = close_code
        """The WebSocket close code, if the gateway closed the connection."""


class ConnectionRefused(ConnectionClosed):
    """The gateway refused this client for good; `close_code` says why. None: it refused the opening handshake."""

    def __init__(self, message: str, *, close_code: int | None = None) -> None:
        super().__init__("connection_refused", message, close_code=close_code)


class InvalidOption(TidegateError, ValueError):
    """An option has a value that it cannot have, or contradicts another."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_option", message)


class Unreachable(TidegateError):
    """The first attempt to connect failed. `connect(..., wait=True)` keeps trying instead."""

    def __init__(self, message: str) -> None:
        super().__init__("unreachable", message, retryable=True)


class ClientClosed(ConnectionClosed):
    """The program itself closed the client or the live query, or left the room."""

    def __init__(self, message: str = "the client is closed") -> None:
        super().__init__("closed", message)


class StreamOverflow(TidegateError):
    """An iterator's buffer was full and `dropped` items did not fit; iterating again goes on with the next item."""

    def __init__(self, dropped: int, capacity: int) -> None:
        super().__init__("overflow", f"{dropped} item(s) dropped: the iterator's buffer of {capacity} was full")
        self.dropped = dropped


class ModelMismatch(TidegateError):
    """A row or a message does not fit the wanted model, such as a row that another program wrote."""

    def __init__(self, message: str) -> None:
        super().__init__("model_mismatch", message)


def refusal(message: Mapping[str, Any]) -> RequestRefused:
    """The exception for an `error` message. A missing or wrong property has a plain default; others are ignored."""
    pointer, keyword, errors = message.get("pointer"), message.get("keyword"), message.get("errors")
    refused = RequestRefused(
        str(message.get("code", "internal")),
        str(message.get("message", "")),
        pointer=pointer if isinstance(pointer, str) else None,
        keyword=keyword if isinstance(keyword, str) else None,
        errors=[_violation(entry) for entry in (errors if isinstance(errors, list) else ()) if isinstance(entry, dict)],
        retryable=bool(message.get("temporary", False)),
        retry_after=seconds(message.get("retry_after")),
    )
    refused.data = message.get("data")
    return refused


def seconds(value: object) -> float | None:
    """A time as the gateway names one; None for what is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def withdrawn(what: str, reason: object = None) -> RequestRefused:
    """The gateway ended a membership or a subscription: this user may not have it any more, if no reason is given."""
    return RequestRefused("forbidden", f"the gateway ended {what}" + (f": {reason}" if reason else ""))


def _violation(entry: Mapping[str, Any]) -> Violation:
    return Violation(str(entry.get("pointer", "")), str(entry.get("keyword", "")), str(entry.get("message", "")))
