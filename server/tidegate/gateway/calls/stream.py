"""The parts and the reply of one handler that yields, in the loop of handlers.

A value that is a message of the reply's type is the reply; any other value is a part. It knows neither connections nor
deadlines: cancelling its task ends it.
Invariant: the generator is resumed only when its last part is on its way, and it is closed whatever happens.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from tidegate.contract import ApplicationRequest
from tidegate.core.errors import Refused, internal
from tidegate.gateway.calls.outcome import Outcome, Outcomes
from tidegate.reports import report, report_failure

Over = Callable[[], bool]
"""Whether nothing more may be sent, because the call has an outcome or the client has left."""
_NONE = object()


class Stream:
    """One run of a generator."""

    def __init__(self, handler: str, request: ApplicationRequest, outcomes: Outcomes) -> None:
        self._handler = handler
        self._request = request
        self._outcomes = outcomes

    async def run(self, values: AsyncGenerator[Any, None], send: Callable[[bytes], Awaitable[None]]) -> Outcome:
        """What becomes of the call. `send`: sends the frame of a part. Raises what the handler raises."""
        try:
            return await self._run(values, send)
        finally:
            try:
                await values.aclose()
            except BaseException as error:  # the boundary to the application's code
                report_failure(f"the handler {self._handler} failed when it was closed", error)

    async def _run(self, values: AsyncGenerator[Any, None], send: Callable[[bytes], Awaitable[None]]) -> Outcome:
        reply: Any = _NONE
        async for value in values:
            if reply is not _NONE:
                report(f"the handler {self._handler} yields after its reply; the client gets `internal`")
                return internal()
            if self._outcomes.is_reply(self._request, value):
                reply = value
                continue
            part = self._outcomes.of_part(self._handler, self._request, value)
            if isinstance(part, Refused):
                return part
            if part is not None:
                await send(part)
        return self._outcomes.of_reply(self._handler, self._request, None if reply is _NONE else reply)
