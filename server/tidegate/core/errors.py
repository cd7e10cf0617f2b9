"""The exceptions of the gateway, and how a refusal becomes an `error` message.

    TidegateError
    +-- Refused               core.errors        a request failed: the client gets an `error`, the connection lives
    |   +-- PermanentFailure                     its cause stays until a person removes it
    +-- LogPruned             core.rows.ports    the change log lacks changes that were asked for
    +-- StoreError            store.errors       the database cannot be used as it is; the text says what to do
    |   +-- Unmigrated                           it lacks something that the schema needs
    |   +-- NeedsManualMigration                 the change may lose values: a person has to write it
    +-- EngineError           engines.setup      the engine of rooms cannot be used as it is; the text says what to do
    +-- ConfigError           config             a setting is wrong
    +-- HandlersError         handlers           the application's Python code cannot be used
    +-- BrokenOutput          contract.contract  the gateway was about to send what the schema does not allow

Outside of the tree is `schema.SchemaError`, the problems of schema files: `schema` and `codegen` import nothing of the
gateway. `app` turns it into a ConfigError. Connections end by a close code (`core.closes`), not by an exception.
The error codes are those of schema/types/error_code.
Invariant: a `Refused` never carries more than `MESSAGE_LIMIT` characters of text, and never a sent value whole.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar

from tidegate_protocol import ERRORS, ErrorCode, ErrorMessage, Violation

Failure = TypeVar("Failure", bound=BaseException)

MESSAGE_LIMIT = 200
"""Characters of human text in an error, so that a large bad value is not echoed back."""


POINTER_LIMIT = 1024
"""Characters of a pointer (schema/server/error): names of properties can be as long as a message."""


class TidegateError(Exception):
    """The root of the exceptions that the gateway raises on purpose."""


class Refused(TidegateError):
    """One request is refused. `pointer` is an RFC 6901 pointer into the client's message.

    In a handler, `code` may also be an own error of the application, and `data` what its schema wants.

    Raises TypeError where `message` is no text, so that the traceback shows the line that has the mistake.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        pointer: str | None = None,
        keyword: str | None = None,
        errors: tuple[Violation, ...] = (),
        retry_after: float | None = None,
        data: Any = None,
    ) -> None:
        if not isinstance(message, str):
            raise TypeError(f"the message of a Refused is a text, and not {type(message).__name__}")
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = shorten(message)
        self.pointer = None if pointer is None else nearest(pointer)
        self.keyword = keyword
        self.errors = errors
        self.retry_after = retry_after
        self.ref: str | int | None = None
        """That of the request, where it is not known to those who catch this."""
        self.data = data

    def answering(self, ref: str | int | None) -> Self:
        """This refusal, as the answer to the request with that `ref`."""
        self.ref = ref
        return self

    @property
    def temporary(self) -> bool:
        """Whether the same request may succeed later."""
        info = ERRORS.get(self.code)
        return info is not None and info.temporary  # an application's own errors stay until something changes


class PermanentFailure(Refused):
    """A refusal whose cause only a person can remove, also where failures of its code mostly pass."""

    @property
    def temporary(self) -> bool:
        return False


def shorten(text: str) -> str:
    """`text` in at most `MESSAGE_LIMIT` characters, the cut marked."""
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def nearest(pointer: str) -> str:
    """`pointer`, or that of the closest ancestor that fits `POINTER_LIMIT` and so still points into the message."""
    while len(pointer) > POINTER_LIMIT:
        pointer = pointer[: pointer.rindex("/")]
    return pointer


def detached(error: Failure) -> Failure:
    """`error` without the frames that it passed through.

    A frame often names what keeps the error: the list of outcomes, or the future. Such a circle stays until all garbage
    is collected, and 50,000 objects of refused writes held the event loop for 80 ms then.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def internal() -> Refused:
    """What a client is told when the gateway itself failed at its request; the log says why."""
    return Refused("internal", "the gateway failed at this; it is in its log")


def error_message(refused: Refused, ref: str | int | None = None) -> ErrorMessage:
    """The one place where an exception becomes an `error` message."""
    optional = {
        "ref": ref if ref is not None else refused.ref,
        "data": refused.data,
        "pointer": refused.pointer,
        "keyword": refused.keyword,
        "errors": list(refused.errors) or None,
        "retry_after": refused.retry_after,
    }
    return ErrorMessage(
        code=refused.code,
        message=refused.message,
        temporary=refused.temporary,
        **{name: value for name, value in optional.items() if value is not None},
    )
