"""Members of a room who read too slowly, over real sockets with small buffers: what `x-room.slow` promises.

A member that reads again has every message of the room, or a `gap` in its place. Other rooms are not concerned.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.transport.inside import Inside, running
from tests.transport.raw import CLOSE, TEXT, Raw, frame, upgrade
from tidegate_protocol import Sender

PADDING = "." * 1000
SLOW: dict[str, Any] = {
    "patient": "disconnect",
    "news": "drop_oldest",
    "price": {"conflate": "/id"},
    "pointer": "conflate",
}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Inside]:
    for name, slow in SLOW.items():
        room = {
            "title": name.title(),
            "x-room": {"pattern": f"{name}-*", "slow": slow},
            "x-access": {"join": "anyone", "send": "anyone"},
        }
        file = tmp_path / "schema" / "rooms" / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(room))
    limits: dict[str, object] = {"max_backlog": 1 << 18, "slow_rate": 0}
    async with running(tmp_path, limits, schema=str(tmp_path / "schema"), dev=True) as inside:
        yield inside


class Member(Raw):
    """A client of bare bytes that reads when it is told to, with a small receive buffer."""

    def send_json(self, **message: Any) -> None:
        self.send(frame(TEXT, json.dumps(message).encode()))

    async def ask(self, **message: Any) -> dict[str, Any]:
        self.send_json(**message)
        return await self.message()

    async def message(self) -> dict[str, Any]:
        got = await self.frame()
        assert got.opcode == TEXT, got
        found: dict[str, Any] = json.loads(got.payload)
        return found

    def read(self, reads: bool) -> None:
        transport = self.writer.transport
        transport = cast(asyncio.Transport, transport)  # uvloop has another class
        (transport.resume_reading if reads else transport.pause_reading)()


@contextlib.asynccontextmanager
async def member(inside: Inside, *rooms: str) -> AsyncIterator[Member]:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", inside.listener.port))
    sock.setblocking(False)
    found = Member(*await asyncio.open_connection(sock=sock, limit=1024))
    found.send(upgrade())
    await found.head()
    await found.message()
    for room in rooms:
        assert (await found.ask(type="join", room=room, presence="none", ref=1))["type"] == "joined"
    try:
        yield found
    finally:
        found.writer.transport.abort()


async def say(inside: Inside, room: str, data: Any, user: str = "ada") -> int:
    rules = inside.gateway.sessions.protocol.rooms._rules(room)
    assert rules is not None
    position = await inside.engine.publish(room, rules, Sender(id=user, name=user), data, None, 0.0, f"user {user}")
    await asyncio.sleep(0)
    return position.offset


def write_side(inside: Inside) -> Any:
    (session,) = inside.gateway.sessions
    return session.sink


async def fill(inside: Inside, slow: Member, room: str) -> int:
    """Say things until the member's buffers are full. Returns how many."""
    slow.read(False)
    said = 0
    while write_side(inside)._paused_since is None:
        said = await say(inside, room, {"id": -1, "fill": PADDING * 20})
    return said


async def read_up_to(slow: Member, room: str, offset: int) -> list[dict[str, Any]]:
    """The messages and gaps of `room`; each offset up to `offset` must be in one of them."""
    slow.read(True)
    got, at = [], 0
    while at < offset:
        message = await slow.message()
        if message["room"] == room and message["type"] in {"message", "gap"}:
            got.append(message)
            at += message.get("dropped", 1)
            assert message["position"]["offset"] == at, "in order, without a hole"
    return got


