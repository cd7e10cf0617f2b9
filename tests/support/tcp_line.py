"""A TCP line between a program and a server that a test can cut, hold and heal. It knows no protocol."""

from __future__ import annotations

import asyncio
import contextlib


class TcpLine:
    """Listens on 127.0.0.1 from `open` to `close`, and passes bytes on to a port there."""

    def __init__(self, server: asyncio.Server, target: int) -> None:
        self._server = server
        self.target = target
        self.port: int = server.sockets[0].getsockname()[1]
        self.whole = True
        self._up, self._down = asyncio.Event(), asyncio.Event()
        """Whether bytes for the server pass, and those from it."""
        self.let_go()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, target: int) -> TcpLine:
        made: list[TcpLine] = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await made[0]._accept(reader, writer)

        made.append(cls(await asyncio.start_server(accept, "127.0.0.1", 0), target))
        return made[0]

    def cut(self) -> None:
        """Every connection breaks; new ones are refused."""
        self.whole = False
        self.break_connections()

    def break_connections(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def heal(self) -> None:
        self.whole = True

    def hold(self, *, up: bool = True, down: bool = True) -> None:
        """Nothing arrives any more at the server (`up`), from it (`down`), or both; connections stay."""
        for held, event in ((up, self._up), (down, self._down)):
            if held:
                event.clear()

    def let_go(self) -> None:
        self._up.set()
        self._down.set()

    async def close(self) -> None:
        self._server.close()
        self.cut()
        self.let_go()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self.whole:
                there, back = await asyncio.open_connection("127.0.0.1", self.target)
                self._writers.add(back)
                try:
                    await asyncio.gather(self._pass(reader, back, self._up), self._pass(there, writer, self._down))
                finally:
                    self._writers.discard(back)
                    back.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # a line that is cut
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, free: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await free.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
