"""What the Python client's tests share: a scripted gateway on a real socket, and a clock that the test moves.

The scripted gateway speaks only when the test says so (but for `welcome`), which makes every interleaving of replies,
pushes and broken lines a plain sequence of lines in a test. It checks nothing by itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.support.deadlines import DEADLINE_S

T = TypeVar("T")
PATIENCE = DEADLINE_S
"""Seconds after which a test that waits for something fails."""

WELCOME = {
    "type": "welcome",
    "protocol": 1,
    "connection": "c1",
    "user": {"id": "7", "name": "Ann", "roles": ["admin"], "anonymous": False},
    "position": {"epoch": "e", "seq": 0},
    "heartbeat": 25,
    "limits": {"max_message": 65536},
    "contract": "hash",
    "a_property_of_a_newer_gateway": True,
}


class Peer:
    """The gateway's end of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self._leftover: list[dict[str, Any]] = []
        self._positions: dict[str, dict[str, Any]] = {}
        """Of the subscriptions, as `subscribed` told them."""

    @property
    def authorization(self) -> str | None:
        request = self.socket.request
        return None if request is None else request.headers.get("Authorization")

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        return message

    async def expect(self, kind: str) -> dict[str, Any]:
        message = await self.receive()
        assert message["type"] == kind, message
        return message

    async def send(self, kind: str, **fields: Any) -> None:
        if kind == "subscribed":
            self._positions[fields["subscription"]] = fields["position"]
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def reply(self, request: dict[str, Any], kind: str, **fields: Any) -> None:
        await self.send(kind, ref=request["ref"], **fields)

    async def close(self, code: int, reason: str = "") -> None:
        await self.socket.close(code, reason)

    async def is_closed(self) -> int | None:
        """Wait for the end of the connection and answer its close code."""
        async with asyncio.timeout(PATIENCE):
            await self.socket.wait_closed()
        return self.socket.close_code

    async def join(self, room: str, **fields: Any) -> dict[str, Any]:
        """Take a `join` and answer it; the request is returned."""
        request = await self.expect("join")
        assert request["room"] == room
        answer = {"position": {"epoch": "r", "offset": 0}, "recovered": False, "replayed": 0, **fields}
        await self.reply(request, "joined", room=room, **answer)
        return request

    async def subscribe(self, subscription: str, mode: str, seq: int, epoch: str = "e") -> dict[str, Any]:
        """Take a `subscribe` and answer it; the request is returned."""
        request = await self.expect("subscribe")
        position = {"epoch": epoch, "seq": seq}
        fields = {"subscription": subscription, "resource": request["resource"], "position": position, "mode": mode}
        await self.reply(request, "subscribed", **fields)
        return request

    async def snapshot(self, subscription: str, *rows: dict[str, Any], reset: bool = True, done: bool = True) -> None:
        """A page; the last one is of the position that `subscribe` told."""
        of = {"position": self._positions[subscription]} if done else {}
        await self.send("snapshot", subscription=subscription, rows=list(rows), reset=reset, done=done, **of)

    async def update(self, subscription: str, action: str, data: dict[str, Any], seq: int, **more: Any) -> None:
        fields = {"resource": "users", "action": action, "data": data, "position": {"epoch": "e", "seq": seq}, **more}
        await self.send("update", subscription=subscription, **fields)


class ScriptedGateway:
    """Accepts connections, sends `welcome`, and leaves the rest to the test."""

    def __init__(self) -> None:
        self.welcome: dict[str, Any] | None = dict(WELCOME)
        self.greeting: Callable[[ServerConnection], Awaitable[None]] | None = None
        self.http_status: int | None = None
        """What the opening handshake is answered with, instead of a WebSocket."""
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._server: Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/ws"

    def call_it(self, user: str, *, identity: str) -> None:
        """Welcome the next clients as this anonymous user."""
        assert self.welcome is not None
        about = {"id": user, "name": "Guest", "roles": [], "anonymous": True}
        self.welcome = {**self.welcome, "user": about, "identity": identity}

    async def start(self) -> None:
        options: dict[str, Any] = {"compression": None, "ping_interval": None, "process_request": self._admit}
        self._server = await serve(self._handle, "127.0.0.1", self._port, **options)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.close(code=1001)
            await server.wait_closed()

    async def accept(self) -> Peer:
        async with asyncio.timeout(PATIENCE):
            return await self._peers.get()

    @property
    def idle(self) -> bool:
        """No connection waits to be accepted by the test."""
        return self._peers.empty()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.http_status is None:
            return None
        response = connection.respond(self.http_status, "go away")
        response.headers["Retry-After"] = "7"
        return response

    async def _handle(self, socket: ServerConnection) -> None:
        if self.greeting is not None:
            await self.greeting(socket)
        try:
            if self.welcome is not None:
                await socket.send(json.dumps(self.welcome))
        except ConnectionClosed:
            return
        self._peers.put_nowait(Peer(socket))
        await socket.wait_closed()


@dataclass(slots=True, eq=False)
class _Sleeper:
    asked: float
    until: float
    waiter: asyncio.Future[None]

    def is_for(self, seconds: float) -> bool:
        return not self.waiter.done() and abs(self.asked - seconds) < 1e-9


class FakeClock:
    """Time passes when the test says so."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._sleepers: list[_Sleeper] = []
        self._changed = asyncio.Event()

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        sleeper = _Sleeper(seconds, self.time + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        self._changed.set()
        try:
            await sleeper.waiter
        finally:
            self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        self.time += seconds
        for sleeper in self._sleepers:
            if sleeper.until <= self.time and not sleeper.waiter.done():
                sleeper.waiter.set_result(None)

    def freeze(self, seconds: float) -> None:
        """Sleep as a computer does: the time goes on, and the timers stand still meanwhile."""
        self.time += seconds
        for sleeper in self._sleepers:
            sleeper.until += seconds

    async def until_sleeping(self, seconds: float) -> None:
        """Wait until the client sleeps for this long; no time passes."""
        async with asyncio.timeout(PATIENCE):
            while not any(sleeper.is_for(seconds) for sleeper in self._sleepers):
                self._changed.clear()
                await self._changed.wait()

    async def pass_sleep(self, seconds: float) -> None:
        """Wait until the client sleeps for this long, then let that time pass."""
        await self.until_sleeping(seconds)
        self.advance(seconds)


def begun(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start `work`; the test goes on meanwhile."""
    return asyncio.ensure_future(work)
