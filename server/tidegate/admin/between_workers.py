"""How workers of one machine ask one another, and their hub, for what operators want.

`answering` is the other end. Invariant: a process that is not there is not asked.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import msgspec

from tidegate.admin.answering import HUB, Arguments, OperationError, address_of, answering
from tidegate.admin.gathered import Gathered, Other

LONGEST = 16 << 20
"""Bytes of an answer."""
OF_HUB = frozenset({"metrics"})
"""What the hub is asked: it has no clients."""


class OtherProcess:
    """Implements `gathered.Other`. `only`: the operations that it has; None for all of them."""

    def __init__(self, name: str, address: str, only: Collection[str] | None = None) -> None:
        self.name = name
        self._address = address
        self._only = only

    def has(self, operation: str) -> bool:
        return self._only is None or operation in self._only

    def listens(self) -> bool:
        """Whether it is there."""
        with suppress(OSError):
            _connected(self._address).close()
            return True
        return False

    async def ask(self, operation: str, arguments: Arguments) -> Any:
        async for answer in self._lines(operation, arguments):
            return answer
        raise ConnectionResetError

    async def follow(self, arguments: Arguments) -> AsyncIterator[dict[str, Any]]:
        async for event in self._lines("tail", arguments):
            yield event

    async def _lines(self, operation: str, arguments: Arguments) -> AsyncIterator[Any]:
        making = asyncio.ensure_future(asyncio.open_unix_connection(sock=_connected(self._address), limit=LONGEST))
        try:
            reader, writer = await asyncio.shield(making)
        except asyncio.CancelledError:
            (await making)[1].close()  # as in `hub.connector`: uvloop closes the socket itself, or not at all
            raise
        try:
            writer.write(msgspec.json.encode([operation, dict(arguments)]) + b"\n")
            while line := await reader.readline():
                answer = json.loads(line)
                if "refused" in answer:
                    raise OperationError(HTTPStatus(answer["status"]), answer["refused"])
                yield answer["answer"]
        finally:
            writer.close()


class BetweenWorkers:
    """The socket of this worker, and its way to the others. `name`: of the hub's socket, which is a secret."""

    def __init__(self, name: str, column: int, columns: int) -> None:
        """`column`: of this worker, of `columns` that processes may have."""
        self._own = address_of(name, column)
        self._others = [
            OtherProcess(f"process {each}", address_of(name, each)) for each in range(columns) if each != column
        ]
        self._others.append(OtherProcess(HUB, address_of(name, HUB), OF_HUB))
        self._server: asyncio.Server | None = None

    async def listen(self, gathered: Gathered) -> None:
        """Answer the others from here on."""
        self._server = await answering(self._own, gathered.local.ask, gathered.tails.follow)

    def others(self) -> Sequence[Other]:
        """Those that listen now."""
        return [other for other in self._others if other.listens()]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


def _connected(address: str) -> socket.socket:
    """A connection to a process of this machine: the kernel makes or refuses it at once. Raises OSError."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made
