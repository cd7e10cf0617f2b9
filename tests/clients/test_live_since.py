"""Going on from a position: what `live.since` says, and what becomes of it. A scripted gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.scripted import Peer, ScriptedGateway, begun
from tidegate_client import Client, InvalidOption, connect
from tidegate_client.since import since_of


async def settle(client: Client, peer: Peer) -> None:
    pinging = begun(client.ping())
    await peer.reply(await peer.expect("ping"), "pong", time=1)
    await pinging


def place(seq: int, **more: Any) -> dict[str, Any]:
    return {"position": {"epoch": "e", "seq": seq}, **more}


async def test_since_stands_behind_the_change_that_was_read(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users"))
        await peer.subscribe("s1", "snapshot", 5)
        live = await asking
        assert live.since is None
        about = {"subscription": "s1", "rows": [{"id": 1}], "reset": True, "done": True}
        await peer.send("snapshot", **about, position={"epoch": "e", "seq": 5}, scope="mine")
        for seq in (6, 7):
            await peer.update("s1", "update", {"id": 1, "n": seq}, seq)
        await settle(client, peer)
        assert [((await anext(live)).position or {})["seq"], live.since] == [5, place(5, scope="mine")]
        assert [((await anext(live)).position or {})["seq"], live.since] == [6, place(6, scope="mine")]
        await anext(live)
        await peer.send("heartbeat", time=1, position={"epoch": "e", "seq": 40})
        await settle(client, peer)
        assert live.since == place(40, scope="mine"), "nothing is unread: also what concerned no row of it"
        assert json.loads(json.dumps(live.since)) == live.since


async def test_a_query_goes_on_from_there(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users", since=place(7, scope="mine")))
        request = await peer.subscribe("s1", "recovered", 9)
        assert (request["since"], request["scope"]) == ({"epoch": "e", "seq": 7}, "mine")
        assert "snapshot" not in request
        live = await (await asking).loaded()
        assert live.since == place(7)
        await peer.update("s1", "update", {"id": 1}, 8)
        assert (await anext(live)).key == 1
        assert list(live.rows) == [1], "only what changed since"


async def test_what_cannot_be_recovered_comes_as_a_reset(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users", since={"epoch": "old", "seq": 7}))
        await peer.subscribe("s1", "snapshot", 3)
        live = await asking
        await peer.snapshot("s1", {"id": 1}, {"id": 2})
        assert (await anext(live)).action == "reset"
        assert list(live.rows) == [1, 2]


async def test_since_beside_an_equal_query_is_told_by_a_reset(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users"))
        await peer.subscribe("s1", "snapshot", 5)
        await peer.snapshot("s1", {"id": 1})
        await (await asking).loaded()
        again = await client.subscribe("users", since=place(2))
        assert (await anext(again)).action == "reset"
        assert list(again.rows) == [1]


async def test_rows_beside_a_query_with_since_reset_both(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users", since=place(7)))
        await peer.subscribe("s1", "recovered", 9)
        worker = await asking
        wanting = begun(client.subscribe("users"))
        await peer.expect("unsubscribe")
        await peer.subscribe("s1", "snapshot", 9)
        await peer.snapshot("s1", {"id": 1})
        await (await wanting).loaded()
        assert (await anext(worker)).action == "reset"


def test_what_since_may_be() -> None:
    assert since_of({"epoch": "e", "seq": 1}) == place(1)
    assert since_of({**place(1), "scope": None}) == place(1)
    for wrong in ({}, {"position": 5}, {"epoch": "e", "offset": 1}):
        with pytest.raises(InvalidOption):
            since_of(wrong)
