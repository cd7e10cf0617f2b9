"""How a process of this machine answers another one that asks for operators: a Unix socket that no folder names.

A question is a line of JSON with an operation and its arguments, and so is each answer. Only processes of the same user
are let in. It does not know what the operations do, so that the hub needs nothing of the gateway.
Invariant: a question that cannot be read ends its connection, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import msgspec

from tidegate.core.errors import TidegateError
from tidegate.hub.connector import same_user

Arguments = Mapping[str, Any]
Ask = Callable[[str, Arguments], Awaitable[Any]]
"""Does an operation. Raises OperationError."""
Follow = Callable[[Arguments], AsyncIterator[Any]]
"""The events of a `tail`."""
HUB = "hub"


class OperationError(TidegateError):
    """The operation is refused; the text is for the operator."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


def address_of(name: str, process: int | str) -> str:
    """Where a process answers: the worker of a column, or `HUB`. `name`: of the hub's socket."""
    return f"\0{name.lstrip('@')}-admin-{process}"


async def answering(address: str, ask: Ask, follow: Follow | None = None) -> asyncio.Server:
    """Answer at `address` until the server is closed. `follow`: for `tail`; None where there is none."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if same_user(writer.get_extra_info("socket")):
                await _answer(ask, follow, reader, writer)
        except (OSError, ValueError, asyncio.CancelledError):
            pass  # the other one is gone, says what is no question, or this process ends
        finally:
            writer.close()

    # The socket is made here: uvloop knows no names without a folder.
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(address)
    return await asyncio.start_unix_server(answer, sock=listening)


async def _answer(ask: Ask, follow: Follow | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    operation, arguments = json.loads(await reader.readline())
    try:
        if operation == "tail" and follow is not None:
            await _until_gone(reader, _follow(follow(arguments), writer))
        else:
            await _say(writer, {"answer": await ask(operation, arguments)})
    except OperationError as refused:
        with suppress(OSError):
            await _say(writer, {"refused": str(refused), "status": refused.status})


async def _follow(events: AsyncIterator[Any], writer: asyncio.StreamWriter) -> None:
    async for event in events:
        await _say(writer, {"answer": event})


async def _until_gone(reader: asyncio.StreamReader, work: Coroutine[Any, Any, None]) -> None:
    """Do `work` until the process that asks is gone. Raises what it raises."""
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