async def test_the_oldest_messages_are_dropped_and_the_newest_arrive(gateway: Inside) -> None:
    async with member(gateway, "news-1") as slow:
        before = await fill(gateway, slow, "news-1")
        for number in range(2000):
            last = await say(gateway, "news-1", {"number": number, "text": PADDING})
        got = await read_up_to(slow, "news-1", last)
        (gap,) = [message for message in got if message["type"] == "gap"]
        after = got[got.index(gap) + 1 :]
        assert gap["dropped"] > 1000
        assert after[-1]["data"]["number"] == 1999
        assert len(after) > 20, "as many as fit stay"
        assert len(got) == 1 + last - gap["dropped"]
        assert len(after) < before + 2000 - gap["dropped"]
        assert (await slow.ask(type="message", room="news-1", data="hello", ref=2))["type"] == "message"


async def test_the_newest_message_of_each_value_stays(gateway: Inside) -> None:
    rng = random.Random(5)
    newest: dict[int, int] = {}
    async with member(gateway, "price-1") as slow:
        await fill(gateway, slow, "price-1")
        for number in range(3000):
            value = rng.randrange(40)
            newest[value] = last = await say(gateway, "price-1", {"id": value, "number": number, "text": PADDING})
        got = await read_up_to(slow, "price-1", last)
        assert sum(message.get("dropped", 0) for message in got) > 2500
        prices = {
            message["data"]["id"]: message["position"]["offset"] for message in got if message["type"] == "message"
        }
        del prices[-1]
        assert prices == newest, "the reader ends with the newest of each"


async def test_without_a_pointer_the_newest_message_of_each_sender_stays(gateway: Inside) -> None:
    newest = {}
    async with member(gateway, "pointer-1") as slow:
        await fill(gateway, slow, "pointer-1")
        for number in range(2000):
            user = f"user-{number % 7}"
            newest[user] = last = await say(gateway, "pointer-1", {"x": number, "text": PADDING}, user)
        got = await read_up_to(slow, "pointer-1", last)
        seen = {message["from"]: message["position"]["offset"] for message in got if message["type"] == "message"}
        assert {**seen, **newest} == seen


async def test_by_default_a_slow_reader_is_disconnected(gateway: Inside) -> None:
    async with member(gateway, "patient-1") as slow:
        await fill(gateway, slow, "patient-1")
        for _ in range(400):
            await say(gateway, "patient-1", {"text": PADDING})
        slow.read(True)
        while (got := await slow.frame()).opcode == TEXT:
            assert json.loads(got.payload)["type"] == "message"
        assert (got.opcode, int.from_bytes(got.payload[:2])) == (CLOSE, 4101)


async def test_what_may_not_be_dropped_disconnects_beside_what_may(gateway: Inside) -> None:
    async with member(gateway, "news-1", "patient-1") as slow:
        await fill(gateway, slow, "news-1")
        for _ in range(400):
            await say(gateway, "news-1", {"text": PADDING})
        assert len(gateway.gateway.sessions) == 1
        for _ in range(400):
            await say(gateway, "patient-1", {"text": PADDING})
        slow.read(True)
        while (got := await slow.frame()).opcode == TEXT:
            pass
        assert (got.opcode, int.from_bytes(got.payload[:2])) == (CLOSE, 4101)


async def test_rooms_are_told_apart_and_keep_what_may_not_be_dropped(gateway: Inside) -> None:
    async with member(gateway, "news-1", "price-1", "patient-1") as slow:
        await fill(gateway, slow, "news-1")
        for number in range(600):
            news = await say(gateway, "news-1", {"text": PADDING})
            price = await say(gateway, "price-1", {"id": 1.0 if number % 2 else 1, "text": PADDING})
            if number % 100 == 0:
                patient = await say(gateway, "patient-1", number)
        slow.read(True)
        at, patience = dict.fromkeys(("news-1", "price-1", "patient-1"), 0), []
        while at != {"news-1": news, "price-1": price, "patient-1": patient}:
            message = await slow.message()
            at[message["room"]] += message.get("dropped", 1)
            assert message["position"]["offset"] == at[message["room"]]
            patience += [message["data"]] if message["room"] == "patient-1" else []
        assert patience == [0, 100, 200, 300, 400, 500]
