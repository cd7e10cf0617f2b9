"""What simulated histories found in the product, each told once more by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.wire import wire
from tests.transport.inside import running
from tidegate.core import effects as fx
from tidegate.core.access.rules import RowAccess
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rows import catch_up_actions
from tidegate.core.rows import effects as row_fx
from tidegate.core.rows.catch_up_events import FeedFollows
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import ResourceRules
from tidegate.core.rows.ports import Change
from tidegate.core.session import Session
from tidegate.store.sqlite import connection
from tidegate_protocol import FeedPosition, Principal, Subscribed, SubscribeRequest, UnsubscribeRequest

USERS = {"type": "subscribe", "resource": "users"}
RULES = {"users": ResourceRules("users", ("id",), RowAccess("users", {"read": "anyone"}))}


def protocol() -> Protocol:
    return Protocol(RULES, lambda name: None, FeedCursor("e", 10), SessionLimits())


def session(name: str) -> Session:
    return Session(name, object(), Principal(id=name, name=name, roles=[], anonymous=False))


def change(seq: int, action: str = "update", actor: str | None = None) -> Change:
    return Change(
        seq=seq,
        time=0,
        resource="users",
        key={"id": 1},
        action=action,  # type: ignore[arg-type]  # a word of the log
        old={"id": 1, "name": "Ada"} if action == "update" else None,
        new={"id": 1, "name": f"Ada {seq}"} if action == "update" else None,
        origin=None if actor is None else "a key",
        actor=actor,
    )


async def test_equal_requests_that_wait_for_the_feed_are_all_answered(tmp_path: Path) -> None:
    async with running(tmp_path) as inside, wire(inside.url) as client:
        await client.ask({"type": "ping"})
        inside.store.pause()
        await client.say(USERS | {"ref": "one"})
        answers = [(await client.ask(USERS))["mode"]]
        answers += [message["mode"] for message in client.heard if message.get("ref") == "one"]
        assert answers == ["live", "live"]


async def test_changes_of_a_resource_that_the_schema_has_lost_hide_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are left out of what is read from the log: a part with fewer changes than were asked for is not the end."""
    monkeypatch.setattr(catch_up_actions, "BATCH", 4)
    async with running(tmp_path) as inside, wire(inside.url) as client:
        inside.gateway.sessions.protocol.rows.cursor.keep = 0
        await client.ask({"type": "subscribe", "resource": "tasks"})  # without a subscription the feed would rest
        since = (await client.ask({"type": "ping"}))["position"]
        program = connection.connect(tmp_path / "tidegate.db")
        program.execute("BEGIN IMMEDIATE")  # the gateway sees no change that is not forgotten yet
        for number in range(12):
            program.execute(
                "INSERT INTO users (name, email, status) VALUES (?, ?, 'active')",
                (f"n{number}", f"n{number}@example.com"),
            )
        program.execute("UPDATE tidegate_log SET resource = 'forgotten' WHERE seq % 4 = 2")
        program.execute("COMMIT")
        program.close()
        async with asyncio.timeout(DEADLINE_S):
            while (await client.ask({"type": "ping"}))["position"] == since:
                pass
        assert (await client.ask(USERS | {"since": since}))["mode"] == "recovered"
        names = [(await client.hear("update"))["data"]["name"] for _ in range(9)]
        assert names == [f"n{number}" for number in range(12) if number % 4 != 1]


@pytest.mark.parametrize("asked", ["rows", "what it missed", "nothing"])
def test_unsubscribe_during_catch_up_never_reports_an_unreached_position(asked: str) -> None:
    since, snapshot = FeedPosition(epoch="e", seq=4), asked == "rows"
    request = SubscribeRequest(resource="users", snapshot=snapshot, ref=1)
    if asked == "what it missed":
        request.since = since
    rows, client = protocol(), session("ada")
    rows.receive(client, request, 0.0)
    (first, _) = rows.receive(client, UnsubscribeRequest(resource="users", ref=2), 0.0)
    assert isinstance(first, fx.Reply)
    assert isinstance(first.message, Subscribed)
    told = first.message.mode, first.message.position.seq
    assert told == {"rows": ("snapshot", 10), "what it missed": ("recovered", 4), "nothing": ("live", 10)}[asked]


def test_of_a_position_of_another_log_nothing_is_promised() -> None:
    rows, client = protocol(), session("ada")
    since = FeedPosition(epoch="another", seq=4)
    rows.receive(client, SubscribeRequest(resource="users", since=since, ref=1), 0.0)
    (first, _) = rows.receive(client, UnsubscribeRequest(resource="users", ref=2), 0.0)
    assert isinstance(first, fx.Reply)
    assert isinstance(first.message, Subscribed)
    assert first.message.mode == "snapshot"


def test_before_a_reset_no_subscriber_gets_a_part_of_the_changes() -> None:
    """A batch in which a table was emptied: its subscribers get snapshots, and some sinks had been noted already."""
    rows, own, other = protocol(), session("ada"), session("bob")
    for client in (own, other):
        (watch,) = rows.receive(client, SubscribeRequest(resource="users", ref=1), 0.0)
        assert isinstance(watch, row_fx.CatchUp)
        rows.rows.subscriptions.tell(watch.subscription, FeedFollows())
    effects = rows.rows.dispatch([change(11), change(12, actor="ada"), change(13, "reset"), change(14)], 14)
    sent = [sink for effect in effects if isinstance(effect, fx.Push) for sink in effect.sinks]
    assert sent == []
    assert [type(effect) for effect in effects] == [row_fx.CatchUp, row_fx.CatchUp]
