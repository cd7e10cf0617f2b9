"""The file of an SQLite database is lost under a running gateway: no write is acknowledged into a file that is gone.

A gateway notices each case by itself, says why in `/readyz`, and leaves the owner's files as they are. The tests use
real files and a real gateway.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.test_database_under_the_gateway import readiness
from tests.e2e.test_restored_backups import backup
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.wire import Wire, wire
from tidegate.core.closes import DRAIN

pytestmark = pytest.mark.process

NOTICED_S = 2.0
"""How long it may take until a gateway notices that the content changed, which no write shows."""
REFUSED = "unavailable"


def file_and(gateway: GatewayProcess, suffix: str) -> Path:
    return gateway.database_file.with_name(gateway.database_file.name + suffix)


def removed(gateway: GatewayProcess, copy: Path) -> None:
    """`rm app.db*`"""
    for file in gateway.folder.glob("tidegate.db*"):
        file.unlink()


def removed_alone(gateway: GatewayProcess, copy: Path) -> None:
    gateway.database_file.unlink()


def moved_away(gateway: GatewayProcess, copy: Path) -> None:
    gateway.database_file.rename(gateway.folder / "elsewhere.db")


def replaced(gateway: GatewayProcess, copy: Path) -> None:
    """`mv backup.db app.db`: the files -wal and -shm of the former one stay beside it."""
    copy.replace(gateway.database_file)


def log_removed(gateway: GatewayProcess, copy: Path) -> None:
    """`rm app.db-wal app.db-shm`: what is committed there would be lost with the process."""
    for suffix in ("-wal", "-shm"):
        file_and(gateway, suffix).unlink()


def truncated(gateway: GatewayProcess, copy: Path) -> None:
    os.truncate(gateway.database_file, 0)


def shortened(gateway: GatewayProcess, copy: Path) -> None:
    os.truncate(gateway.database_file, 4096)


def filled_with_rubbish(gateway: GatewayProcess, copy: Path) -> None:
    with gateway.database_file.open("r+b") as file:
        file.write(b"rubbish " * 8192)


def overwritten(gateway: GatewayProcess, copy: Path) -> None:
    """`cp backup.db app.db`: the same file, with another content."""
    shutil.copyfile(copy, gateway.database_file)


AT_ONCE = [removed, removed_alone, moved_away, replaced, log_removed]
"""A write shows it: not one is acknowledged."""
SOON = [truncated, shortened, filled_with_rubbish, overwritten]


async def create(client: Wire, number: int) -> dict[str, Any]:
    name = f"user{number}"
    return await client.ask({"type": "create", "resource": "users", "data": {"name": name, "email": f"{name}@x.org"}})


async def grown(gateway: GatewayProcess, client: Wire) -> Path:
    """A backup of before the last rows; the rows so far are in the file itself and not only in its log."""
    for number in range(40):
        assert (await create(client, number))["type"] == "rows"
    copy = await asyncio.to_thread(backup, gateway)
    await asyncio.to_thread(gateway.select, "PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(40, 80):
        assert (await create(client, number))["type"] == "rows"
    return copy


@pytest.mark.parametrize("lose", AT_ONCE)
async def test_no_write_is_acknowledged_into_a_file_that_is_gone(
    gateway: GatewayProcess, lose: Callable[[GatewayProcess, Path], None]
) -> None:
    async with wire(gateway.url) as client:
        copy = await grown(gateway, client)
        lose(gateway, copy)
        reply = await create(client, 100)
        assert (reply["type"], reply.get("code"), reply.get("temporary")) == ("error", REFUSED, True)
        assert reply["retry_after"] > 0
    status, why = await readiness(gateway)
    assert status == 503
    assert "database" in why


@pytest.mark.parametrize("lose", SOON)
async def test_writes_end_soon_after_the_content_of_the_file_is_lost(
    gateway: GatewayProcess, lose: Callable[[GatewayProcess, Path], None]
) -> None:
    async with wire(gateway.url) as client:
        copy = await grown(gateway, client)
        lose(gateway, copy)
        number = 100
        with sent_away():
            async with asyncio.timeout(DEADLINE_S):
                while (await readiness(gateway))[0] == 200:
                    await create(client, number := number + 1)
    async with asyncio.timeout(DEADLINE_S):
        while not await nothing_is_served(gateway):
            pass


async def nothing_is_served(gateway: GatewayProcess) -> bool:
    """False where the gateway sent the client away."""
    with sent_away():
        async with wire(gateway.url) as client:
            assert (await create(client, 200))["code"] == REFUSED
            assert (await client.ask({"type": "list", "resource": "users"})).get("code", REFUSED) == REFUSED
            return True
    return False


@contextmanager
def sent_away() -> Iterator[None]:
    """The gateway may send the client away, when it finds out that the database was replaced."""
    try:
        yield
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        assert closed.rcvd.code == DRAIN


@pytest.mark.parametrize("lose", [replaced, truncated, shortened, filled_with_rubbish, overwritten])
async def test_a_gateway_does_not_start_on_a_file_beside_the_log_of_another_one(
    gateway: GatewayProcess, lose: Callable[[GatewayProcess, Path], None]
) -> None:
    """Nor does it, or the gateway that stops, mix the two: the restored backup stays as it is."""
    async with wire(gateway.url) as client:
        copy = await grown(gateway, client)
        lose(gateway, copy)
        while (await readiness(gateway))[0] == 200:
            pass
    content = gateway.database_file.read_bytes()
    assert await asyncio.to_thread(gateway.stop) == 0
    with pytest.raises(AssertionError, match=r"did not start(.|\n)*(database|malformed)"):
        await asyncio.to_thread(gateway.start)
    assert "Traceback" not in gateway.log_file.read_text().rpartition("did not start")[2]
    assert gateway.database_file.read_bytes() == content


@pytest.mark.parametrize("lose", [replaced, overwritten])
async def test_a_gateway_that_was_killed_does_not_start_on_a_backup_beside_its_log(
    gateway: GatewayProcess, lose: Callable[[GatewayProcess, Path], None]
) -> None:
    async with wire(gateway.url) as client:
        copy = await grown(gateway, client)
    gateway.kill()
    content = copy.read_bytes()
    lose(gateway, copy)
    with pytest.raises(AssertionError, match=r"does not belong together with tidegate.db-wal"):
        await asyncio.to_thread(gateway.start)
    assert gateway.database_file.read_bytes() == content
    for suffix in ("-wal", "-shm"):
        file_and(gateway, suffix).rename(gateway.folder / f"former{suffix}")
    await asyncio.to_thread(gateway.start)
    assert len(gateway.select("SELECT 1 FROM users")) == 40


async def test_files_that_come_back_are_served_again(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        await grown(gateway, client)
        moved_away(gateway, gateway.database_file)
        assert (await create(client, 100))["code"] == REFUSED
        assert not gateway.database_file.exists()  # no connection made a new one
        status, why = await readiness(gateway)
        assert (status, "gone from its path" in why) == (503, True)
        (gateway.folder / "elsewhere.db").rename(gateway.database_file)
        while (await readiness(gateway))[0] != 200:
            pass
        reply = await create(client, 101)
        assert reply["type"] == "rows", reply


async def test_a_disk_that_is_full_for_a_while_needs_no_restart_and_no_write_of_a_client(
    gateway: GatewayProcess,
) -> None:
    """No file of the gateway may grow: the kernel refuses it as it does on a full disk."""
    async with wire(gateway.url) as client:
        await grown(gateway, client)
        before = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (16_384, before[1]))
        assert (await create(client, 100))["code"] == REFUSED
        status, why = await readiness(gateway)
        assert (status, "only deletes are accepted" in why) == (503, True)
        assert len((await client.ask({"type": "list", "resource": "users"}))["rows"]) == 80
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, before)
        while (await readiness(gateway))[0] != 200:
            pass
        assert (await create(client, 101))["type"] == "rows"
