"""`tidegate top`, `tail` and `revoke`: what they print, and that nothing of a client changes the terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.admin.operators import OPERATORS, Operators, operated
from tests.gateway.test_removal import bearer, ended
from tests.support.wire import wire
from tidegate import cli
from tidegate.cli import tail, top_nodes, top_table

EVIL = "eve\x1b[2J\n\u202e"
VIEW: dict[str, Any] = {
    "id": "c1", "kind": "websocket", "user": EVIL, "address": "192.0.2.1", "cost": 0.0123, "loop": 0.01, "reads": 12.0,
    "frames_in": 1234567, "bytes_in": 12, "frames_out": 0, "bytes_out": 5e9, "unsent": 0, "held": 0, "rooms": 2,
    "subscriptions": 3, "age": 7200.0,
}  # fmt: skip
NODE = {"connections": 7, "database": "healthy"}


@pytest.fixture
async def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Operators]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_ADMIN_SECRET", OPERATORS)
    async with operated(tmp_path) as found:
        monkeypatch.setenv("TIDEGATE_ADMIN", f"127.0.0.1:{found.address.port}")
        yield found


def test_a_table_fits_the_terminal_and_shows_no_control_characters() -> None:
    found = {"items": [VIEW], "nodes": [NODE, {**NODE, "database": "locked"}], "silent": ["process 3"]}
    head, titles, row = top_table.lines(found, "cost", 400)
    assert head == "14 connections, 2 processes, locked, silent: process 3; by cost"
    assert "COST ms*" in titles
    assert row.split() == [
        "c1", "eve?[2J??", "192.0.2.1", "12.3", "10.0", "12000", "1.2M", "12", "0", "5.0G", "0", "0", "2", "3", "2h",
    ]  # fmt: skip
    assert all(len(line) <= 40 and line.isprintable() for line in top_table.lines(found, "cost", 40))


def test_the_table_of_gateways_says_what_is_wrong_with_each() -> None:
    well = {"node": "a1", "standing": "present", "heard": 0.0, "silent": False, "worker": 1, "host": "h\x1b[2J"}
    well |= {"process": 7, "version": "1.2.3", "since": 1000, "connections": 5, "draining": False}
    well |= {"database": "healthy", "engine": "healthy"}
    ill = {**well, "node": "b2", "worker": 0, "draining": True, "database": "locked", "heard": 3.2}
    gone = {"node": "c3", "standing": "leaving", "heard": None, "silent": True}
    head, titles, *rows = top_nodes.lines({"items": [well, ill, gone], "silent": ["process 3"]}, 121.0, 400)
    assert head == "3 gateways, 10 connections, silent: process 3"
    assert titles.split()[:2] == ["NODE", "HOST"]
    assert rows[0].split() == ["a1", "h?[2J", "7", "1", "1.2.3", "2m", "0s", "5", "healthy"]
    assert rows[1].endswith("draining, database: locked")
    assert rows[2].split()[:3] == ["c3", "-", "-"]
    assert rows[2].endswith("does not answer, leaving")
    assert all(len(line) <= 30 for line in top_nodes.lines({"items": [well, ill], "silent": []}, 0.0, 30))


def test_a_line_of_a_tail() -> None:
    event = {"time": 0.0, "connection": "c1", "direction": "in", "type": EVIL, "code": "forbidden", "bytes": 12}
    assert tail.line(event).endswith("c1 > eve?[2J?? code=forbidden 12 B")
    assert tail.line({"event": "dropped", "count": 3}).endswith("- dropped count=3")


async def test_the_costliest_client_of_an_attack_is_found_and_ended(
    operators: Operators, capsys: pytest.CaptureFixture[str]
) -> None:
    url, text = operators.inside.url, {"or": [{"name": {"contains": f"q{n}"}} for n in range(20)]}
    async with wire(url, **bearer("eve")) as attacker, wire(url, **bearer("ada")) as innocent:

        async def attack() -> None:
            for ref in range(100_000):
                await attacker.say({"type": "list", "resource": "users", "filters": text, "ref": ref})
                await attacker.hear(lambda _: True)

        attacking = asyncio.create_task(attack())
        await innocent.settle()
        assert await asyncio.to_thread(cli.main, ["top", "--once", "--json", "--seconds", "0.3"]) == 0
        first = json.loads(capsys.readouterr().out)["items"][0]
        assert first["user"] == "eve"
        assert await asyncio.to_thread(cli.main, ["top", "--once", "--seconds", "0"]) == 0
        assert "eve" in capsys.readouterr().out
        assert (await operators.ask("POST", "/disconnect", {"connection": first["id"]})).status == 200
        with pytest.raises(Exception):  # noqa: B017  # however the library says that the connection is closed
            await attacking
        assert (await ended(attacker))[0] == 4003
        await innocent.settle()


async def test_a_user_and_a_token_are_revoked(operators: Operators, capsys: pytest.CaptureFixture[str]) -> None:
    url = operators.inside.url
    async with wire(url, **bearer("ada")) as ada, wire(url, **bearer("bob", jti="t1")) as bob:
        assert await asyncio.to_thread(cli.main, ["revoke", "--user", "ada"]) == 0
        assert (await ended(ada))[0] == 4001
        assert "ada that were issued until now" in capsys.readouterr().out
        assert await asyncio.to_thread(cli.main, ["revoke", "--user", "bob", "--until", "2001-01-01T00:00:00Z"]) == 0
        await bob.settle()
        assert await asyncio.to_thread(cli.main, ["revoke", "--jti", "t1"]) == 0
        assert (await ended(bob))[0] == 4001
    for command, code, complaint in (
        (["revoke", "--user", "a", "--until", "2030-01-01T00:00:00"], 2, "must have an offset from UTC"),
        (["revoke", "--user", "a", "--until", "tomorrow"], 2, "must be a date and time such as"),
        (["revoke", "--jti", "t", "--until", "2030-01-01T00:00:00Z"], 2, "goes with --user"),
        (["revoke", "--user", "a", "--until", "2300-01-01T00:00:00Z"], 1, "not revoked: until: must be at most"),
        (["revoke", "--user", ""], 1, "1 to 256 characters"),
    ):
        assert await asyncio.to_thread(cli.main, command) == code, command
        assert complaint in capsys.readouterr().err


async def test_commands_say_why_nothing_is_shown(
    operators: Operators, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for command, code, complaint in (
        (["top", "--once", "--admin", "127.0.0.1:1"], 1, "does not answer"),
        (["top", "--once", "--admin", "nonsense"], 2, "HOST:PORT"),
        (["tail", "--user", "ada", "--payload"], 1, "development mode only"),
    ):
        assert await asyncio.to_thread(cli.main, command) == code
        assert complaint in capsys.readouterr().err
    monkeypatch.setenv("TIDEGATE_ADMIN_SECRET", "y" * 32)
    assert await asyncio.to_thread(cli.main, ["top", "--once"]) == 1
    assert "send the secret" in capsys.readouterr().err
    monkeypatch.delenv("TIDEGATE_ADMIN")
    assert await asyncio.to_thread(cli.main, ["top", "--once"]) == 2
    assert "give --admin" in capsys.readouterr().err
