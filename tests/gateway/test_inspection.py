"""What an operator sees: who is connected and what it costs, rooms, groups of subscriptions; and nothing secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.gateway.test_removal import bearer
from tests.support.wire import wire
from tests.transport.inside import Inside, running
from tidegate.gateway import inspection

ROW = {"name": "a secret name", "email": "ada@example.com"}


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path) as gateway:
        yield gateway


async def test_the_connection_that_sends_and_reads_much_comes_first(inside: Inside) -> None:
    async with wire(inside.url, **bearer("ada")) as busy, wire(inside.url, **bearer("bob")) as idle:
        before = inspection.figures(inside.connected)
        for _ in range(20):
            await busy.ask({"type": "list", "resource": "tasks"})
        first, second = inspection.connections(inside.connected, before=before)
        assert (first.user, second.user) == ("ada", "bob")
        assert (first.kind, first.anonymous, first.frames_in, first.frames_out) == ("websocket", False, 20, 20)
        assert (second.frames_in, second.frames_out, second.cost) == (0, 0, 0.0), "bob did nothing in the period"
        assert first.cost == pytest.approx(first.loop + first.reads, abs=1e-5)
        assert first.reads > 0, "threads have read for it"
        assert first.bytes_in > 20 * 20
        assert first.bytes_out > 20 * 20
        (whole,) = inspection.connections(inside.connected, user="bob")
        assert whole.frames_out == 1, "the welcome"
        assert inspection.connections(inside.connected, address="192.0.2.1") == []
        assert [view.user for view in inspection.connections(inside.connected, sort="idle", limit=1)] == ["bob"]
        await idle.settle()


async def test_every_order_is_one_of_numbers(inside: Inside) -> None:
    async with wire(inside.url) as client:
        await client.settle()
        for sort in inspection.CONNECTION_SORTS:
            assert len(inspection.connections(inside.connected, sort=sort)) == 1
        for sort in inspection.ROOM_SORTS:
            assert inspection.rooms(inside.gateway.sessions, sort=sort) == []
        for sort in inspection.GROUP_SORTS:
            assert inspection.subscriptions(inside.gateway.sessions, sort=sort) == []


async def test_rooms_and_their_members(inside: Inside) -> None:
    async with wire(inside.url, **bearer("ada")) as one, wire(inside.url, **bearer("bob")) as two:
        await one.ask({"type": "join", "room": "lobby", "info": {"mood": "secret mood"}})
        await two.ask({"type": "join", "room": "lobby"})
        (room,) = inspection.rooms(inside.gateway.sessions)
        assert (room.room, room.connections, room.members) == ("lobby", 2, 2)
        detail = inspection.room(inside.gateway.sessions, "lobby")
        assert detail is not None
        assert [(member.user, len(member.connections)) for member in detail.users] == [("ada", 1), ("bob", 1)]
        assert b"secret" not in msgspec.json.encode(detail)
    assert inspection.room(inside.gateway.sessions, "another") is None


async def test_groups_of_subscriptions_and_what_they_were_sent(inside: Inside) -> None:
    async with wire(inside.url) as one, wire(inside.url) as two:
        for client in (one, two):
            await client.ask({"type": "subscribe", "resource": "users", "filters": {"email": {"contains": "ada"}}})
        created = await one.ask({"type": "create", "resource": "users", "data": ROW})
        assert created["type"] != "error", created
        await one.heard_of("update")
        await two.heard_of("update")
        (group,) = inspection.subscriptions(inside.gateway.sessions)
        assert (group.resource, group.holders, group.members) == ("users", 2, 2)
        assert (group.updates, group.frames) == (1, 2)
        assert '"contains"' in group.filter
        assert b"secret" not in msgspec.json.encode(group), "no row is shown"
