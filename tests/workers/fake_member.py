"""A member that takes no gateway: it starts in a moment, and behaves as a file says that is named after it.

Its sockets answer each connection with a line: its name and its process id. Run as a program with the place.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from tidegate.workers import place
from tidegate.workers.member import Member

BEAT_S = 0.2


class Answering:
    """Accepts connections, and answers each of them."""

    def __init__(self, name: str, sockets: list[socket.socket]) -> None:
        self._line = f"{name} {os.getpid()}\n".encode()
        self._connections: list[socket.socket] = []
        self._loop = asyncio.get_running_loop()
        self.sockets: list[socket.socket] = []
        self.accept_also(sockets)

    def accept_also(self, sockets: list[socket.socket]) -> None:
        self.sockets += sockets
        for each in sockets:
            self._loop.add_reader(each, self._accept, each)

    def leave(self, sockets: list[socket.socket]) -> None:
        for each in sockets:
            self._loop.remove_reader(each)
            self.sockets.remove(each)
            each.close()

    def _accept(self, listening: socket.socket) -> None:
        try:
            connection, _ = listening.accept()
        except BlockingIOError:
            return
        connection.send(self._line)
        self._connections.append(connection)


async def serve(member: Member, told: str) -> None:
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    if told == "stays":  # until the second signal
        loop.add_signal_handler(signal.SIGTERM, lambda: loop.add_signal_handler(signal.SIGTERM, end.set))
    elif told != "stuck":
        loop.add_signal_handler(signal.SIGTERM, end.set)
    answering = Answering(member.place.name, member.sockets())

    def retire() -> None:
        answering.leave(list(answering.sockets))
        loop.call_later(0.05, end.set)

    member.listen(retire, answering)
    note("ready", str(os.getpid()))
    member.ready()
    while not end.is_set():
        member.beat()
        try:
            async with asyncio.timeout(BEAT_S):
                await end.wait()
        except TimeoutError:
            pass


def note(name: str, line: str) -> None:
    with Path(name).open("a") as file:
        file.write(f"{line}\n")


def behaviour(name: str) -> str:
    file = Path(name)
    return file.read_text() if file.exists() else ""


def main() -> int:
    member = Member(place.of_text(sys.argv[-1]))
    told = behaviour(member.place.name)
    note("started", f"{member.place.name} {os.getpid()} {told}")
    match told:
        case "dies":
            return 3
        case "refuses":
            member.failed("the schema is\nbroken")
            return 2
        case "hangs":
            signal.pause()
        case "stuck":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    asyncio.run(serve(member, told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
