"""`python -m tests.attacks.swarm NAME PORT SECONDS [WORD]`: the attackers of one attack, in a separate process.

They carry out the plans of the attack, or of several with `+` between their names, take notice of how the gateway
answers, and leave all at once when the time is over. The last line of output is a JSON object: what was seen, and how
many bytes were sent.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from collections import Counter
from contextlib import suppress
from itertools import count
from typing import cast

from tests.attacks.plan import Plan
from tests.attacks.table import ATTACKS
from tests.attacks.wire import CLOSE, ROOM_EPOCH, ROW_EPOCH, STREAM, TEXT, Frames

OPENING = 100
"""Connections that are on their way to the gateway at a time."""
BACK_S = 0.2
"""Seconds after which a refused attacker tries again."""
SHORT = 1000
"""Bytes in which epochs are looked for."""
LOOK_S = 0.2
UNSENT = 1 << 16
ESTABLISHED = 1
"""A state of TCP (Linux: tcp_states.h)."""
EPOCH = re.compile(rb'^{"type":"(welcome|joined)".*?"epoch":"([^"]{12,13})"')
OPENED, ENDED = re.compile(rb"^id: (\S+)\n", re.M), re.compile(rb'^event: close\ndata: {"code": (\d+)', re.M)
"""The first event of a stream, and the last one."""
CODE = re.compile(rb'"code":"(\w+)"')


class Swarm:
    """All attackers of this process, and what they saw."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen: Counter[str] = Counter()
        self.sent = 0
        self.lines: set[Line] = set()
        self.epochs = {ROW_EPOCH: ROW_EPOCH, ROOM_EPOCH: ROOM_EPOCH}
        self.streams: list[bytes] = []
        self._turns = count()
        self._opening = asyncio.Semaphore(OPENING)

    async def carry_out(self, plan: Plan) -> None:
        await asyncio.sleep(plan.delay)
        await asyncio.gather(*(self._keep(plan, number) for number in range(plan.lines)))

    async def _keep(self, plan: Plan, number: int) -> None:
        """One attacker."""
        while True:
            line = await self._open(plan, number)
            if line is None or (plan.waits and not line.accepted):
                await asyncio.sleep(BACK_S)
                continue
            await self._speak(line, plan, number)
            if plan.leaves:
                line.abort()
            await line.until_ended()
            if not plan.again:
                return
            await asyncio.sleep(0)

    async def _open(self, plan: Plan, number: int) -> Line | None:
        async with self._opening:
            line = Line(self, plan.reads)
            try:
                await self._connect(line, plan)
            except OSError as error:
                self.seen[f"not connected: {type(error).__name__}"] += 1
                return None
            await line.send(plan.head(number))
            if plan.waits:
                await line.answered.wait()
                if not line.accepted:
                    line.abort()
        return line

    async def _connect(self, line: Line, plan: Plan) -> None:
        loop, sock = asyncio.get_running_loop(), socket.socket()
        sock.setblocking(False)
        if not plan.reads:
            # Otherwise the kernel takes megabytes for a program that reads nothing.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(sock, ("127.0.0.1", self.port))
        await loop.create_connection(lambda: line, sock=sock)

    async def _speak(self, line: Line, plan: Plan, number: int) -> None:
        for piece in plan.first(number):
            if not await line.send(self._known(piece)):
                return
        say = plan.say or _silent
        for turn in count():
            said = say(number, turn)
            if said is None or not await line.send(self._known(said) if len(said) < SHORT or STREAM in said else said):
                return
            await asyncio.sleep(plan.every)

    def _known(self, data: bytes) -> bytes:
        """`data` with the epochs that the gateway has said, and with an open stream."""
        if self.streams and STREAM in data:
            data = data.replace(STREAM, self.streams[next(self._turns) % len(self.streams)])
        for placeholder, epoch in self.epochs.items():
            data = data.replace(placeholder, epoch)
        return data

    def leave(self) -> None:
        """All lines break off."""
        for line in list(self.lines):
            self.seen["paused"] += not line.writable.is_set()
            self.seen["cut"] += line.cut
            line.abort()


