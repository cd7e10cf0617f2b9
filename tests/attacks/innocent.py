"""`python -m tests.attacks.innocent PORT PID`: an innocent client, in a separate process, until its input ends.

It asks at fixed times, whether the last answer has come or not, and measures from the time at which the request was
due: a gateway that holds everything for a second is seen by every request of that second. Meanwhile another task
comes through the door again and again: health, readiness, a new WebSocket. The last line of output is a JSON object.

For each answer it also notes the processor time that the gateway's process PID took meanwhile: what the gateway did
before it answered, however busy the machine is with other programs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.attacks.wire import TEXT, Frames, head, request

ADDRESS = "203.0.113.7"
EVERY_S = 0.05
DOOR_S = 0.25
PATIENCE_S = 10.0
WARM = 8
"""Requests of each kind before it is ready."""
ROOM = "chat-innocent"
REQUESTS: dict[str, dict[str, Any]] = {
    "ping": {},
    "get": {"resource": "users", "id": 1},
    "message": {"room": ROOM, "data": {"text": "hello"}},
}
"""The fields of each kind of request."""


def processor_ms(pid: int) -> float:
    """The processor time of all threads of a process (Linux: proc_pid_task(5), schedstat); 0 where it is not told."""
    took = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError, ValueError):  # the thread has ended
            took += int(file.read_text().split(" ")[0])
    return took / 1_000_000


class Innocent:
    """One client on one connection. `took`: the milliseconds of each answer, by kind of request. `worked`: those of the
    gateway's process meanwhile.
    """

    def __init__(self, port: int, pid: int) -> None:
        self.took: dict[str, list[float]] = {kind: [] for kind in REQUESTS}
        self.worked: list[float] = []
        self._pid = pid
        self.door: dict[str, list[float]] = {"/healthz": [], "/readyz": [], "/ws": []}
        self.failures: list[str] = []
        self._port = port
        self._coming: tuple[str, float] | None = None
        self._due: dict[int, tuple[str, float]] = {}
        self._before: dict[int, float] = {}
        """The processor time of the gateway when a request was sent."""
        self._loop = asyncio.get_running_loop()

    async def run(self, ended: asyncio.Event) -> None:
        reader, writer = await self._connected()
        writer.write(request("join", room=ROOM, presence="none"))
        await self._answers(reader, 1)
        # What the gateway makes for its first requests, such as connections to the database, is no attacker's doing.
        for kind, fields in REQUESTS.items():
            writer.write(request(kind, **fields) * WARM)
        await self._answers(reader, len(REQUESTS) * WARM)
        print("ready", flush=True)
        tasks = [asyncio.create_task(task) for task in (self._hear(reader), self._ask(writer), self._come_in())]
        await ended.wait()
        now = self._loop.time()
        for kind, due in self._due.values():
            self.took[kind].append(1000 * (now - due))
        worked = processor_ms(self._pid)
        self.worked += [worked - before for before in self._before.values()]
        if self._coming is not None:
            self.door[self._coming[0]].append(1000 * (now - self._coming[1]))
        for task in tasks:
            task.cancel()
        writer.transport.abort()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(head(address=ADDRESS))
        status = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in status:
            raise ConnectionError(status.split(b"\r\n")[0].decode())
        return reader, writer

    async def _answers(self, reader: asyncio.StreamReader, count: int) -> None:
        frames = Frames()
        while count > 0:
            data = await reader.read(65536)
            if not data:
                raise ConnectionError("the gateway closed the connection")
            count -= sum(opcode == TEXT for opcode, _ in frames.feed(data))

    async def _ask(self, writer: asyncio.StreamWriter) -> None:
        due, ref = self._loop.time(), 0
        while True:
            for kind in self.took:
                ref += 1
                self._due[ref] = kind, due
                self._before[ref] = processor_ms(self._pid)
                writer.write(request(kind, **REQUESTS[kind], ref=ref))
                due += EVERY_S / len(self.took)
                await asyncio.sleep(due - self._loop.time())

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        frames = Frames()
        while data := await reader.read(65536):
            now = self._loop.time()
            for opcode, payload in frames.feed(data):
                message = json.loads(payload) if opcode == TEXT else {}
                if (asked := self._due.pop(message.get("ref", 0), None)) is not None:
                    self.took[asked[0]].append(1000 * (now - asked[1]))
                    self.worked.append(processor_ms(self._pid) - self._before.pop(message["ref"]))
                    if message["type"] == "error":
                        self.failures.append(f"{asked[0]}: {message['code']}")
                elif message.get("type") == "goodbye":
                    self.failures.append(f"goodbye {message['code']}")
        self.failures.append("the innocent client was cut off")

    async def _come_in(self) -> None:
        while True:
            for place, took in self.door.items():
                began = self._loop.time()
                self._coming = place, began
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        await (self._new_client() if place == "/ws" else self._get(place))
                except (OSError, EOFError, TimeoutError) as error:
                    self.failures.append(f"{place}: {error or type(error).__name__}")
                self._coming = None
                took.append(1000 * (self._loop.time() - began))
                await asyncio.sleep(DOOR_S)

    async def _new_client(self) -> None:
        reader, writer = await self._connected()
        try:
            await self._answers(reader, 1)
        finally:
            writer.transport.abort()

    async def _get(self, path: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(head(path, address=ADDRESS, upgrade=False))
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer.split(b"\r\n")[0]:
                raise ConnectionError(answer.split(b"\r\n")[0].decode())
        finally:
            writer.transport.abort()


async def main(port: int, pid: int) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    innocent = Innocent(port, pid)
    with suppress(ConnectionError):
        await innocent.run(ended)
    told = {"took": innocent.took, "worked": innocent.worked, "door": innocent.door, "failures": innocent.failures}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
