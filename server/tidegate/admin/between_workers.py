"""How workers of one machine ask one another for what operators want: a Unix socket of each, which no folder names.

A question is a line of JSON, and so is each answer. Only processes of the same user are let in.
Invariant: a question that cannot be read ends its connection, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import msgspec

from tidegate.admin.gathered import Gathered, Other
from tidegate.admin.local import Arguments, OperationError
from tidegate.hub.connector import same_user

LONGEST = 16 << 20
"""Bytes of an answer."""


class OtherWorker:
    """Implements `gathered.Other`."""

    def __init__(self, column: int, address: str) -> None:
        self.name = f"process {column}"
        self._address = address

    async def ask(self, operation: str, arguments: Arguments) -> Any:
        async for answer in self._lines(operation, arguments):
            return answer
        raise ConnectionResetError

    async def follow(self, arguments: Arguments) -> AsyncIterator[dict[str, Any]]:
        async for event in self._lines("tail", arguments):
            yield event

    async def _lines(self, operation: str, arguments: Arguments) -> AsyncIterator[Any]:
        reader, writer = await asyncio.open_unix_connection(sock=_connected(self._address), limit=LONGEST)
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
    """The socket of this worker, and its way to the others. `secret`: a name that only these workers know."""

    def __init__(self, name: str, column: int, columns: int) -> None:
        """`column`: of this worker, of `columns` that processes may have."""
        self._addresses = {each: f"\0{name.lstrip('@')}-admin-{each}" for each in range(columns)}
        self._own = column
        self._server: asyncio.Server | None = None

    async def listen(self, gathered: Gathered) -> None:
        """Answer the others from here on."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if same_user(writer.get_extra_info("socket")):
                    await _answer(gathered, reader, writer)
            except (OSError, ValueError, asyncio.CancelledError):
                pass  # the other one is gone, says what is no question, or this worker ends
            finally:
                writer.close()

        # The sockets are made here: uvloop knows no names without a folder.
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(self._addresses[self._own])
        self._server = await asyncio.start_unix_server(answer, sock=listening)

    def others(self) -> Sequence[Other]:
        """Those that listen now."""
        return [
            OtherWorker(column, address)
            for column, address in self._addresses.items()
            if column != self._own and _listens(address)
        ]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


async def _answer(gathered: Gathered, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    operation, arguments = json.loads(await reader.readline())
    try:
        if operation == "tail":
            await _until_gone(reader, _follow(gathered, arguments, writer))
        else:
            await _say(writer, {"answer": await gathered.local.ask(operation, arguments)})
    except OperationError as refused:
        with suppress(OSError):
            await _say(writer, {"refused": str(refused), "status": refused.status})


async def _follow(gathered: Gathered, arguments: Arguments, writer: asyncio.StreamWriter) -> None:
    async for event in gathered.tails.follow(arguments):
        await _say(writer, {"answer": event})


async def _until_gone(reader: asyncio.StreamReader, work: Coroutine[Any, Any, None]) -> None:
    """Do `work` until the worker that asks is gone. Raises what it raises."""
    tasks = [asyncio.create_task(work), asyncio.create_task(_end_of(reader))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _end_of(reader: asyncio.StreamReader) -> None:
    await reader.read()


async def _say(writer: asyncio.StreamWriter, what: Any) -> None:
    writer.write(msgspec.json.encode(what) + b"\n")
    await writer.drain()


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


def _listens(address: str) -> bool:
    with suppress(OSError):
        _connected(address).close()
        return True
    return False
