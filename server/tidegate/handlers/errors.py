"""What is wrong with an application's handlers, and what the gateway does not do for them."""

from __future__ import annotations

from tidegate.core.errors import Refused, TidegateError

CONCERN_CLIENTS = frozenset(
    {"conflict", "forbidden", "limit_reached", "not_found", "rate_limited", "unauthenticated", "unavailable"}
)
"""Codes with which the gateway refuses the application, and which may be the answer to its client."""


class HandlersError(TidegateError):
    """Handlers that cannot be used; the text says which and why."""


class NotDone(Refused):
    """The gateway did not do what the application asked. `pointer` leads into what the application gave.

    Where a handler lets it pass, its client gets the code without the pointer, or `internal` if it is the application
    that was wrong.
    """

    @classmethod
    def of(cls, refused: Refused) -> NotDone:
        return cls(
            refused.code,
            refused.message,
            pointer=refused.pointer,
            keyword=refused.keyword,
            errors=refused.errors,
            retry_after=refused.retry_after,
        )

    def for_client(self) -> Refused | None:
        """What the client gets; None where the application was wrong."""
        if self.code not in CONCERN_CLIENTS:
            return None
        return Refused(self.code, self.message, retry_after=self.retry_after)
