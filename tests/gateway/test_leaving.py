"""How a connection ends, over real sockets, and when its user is absent: close codes of clients and of the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.test_slow_readers import Member, member
from tests.support.waiting import until
from tests.transport.inside import Inside, running
from tests.transport.raw import CLOSE, close_payload, frame
from tidegate.core.closes import DRAIN

ROOM = "chat-1"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path) as inside:
        yield inside


def present(inside: Inside) -> list[str]:
    room = inside.gateway.sessions.protocol.rooms._rooms.get(ROOM)
    return [] if room is None else [found.id for found in room.presence.members()]


def later(inside: Inside, seconds: float) -> None:
    """Let the gateway's clock go on."""
    clock = inside.gateway.handler._clock
    inside.gateway.handler._clock = lambda: clock() + seconds


async def gone(inside: Inside, sessions: int) -> None:
    await until(lambda: len(inside.gateway.sessions) == sessions)


@pytest.mark.parametrize("payload", [b"", *map(close_payload, (1000, 3000, 4000, 4001, 4101, 4999))], ids=repr)
async def test_a_client_that_closes_its_connection_is_absent_at_once(gateway: Inside, payload: bytes) -> None:
    async with member(gateway, ROOM) as watcher, member(gateway, ROOM) as leaver:
        await watcher.ask(type="join", room=ROOM, presence="diff", ref=2)
        assert len(present(gateway)) == 2
        leaver.send(frame(CLOSE, payload))
        await gone(gateway, 1)
        assert len(present(gateway)) == 1
        assert [user["id"] for user in (await _diff(watcher))["left"]] != present(gateway)


@pytest.mark.parametrize(
    ("payload", "seconds"), [(close_payload(1001), 1.0), (None, 10.0)], ids=["left page", "broken"]
)
async def test_a_page_that_is_left_or_a_connection_that_breaks_leaves_later(
    gateway: Inside, payload: bytes | None, seconds: float
) -> None:
    async with member(gateway, ROOM), member(gateway, ROOM) as leaver:
        if payload is None:
            leaver.writer.transport.abort()
        else:
            leaver.send(frame(CLOSE, payload))
        await gone(gateway, 1)
        later(gateway, seconds - 0.5)
        gateway.gateway.handler.tick()
        assert len(present(gateway)) == 2
        later(gateway, 1.0)
        gateway.gateway.handler.tick()
        assert len(present(gateway)) == 1


async def test_a_connection_that_the_gateway_closes_is_expected_back(gateway: Inside) -> None:
    async with member(gateway, ROOM) as one:
        gateway.gateway.handler.send_away(DRAIN, lambda: 0.0)
        while (got := await one.frame()).opcode != CLOSE:
            pass
        one.send(frame(CLOSE, got.payload))
        await gone(gateway, 0)
        assert len(present(gateway)) == 1


async def _diff(one: Member) -> dict[str, Any]:
    while (message := await one.message())["type"] != "presence_diff":
        pass
    return message