class Line(asyncio.Protocol):
    """One attacker's connection."""

    def __init__(self, swarm: Swarm, reads: bool) -> None:
        self.answered, self.ended, self.writable = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.accepted = False
        self._events = self._named = False
        """Whether it is a stream of events, and whether its id was read."""
        self._swarm, self._reads = swarm, reads
        self._head = b""
        self._frames: Frames | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has another class
        self._transport.set_write_buffer_limits(UNSENT)
        self.writable.set()
        self._swarm.lines.add(self)

    async def send(self, data: bytes) -> bool:
        """Returns False when the connection has ended."""
        await self.writable.wait()
        if self.ended.is_set():
            return False
        self._transport.write(data)
        self._swarm.sent += len(data)
        return True

    async def until_ended(self) -> None:
        """A line that does not read does not hear that it ended, and has to look."""
        while not self.ended.is_set():
            if not self._reads and self.cut:
                self._swarm.seen["cut"] += 1
                self.abort()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), None if self._reads else LOOK_S)

    @property
    def cut(self) -> bool:
        """Whether the gateway has ended the connection of a line that does not read."""
        info: bytes = self._transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return info[0] != ESTABLISHED

    def abort(self) -> None:
        self._transport.abort()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        if self._events:
            self._look_at_events(data)
            return
        if self._frames is not None:
            self._look_at(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        status = head.split(b" ", 2)[1].decode()
        self._events = status == "200" and b"\r\nContent-Type: text/event-stream" in head
        self.accepted = status == "101" or self._events
        self.answered.set()
        self._frames = Frames()
        self._head = b""
        if not self.accepted:
            self._swarm.seen[f"HTTP {status}"] += 1
        if self._events:
            self._look_at_events(rest)
        elif not self._reads:
            self._transport.pause_reading()
        elif self.accepted:
            self._look_at(rest)

    def _look_at_events(self, data: bytes) -> None:
        """The first event names the stream; who does not read reads it alone."""
        if not self._named:
            self._head += data
            found = OPENED.search(self._head)
            if found is None:
                return
            self._named, self._head = True, b""
            self._swarm.streams.append(found[1])
            if not self._reads:
                self._transport.pause_reading()
        elif found := ENDED.search(data):
            self._swarm.seen[f"closed {found[1].decode()}"] += 1

    def _look_at(self, data: bytes) -> None:
        assert self._frames is not None
        if not self.accepted:
            return
        for opcode, payload in self._frames.feed(data):
            if opcode == CLOSE:
                self._swarm.seen[f"closed {int.from_bytes(payload[:2], 'big')}"] += 1
            elif opcode == TEXT and payload.startswith(b'{"type":"error"') and (code := CODE.search(payload)):
                self._swarm.seen[code[1].decode()] += 1
            elif opcode == TEXT and (found := EPOCH.match(payload)):
                placeholder = ROW_EPOCH if found[1] == b"welcome" else ROOM_EPOCH
                if len(found[2]) == len(placeholder):
                    self._swarm.epochs[placeholder] = found[2]

    def connection_lost(self, error: Exception | None) -> None:
        self._swarm.lines.discard(self)
        if error is not None:
            self._swarm.seen[type(error).__name__] += 1
        elif not self.answered.is_set():
            self._swarm.seen["ended"] += 1
        for event in (self.answered, self.ended, self.writable):
            event.set()


def _silent(_: int, __: int) -> None:
    """Says nothing, and stays."""


async def main(name: str, port: int, seconds: float, says: str = "") -> None:
    """Says `says` when the attackers have had a second."""
    swarm = Swarm(port)
    if says:
        asyncio.get_running_loop().call_later(1.0, lambda: print(says, flush=True))
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            plans = [plan for each in name.split("+") for plan in ATTACKS[each].plans]
            await asyncio.gather(*map(swarm.carry_out, plans))
            await asyncio.sleep(seconds)
    swarm.leave()
    print(json.dumps({"seen": +swarm.seen, "sent": swarm.sent}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:]))
