"""A backup replaces an SQLite database: a client with an older position gets a snapshot.

The tests use real files, a real gateway, and clients from before the restore. In the restored log, the same positions
mean other changes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import GatewayProcess
from tests.support.sqlite import foreign
from tests.support.wire import wire

Position = dict[str, Any]
Row = dict[str, Any]


def insert(gateway: GatewayProcess, *names: str) -> None:
    for name in names:
        gateway.execute("INSERT INTO users (name, email) VALUES (?, ?)", name, f"{name}@example.com")


def backup(gateway: GatewayProcess) -> Path:
    """A consistent copy of the database, also while other programs have it open."""
    copy = gateway.folder / "backup.db"
    with foreign(gateway.database_file) as source, foreign(copy) as target:
        source.backup(target)
    return copy


def overwritten(gateway: GatewayProcess, copy: Path) -> None:
    """The file stays and gets the content of the backup: `cp backup.db tidegate.db`."""
    without_wal(gateway)
    before = gateway.database_file.stat().st_ino
    shutil.copyfile(copy, gateway.database_file)
    assert gateway.database_file.stat().st_ino == before


def moved(gateway: GatewayProcess, copy: Path) -> None:
    """`mv backup.db tidegate.db`."""
    without_wal(gateway)
    copy.replace(gateway.database_file)


def loaded(gateway: GatewayProcess, copy: Path) -> None:
    """SQLite writes the backup's pages into the file: `.restore backup.db`."""
    with foreign(copy) as source, foreign(gateway.database_file) as target:
        source.backup(target)


def without_wal(gateway: GatewayProcess) -> None:
    for suffix in ("-wal", "-shm"):
        gateway.database_file.with_name(gateway.database_file.name + suffix).unlink(missing_ok=True)


def note(gateway: GatewayProcess) -> Path:
    return gateway.database_file.with_name("tidegate.db-tidegate")


async def seen(gateway: GatewayProcess, since: Position | None = None) -> tuple[str, Position, list[str]]:
    """Subscribe, with or without an older position. Returns the mode, the new position and the names in the rows."""
    async with wire(gateway.url) as client:
        request = {"type": "subscribe", "resource": "users"}
        reply = await client.ask({**request, "since": since} if since else {**request, "snapshot": True})
        if reply["mode"] == "snapshot":
            page = await client.hear("snapshot")
            assert page["reset"]
            assert page["done"]
            return reply["mode"], reply["position"], [row["name"] for row in page["rows"]]
        while "position" not in (pong := await client.ask({"type": "ping"})):
            pass  # it is still being brought up
        names = [message["data"]["name"] for message in client.heard if message["type"] == "update"]
        return reply["mode"], pong["position"], names


@pytest.mark.parametrize("restore", [overwritten, moved, loaded])
async def test_the_gateway_recognises_a_restored_log_that_grew_past_the_old_position(
    gateway: GatewayProcess, restore: Callable[[GatewayProcess, Path], None]
) -> None:
    insert(gateway, "ada")
    copy = backup(gateway)
    insert(gateway, "bob", "cleo")
    _, since, names = await seen(gateway)
    assert names == ["ada", "bob", "cleo"]
    gateway.stop()
    restore(gateway, copy)
    insert(gateway, "dora", "emil", "fritz")  # the log is now longer than before the restore
    gateway.start()
    mode, position, names = await seen(gateway, since)
    assert position["seq"] > since["seq"]
    assert (mode, names) == ("snapshot", ["ada", "dora", "emil", "fritz"])
    assert position["epoch"] != since["epoch"]

    # From here on all is as ever.
    gateway.stop()
    insert(gateway, "gerd")
    gateway.start()
    assert (await seen(gateway, position))[::2] == ("recovered", ["gerd"])


async def test_the_gateway_recognises_a_restored_log_that_is_shorter(gateway: GatewayProcess) -> None:
    copy = backup(gateway)
    insert(gateway, "ada", "bob")
    _, since, _ = await seen(gateway)
    gateway.stop()
    overwritten(gateway, copy)
    gateway.start()
    insert(gateway, "cleo", "dora", "emil")  # only now does it grow past the position
    assert (await seen(gateway, since))[::2] == ("snapshot", ["cleo", "dora", "emil"])


async def test_a_copy_without_its_note_begins_a_new_epoch(gateway: GatewayProcess) -> None:
    """A copy on another machine: a gateway there cannot know how far the log had been."""
    insert(gateway, "ada")
    _, since, _ = await seen(gateway)
    gateway.stop()
    note(gateway).unlink()
    insert(gateway, "bob")
    gateway.start()
    assert (await seen(gateway, since))[::2] == ("snapshot", ["ada", "bob"])


async def test_a_copy_with_its_note_begins_a_new_epoch(gateway: GatewayProcess) -> None:
    """Copy and original could both be served. Each would give the same positions to different changes."""
    insert(gateway, "ada")
    _, since, _ = await seen(gateway)
    gateway.stop()
    moved(gateway, backup(gateway))
    gateway.start()
    assert (await seen(gateway, since))[::2] == ("snapshot", ["ada"])


async def test_an_unreadable_note_counts_as_missing(gateway: GatewayProcess) -> None:
    insert(gateway, "ada")
    _, since, _ = await seen(gateway)
    gateway.stop()
    note(gateway).write_bytes(b"")  # a power cut can leave such a file
    gateway.start()
    assert (await seen(gateway, since))[::2] == ("snapshot", ["ada"])


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_database_that_stayed_in_place_keeps_its_epoch(gateway: GatewayProcess, end: str) -> None:
    """Also after writes of another program, and after a kill in which no gateway wrote the note."""
    for _ in range(2):
        insert(gateway, "ada" + os.urandom(4).hex())
        _, since, _ = await seen(gateway)
        getattr(gateway, end)()
        insert(gateway, name := "bob" + os.urandom(4).hex())
        gateway.start()
        assert (await seen(gateway, since))[::2] == ("recovered", [name])
    assert "epoch" not in gateway.log_file.read_text()


async def test_an_unwritable_note_does_not_stop_the_gateway(gateway: GatewayProcess) -> None:
    insert(gateway, "ada")
    gateway.stop()
    note(gateway).unlink()
    note(gateway).mkdir()
    gateway.start()
    assert (await seen(gateway))[2] == ["ada"]
    assert gateway.stop() == 0
    assert gateway.log_file.read_text().count("no note can be kept beside the database") == 1
