"""`Refused` as the application's code writes it: with a code of the protocol, or an own error of the application.

It is the gateway's own exception, so that `except Refused` also catches what the gateway refuses. Only type checkers
see another constructor: inside the gateway the code must be one of the protocol's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidegate.core import errors

if TYPE_CHECKING:
    from tidegate_protocol import Violation

    class Refused(errors.Refused):
        """A request is refused. `code`: one of the protocol, or a name that `x-refusals` of the message declares."""

        def __init__(
            self,
            code: str,
            message: str,
            *,
            pointer: str | None = None,
            keyword: str | None = None,
            errors: tuple[Violation, ...] = (),
            retry_after: float | None = None,
            data: Any = None,
        ) -> None: ...

else:
    Refused = errors.Refused
