"""A client that comes from a gateway which was further: it is told what it missed, as soon as it is known here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.store.program import Program
from tests.support.wire import Wire, wire
from tests.transport.inside import Inside, running
from tidegate.core.rows.ports import Change
from tidegate.store.serving.change_feed import Deliver


class Behind:
    """A gateway that was handed nothing of what is in the log, and has a client that waits for it."""

    def __init__(self, inside: Inside, deliver: Deliver, position: dict[str, Any]) -> None:
        self.url = inside.url
        self.position = position
        self._feed = inside.store._feed
        self._deliver = deliver
        self._held: list[tuple[Sequence[Change], int]] = []
        self._feed._deliver = lambda changes, upto: self._held.append((changes, upto))

    def catch_up(self) -> None:
        self._feed._deliver = self._deliver
        for changes, upto in self._held:
            self._deliver(changes, upto)

    def since(self, further: int) -> dict[str, Any]:
        return {**self.position, "seq": self.position["seq"] + further}


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    async with running(tmp_path) as inside, wire(inside.url) as listening:
        position = (await listening.ask({"type": "subscribe", "resource": "users"}))["position"]
        gateway = Behind(inside, inside.store._feed._deliver, position)
        program = Program(tmp_path / "tidegate.db")
        for name in ("one", "two", "three"):
            program.execute("INSERT INTO users (name, email) VALUES (?, ?)", (name, f"{name}@example.com"))
        program.close()
        yield gateway


async def subscribe(client: Wire, since: dict[str, Any]) -> None:
    await client.say({"type": "subscribe", "resource": "users", "since": since, "ref": "s"})


async def test_it_goes_on_from_a_position_that_is_not_known_here_yet(behind: Behind) -> None:
    async with wire(behind.url) as client:
        await subscribe(client, behind.since(2))
        assert await client.settle() == []
        behind.catch_up()
        reply = await client.hear("subscribed")
        assert (reply["mode"], reply["position"]) == ("recovered", behind.since(2))
        assert (await client.hear("update"))["data"]["name"] == "three"
        assert await client.settle() == []


async def test_it_gets_a_snapshot_for_a_position_that_the_log_does_not_have(behind: Behind) -> None:
    async with wire(behind.url) as client:
        await subscribe(client, behind.since(4))
        reply = await client.hear("subscribed")
        assert (reply["mode"], reply["position"]) == ("snapshot", behind.since(3))
        page = await client.hear("snapshot")
        assert [row["name"] for row in page["rows"]] == ["one", "two", "three"]
        behind.catch_up()
        assert await client.settle() == []


async def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind(behind: Behind) -> None:
    async with wire(behind.url) as client:
        await subscribe(client, behind.since(3))
        ended = await client.ask({"type": "unsubscribe", "resource": "users"})
        assert ended["type"] == "unsubscribed"
        behind.catch_up()
        assert await client.settle() == []
