"""Documents that are made when the first client asks for them, in a thread, and kept.

Most gateways are never asked for most of them, and making all took a third of a start. It does not know what is made.
Invariant: a document is made at most once, and one at a time: clients cannot make more work by asking more often.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from tidegate.transport import Request, Response

Make = Callable[[], bytes]
"""Makes a document. It runs in a thread."""
FAILED = Response.text(500, "this document cannot be made; the log of the gateway says why\n")

log = logging.getLogger("tidegate.documents")


class LateDocument:
    """Answers requests for one document. Documents that share `turn` are made one after the other."""

    def __init__(self, path: str, make: Make, headers: Mapping[str, str], turn: asyncio.Lock) -> None:
        self._path, self._make, self._headers, self._turn = path, make, headers, turn
        self._made: asyncio.Task[Response] | None = None
        """It ends with the making, and keeps the response."""

    def __call__(self, _: Request) -> Response | asyncio.Future[Response]:
        if self._made is None:
            self._made = asyncio.create_task(self._response(), name=f"make {self._path}")
        return self._made.result() if self._made.done() else self._made

    async def _response(self) -> Response:
        async with self._turn:
            try:
                return Response(200, self._headers, await asyncio.to_thread(self._make))
            except Exception:  # the boundary: the schema is known to be right, so the same would happen again
                log.exception("cannot make %s", self._path)
                return FAILED
