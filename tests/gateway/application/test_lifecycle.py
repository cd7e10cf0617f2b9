"""What the application learns about connections and rooms, and how it begins and ends with the gateway."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.application.shop import Shop, bearer, open_shop
from tests.support.waiting import until
from tests.support.wire import wire
from tidegate.gateway.application import background, events
from tidegate.handlers import Connection, Gateway, HandlersError, Stop


def recording(gateway: Gateway) -> list[tuple[str, ...]]:
    """What the application is told, in the order in which it is told."""
    told: list[tuple[str, ...]] = []
    gateway.on_join(lambda room, connection: told.append(("join", room, connection.user.id)))

    @gateway.on_leave
    async def leave(room: str, connection: Connection) -> None:
        told.append(("leave", room, connection.user.id))

    gateway.on_disconnect(lambda connection: told.append(("disconnect", connection.user.id)))
    gateway.room_occupied(lambda room: told.append(("occupied", room)))
    gateway.room_vacated(lambda room: told.append(("vacated", room)))
    return told


async def test_the_application_learns_who_joins_leaves_and_ends_and_which_rooms_fill_and_empty(tmp_path: Path) -> None:
    shop = Shop()
    told = recording(shop.gateway)
    async with open_shop(tmp_path, shop) as inside:
        async with wire(inside.url, **bearer("ada")) as ada, wire(inside.url, **bearer("bob")) as bob:
            await ada.ask({"type": "join", "room": "chat-1"})
            await ada.ask({"type": "join", "room": "chat-1"})
            await until(lambda: len(told) == 2)
            assert sorted(told) == [("join", "chat-1", "ada"), ("occupied", "chat-1")], "once, however often it joins"
            told.clear()
            await bob.ask({"type": "join", "room": "chat-1"})
            await bob.ask({"type": "join", "room": "chat-2"})
            await bob.ask({"type": "leave", "room": "chat-1"})
            await until(lambda: len(told) == 4)
            of_bob = [entry for entry in told if "bob" in entry]
            assert of_bob == [("join", "chat-1", "bob"), ("join", "chat-2", "bob"), ("leave", "chat-1", "bob")]
            assert ("occupied", "chat-2") in told
            told.clear()
            assert (await bob.ask({"type": "join", "room": "nowhere"}))["code"] == "unknown_room"
        await until(lambda: len(told) == 6)
        assert [entry for entry in told if "bob" in entry] == [("leave", "chat-2", "bob"), ("disconnect", "bob")]
        assert [entry for entry in told if "ada" in entry] == [("leave", "chat-1", "ada"), ("disconnect", "ada")]
        assert sorted(entry for entry in told if entry[0] == "vacated") == [
            ("vacated", "chat-1"),
            ("vacated", "chat-2"),
        ]


async def test_a_slow_function_holds_up_the_events_of_one_connection_and_what_is_too_much_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "LIMIT", 3)
    monkeypatch.setattr(events.DROPPED, "_due", None)  # another test may have had its line
    shop = Shop()
    told: list[str] = []
    go_on = threading.Event()

    @shop.gateway.on_join
    def join(room: str, connection: Connection) -> None:
        if connection.user.id == "ada":
            assert go_on.wait(60)
        told.append(f"{connection.user.id} {room}")

    async with (
        open_shop(tmp_path, shop) as inside,
        wire(inside.url, **bearer("ada")) as ada,
        wire(inside.url, **bearer("bob")) as bob,
    ):
        await ada.ask({"type": "join", "room": "chat-1"})
        await bob.ask({"type": "join", "room": "chat-9"})
        await until(lambda: told == ["bob chat-9"])
        for number in range(2, 7):
            await ada.ask({"type": "join", "room": f"chat-{number}"})
        go_on.set()
        await until(lambda: len(told) == 5)
        assert told[1:] == [f"ada chat-{number}" for number in range(1, 5)], "in their order; the others found no room"
    assert "too slow for what happens: joined chat-5 was not told" in caplog.text


async def test_on_start_runs_before_clients_and_a_failure_is_the_end(tmp_path: Path) -> None:
    shop = Shop()
    begun: list[str] = []

    @shop.gateway.on_start
    async def first() -> None:
        begun.append("first")
        await shop.gateway.room("chat-1").send({"text": "the gateway runs"})

    @shop.gateway.on_start
    def second() -> None:
        begun.append("second")

    @shop.gateway.on_stop
    async def stop() -> None:
        begun.append("stop")

    async with open_shop(tmp_path, shop) as inside:
        assert begun == ["first", "second"]
        inside.gateway.life.stop()
        await inside.gateway.work.settled()
        assert begun[2:] == ["stop"]

    @shop.gateway.on_start
    def third() -> None:
        raise OSError("no such disk")

    with pytest.raises(BaseExceptionGroup) as caught:
        async with open_shop(tmp_path, shop):
            pass
    assert caught.group_contains(HandlersError, match="third failed")


async def test_background_tasks_run_again_after_they_failed_and_end_with_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "FIRST_S", 0.01)
    monkeypatch.setattr(background.FAILED, "_due", None)  # another test may have had its line
    shop = Shop()
    runs: list[str] = []
    ended: list[str] = []

    @shop.gateway.background
    async def waits() -> None:
        runs.append("waits")
        if runs.count("waits") < 3:
            raise OSError("no such queue")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    @shop.gateway.background
    def plain(stop: Stop) -> None:
        runs.append("plain")
        stop.wait()
        ended.append("plain")

    @shop.gateway.background
    def once() -> None:
        runs.append("once")

    async with open_shop(tmp_path, shop) as inside, wire(inside.url) as client:
        await until(lambda: runs.count("waits") == 3 and "plain" in runs and "once" in runs)
        await client.ask({"type": "ping"})
        assert sorted(runs) == ["once", "plain", "waits", "waits", "waits"]
    await until(lambda: sorted(ended) == ["plain", "waits"])
    assert "the background task" in caplog.text
    assert "no such queue" in caplog.text


async def test_a_background_task_goes_on_in_another_loop_where_its_own_was_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "FIRST_S", 0.01)
    monkeypatch.setattr(background, "LOOK_S", 0.01)
    shop = Shop()
    runs: list[threading.Thread] = []
    go_on = threading.Event()

    @shop.gateway.background
    async def blocks() -> None:
        runs.append(threading.current_thread())
        if len(runs) == 1:
            assert go_on.wait(60)
        await asyncio.Event().wait()

    async with open_shop(tmp_path, shop, handler_timeout=0.1):
        await until(lambda: len(runs) == 2)
        assert runs[0] is not runs[1]
        go_on.set()


def test_a_function_that_cannot_take_what_it_is_given_is_refused() -> None:
    gateway = Gateway()
    wrong: list[tuple[Any, Any]] = [
        (gateway.on_connect, lambda: None),
        (gateway.on_join, lambda room: None),
        (gateway.room_occupied, lambda room, connection: None),
        (gateway.on_start, lambda what: None),
        (gateway.background, lambda stop, more: None),
    ]
    for register, function in wrong:
        with pytest.raises(HandlersError, match="has to take"):
            register(function)
