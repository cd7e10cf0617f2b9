"""Everything that can go wrong for a client, as one small exception tree.

    TidegateError
    +-- Refused        a request failed: it becomes an `error` message, the connection lives
    +-- Closing        the connection ends: it becomes a close frame whose code says what to do next

The codes are schema/types/error_code and close_code; this module does not know how either travels.
Invariant: a `Refused` never carries more than `MESSAGE_LIMIT` characters of text, and never a sent value whole.
"""

from __future__ import annotations

from tidegate_protocol import ERRORS, ErrorCode, ErrorMessage, Violation

MESSAGE_LIMIT = 200
"""Characters of human text in an error, so that a large bad value is not echoed back."""


POINTER_LIMIT = 1024
"""Characters of a pointer (schema/server/error): names of properties can be as long as a message."""


class TidegateError(Exception):
    """The root: catch it where a client's doing must not become the server's crash."""


class Refused(TidegateError):
    """One request is refused. `pointer` is an RFC 6901 pointer into the client's message."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        pointer: str | None = None,
        keyword: str | None = None,
        errors: tuple[Violation, ...] = (),
        retry_after: float | None = None,
        ref: str | int | None = None,
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = shorten(message)
        self.pointer = None if pointer is None else nearest(pointer)
        self.keyword = keyword
        self.errors = errors
        self.retry_after = retry_after
        self.ref = ref


class Closing(TidegateError):
    """The connection must end with `code` (schema/types/close_code) and a short `reason`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def shorten(text: str) -> str:
    """`text` in at most `MESSAGE_LIMIT` characters, the cut marked."""
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def nearest(pointer: str) -> str:
    """`pointer`, or that of the closest ancestor that fits `POINTER_LIMIT` and so still points into the message."""
    while len(pointer) > POINTER_LIMIT:
        pointer = pointer[: pointer.rindex("/")]
    return pointer


def error_message(refused: Refused, ref: str | int | None = None) -> ErrorMessage:
    """The one place where an exception becomes an `error` message."""
    optional = {
        "ref": ref if ref is not None else refused.ref,
        "pointer": refused.pointer,
        "keyword": refused.keyword,
        "errors": list(refused.errors) or None,
        "retry_after": refused.retry_after,
    }
    return ErrorMessage(
        code=refused.code,
        message=refused.message,
        temporary=ERRORS[refused.code].temporary,
        **{name: value for name, value in optional.items() if value is not None},  # type: ignore[arg-type]  # msgspec fields by name
    )
